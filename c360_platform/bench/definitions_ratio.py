"""What it costs to load this code location, in units of an empty Dagster project.

Belongs here: the two projects that are loaded. Does not belong here: how processes are measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

from c360_platform.bench.processes import Command, Ratio, Say, compare
from c360_platform.bench.workplace import make_workplace
from c360_platform.settings import PROJECT_ROOT

_EMPTY_PROJECT = """\
import dagster as dg


@dg.definitions
def defs():
    return dg.Definitions()
"""


def definitions_ratio(directory: Path, *, rounds: int, say: Say) -> Ratio:
    """`dagster definitions validate` of this code location ÷ the same of a project without definitions.

    The dbt project is parsed before, as it is at every start but the first after a change.
    """
    from c360_platform.dbt_manifest import prepare_manifest

    workplace = make_workplace(directory)
    prepare_manifest(workplace.settings)
    (directory / "empty_project.py").write_text(_EMPTY_PROJECT)

    def validate(module: str, working_directory: Path) -> Command:
        arguments = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", module]
        return Command(arguments, workplace.environment, working_directory)

    return compare(
        "definitions load ÷ empty project",
        ours=validate("c360_platform.definitions", PROJECT_ROOT),
        floor=validate("empty_project", directory),
        rounds=rounds,
        detail="dagster definitions validate",
        say=say,
    )

"""Every statement that our Python sends to BigQuery, judged.

Belongs here: running the producers over a checked project and naming the line that sent what is wrong. Does
not belong here: the producers themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from c360_platform.activation.spec import load_specs
from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.compiled import CompiledProject
from c360_platform.googlesql.listening import Heard, ListeningWarehouse, Refused
from c360_platform.googlesql.producers import PRODUCERS, ProducerError, Scene
from c360_platform.googlesql.project import Findings, Problem

_SHOWN_CHARACTERS = 160


def check_sent(
    project: CompiledProject, analyser: Analyser, *, google_project: str, dataset_prefix: str = ""
) -> tuple[Findings, Sequence[Heard]]:
    """Judge what Python sends, over the tables that the analyser knows after `check_project`.

    Syncs whose model is broken are not judged. Also returns what was heard, with the lines that sent it.
    """
    warehouse = ListeningWarehouse(analyser, google_project, dataset_prefix)
    specs = load_specs(project.manifest, project_dir=project.directory)
    known = [spec for spec in specs if warehouse.columns(spec.schema, spec.table)]
    found = Findings(unchecked=[f"sync {spec.name}" for spec in specs if spec not in known])
    scene = Scene(warehouse, known, project.manifest)
    for producer in PRODUCERS:
        try:
            with suppress(Refused):  # it is on record; what would have followed is not
                producer(scene)
        except ProducerError as error:
            found.problems.append(Problem("c360_platform/googlesql/producers.py", 0, str(error)))
    found.statements = len({(heard.sql, heard.parameters) for heard in warehouse.heard})
    named: set[tuple[str, int, str]] = set()
    for heard in warehouse.heard:
        if heard.error is None:
            continue
        problem = _problem(heard)
        if (problem.file, problem.line, problem.reason) not in named:  # once, not once per sync
            named.add((problem.file, problem.line, problem.reason))
            found.problems.append(problem)
    return found, warehouse.heard


def _problem(heard: Heard) -> Problem:
    error = heard.error
    assert error is not None  # noqa: S101  (for the type checker: only those come here)
    file, line = heard.places[0] if heard.places else ("c360_platform", 0)
    lines = heard.sql.splitlines()
    shown = lines[error.line - 1] if 0 < error.line <= len(lines) else heard.sql
    start = max(error.column - _SHOWN_CHARACTERS // 2, 0)  # statements of Python may be one long line
    return Problem(file, line, error.message, shown=" ".join(shown[start:][:_SHOWN_CHARACTERS].split()))

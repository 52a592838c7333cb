"""The whole check, as `c360 check-sql` runs it.

Belongs here: the order of things and the summary. Does not belong here: each of them.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.compiled import compile_project
from c360_platform.googlesql.engine import engine, require_engine
from c360_platform.googlesql.memory import Memory
from c360_platform.googlesql.project import Problem, check_project
from c360_platform.googlesql.sent import check_sent
from c360_platform.settings import Settings

# What the SQL says where no project is set; nobody connects to it.
ANY_PROJECT = "offline-check"
# Modules whose import takes seconds.
_LATER = ("c360_platform.checks", "c360_platform.assets.ingest", "c360_platform.activation.engine")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `unchecked` names what could not be judged because what it reads is broken."""

    statements: int
    problems: tuple[Problem, ...]
    unchecked: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        counts = f"{self.statements} statements, {len(self.problems)} problems"
        return f"{counts}, {len(self.unchecked)} not checked; {self.seconds:.0f} s"


def check_sql(settings: Settings) -> Report:
    """Judge all SQL that goes to BigQuery, from dbt and from Python, without asking BigQuery.

    Raises `EngineUnavailable` without the analyser, `ManifestError` for a project that dbt cannot parse.
    """
    require_engine()
    started = time.monotonic()
    threading.Thread(target=_load_ahead, daemon=True).start()
    google_project = settings.bigquery_project or ANY_PROJECT
    prefix = settings.bigquery_dataset_prefix
    project = compile_project(settings.dbt_project_dir, project=google_project, dataset_prefix=prefix)
    memory = Memory()
    analyser = Analyser(memory)
    try:
        models = check_project(project, analyser)
        sent, _ = check_sent(project, analyser, google_project=google_project, dataset_prefix=prefix)
    finally:
        memory.save()
    return Report(
        statements=models.statements + sent.statements,
        problems=(*models.problems, *sent.problems),
        unchecked=(*models.unchecked, *sent.unchecked),
        seconds=time.monotonic() - started,
    )


def _load_ahead() -> None:
    """What the check needs in any case, loaded while dbt compiles in its own process."""
    engine()
    for module in _LATER:
        importlib.import_module(module)


def check_and_report(settings: Settings, say: Callable[[str], None]) -> bool:
    """Run the check and say what it found; whether nothing was wrong."""
    report = check_sql(settings)
    for problem in report.problems:
        say(str(problem))
    say(str(report))
    return not report.problems

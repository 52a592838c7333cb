"""The whole check, as `c360 check-sql` runs it.

Belongs here: the order of things and the summary. Does not belong here: each of them.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.compiled import compile_project, project_state
from c360_platform.googlesql.engine import cache_directory, engine, engine_version, require_engine
from c360_platform.googlesql.listening import PACKAGE
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

    When neither the dbt project nor our code changed since a check, its report is given again. Raises
    `EngineUnavailable` without the analyser, `ManifestError` for a project that dbt cannot parse.
    """
    require_engine()
    started = time.monotonic()
    google_project = settings.bigquery_project or ANY_PROJECT
    directory, prefix = settings.dbt_project_dir, settings.bigquery_dataset_prefix
    state = _code_state() + project_state(directory, project=google_project, dataset_prefix=prefix)
    kept = _kept_report(state)
    if kept is not None:
        return replace(kept, seconds=time.monotonic() - started)
    threading.Thread(target=_load_ahead, daemon=True).start()
    project = compile_project(directory, project=google_project, dataset_prefix=prefix)
    memory = Memory()
    analyser = Analyser(memory)
    try:
        models = check_project(project, analyser)
        sent, _ = check_sent(project, analyser, google_project=google_project, dataset_prefix=prefix)
    finally:
        memory.save()
    report = Report(
        statements=models.statements + sent.statements,
        problems=(*models.problems, *sent.problems),
        unchecked=(*models.unchecked, *sent.unchecked),
        seconds=time.monotonic() - started,
    )
    _keep_report(state, report)
    return report


def _code_state() -> str:
    """A digest of our code, which sends statements and judges them, and of the analyser's version."""
    digest = hashlib.sha256(engine_version().encode())
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _kept_report(state: str) -> Report | None:
    try:
        kept = json.loads(_report_file().read_text(encoding="utf-8"))
        found = kept["report"] if kept["state"] == state else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if found is None:
        return None
    problems = tuple(Problem(**problem) for problem in found["problems"])
    return Report(found["statements"], problems, tuple(found["unchecked"]), found["seconds"])


def _keep_report(state: str, report: Report) -> None:
    file = _report_file()
    partial = file.with_suffix(f".{os.getpid()}")
    try:
        partial.write_text(json.dumps({"state": state, "report": asdict(report)}), encoding="utf-8")
        partial.replace(file)
    except OSError:  # a read-only home: the next check takes its time again
        partial.unlink(missing_ok=True)


def _report_file() -> Path:
    return cache_directory() / "last-check.json"


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

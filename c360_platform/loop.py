"""Run a job of the code location in this process and tell what happened, step by step.

Belongs here: starting a Dagster run against a home's own instance, following its events, collecting what
failed in one line each. Does not belong here: what the steps do (assets), and printing (cli).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from dagster import EventLogEntry

    from c360_platform.settings import Settings

# The run's own story goes to the event log and to `progress`; the console stays readable.
QUIET_CONSOLE = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

PUSHES = "klaviyo/"
ROW_COUNT = "dagster/row_count"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Materialization:
    """One asset as a run left it: slash-separated key and plain metadata values."""

    key: str
    metadata: Mapping[str, Any]


@dataclass(slots=True)
class RunOutcome:
    """What one run did. `failures` maps a step to one line that says what went wrong; `rows` maps the key of
    every table that the run counted, slash-separated, to its number of rows.
    """

    run_id: str
    job: str
    success: bool = False
    seconds: float = 0.0
    materializations: list[Materialization] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    step_seconds: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def pushes(self) -> dict[str, Mapping[str, Any]]:
        """Sync to the counters of its report, in the order they ran; raw tables of Klaviyo have none."""
        return {
            made.key.removeprefix(PUSHES): made.metadata
            for made in self.materializations
            if made.key.startswith(PUSHES) and "planned" in made.metadata
        }


def run_job(settings: Settings, job: str, *, progress: Progress = lambda _: None) -> RunOutcome:
    """Execute `job` in this process. Never raises for a failed step: the outcome says which and why."""
    from c360_platform.definitions import build
    from c360_platform.instance import home_instance

    outcome = RunOutcome(run_id=str(uuid4()), job=job)
    started = time.monotonic()
    with home_instance(settings) as instance, _console_into(settings.home / "run.log"):
        instance.add_event_listener(outcome.run_id, _Listener(outcome, progress))
        result = (
            build(settings)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance, run_id=outcome.run_id, run_config=QUIET_CONSOLE, raise_on_error=False
            )
        )
    outcome.success = result.success
    outcome.seconds = time.monotonic() - started
    return outcome


@contextmanager
def _console_into(log: Path) -> Iterator[None]:
    """dbt's and dlt's own output, which only matters when something is wrong, goes into a file."""
    with log.open("w") as file, redirect_stdout(file):
        yield


class _Listener:
    """Turns Dagster's events into an outcome and lines of progress."""

    def __init__(self, outcome: RunOutcome, progress: Progress) -> None:
        self.outcome = outcome
        self.progress = progress
        self.started: dict[str, float] = {}

    def __call__(self, entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            # What a step says of its own accord, such as a model that dbt has built.
            if entry.level >= logging.INFO:
                self.progress(f"  {entry.user_message}")
            return
        step = event.step_key or ""
        if event.is_step_start:
            self.started[step] = entry.timestamp
            self.progress(f"{step} …")
        elif event.is_step_success or event.is_step_failure:
            seconds = entry.timestamp - self.started.get(step, entry.timestamp)
            self.outcome.step_seconds[step] = seconds
            if event.is_step_failure:
                self.outcome.failures[step] = _reason(event)
            self.progress(f"{step} {'failed' if event.is_step_failure else 'done'} ({seconds:.1f} s)")
        elif event.is_step_materialization:
            made = event.step_materialization_data.materialization
            self.outcome.materializations.append(
                Materialization(
                    key="/".join(made.asset_key.path),
                    metadata={name: _plain(value) for name, value in made.metadata.items()},
                )
            )
            self._count(made)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            self._count(check)
            if not check.passed:
                self.outcome.warnings.append(f"check {check.check_name} on {'/'.join(check.asset_key.path)}")

    def _count(self, seen: Any) -> None:
        """Take the row count of a materialization or of a check that looked at a whole table."""
        if ROW_COUNT in seen.metadata:
            self.outcome.rows["/".join(seen.asset_key.path)] = _plain(seen.metadata[ROW_COUNT])


def _reason(event: Any) -> str:
    """The innermost message of a step's failure, on one line."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return " ".join(data.user_failure_data.description.split())
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return " ".join(error.message.split()) if error else "failed"


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)

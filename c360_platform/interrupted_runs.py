"""Runs whose process is gone: a machine that lost power, a `kill -9`, a closed laptop.

Belongs here: finding them in one machine's Dagster instance and ending them, so that the next run starts.
Does not belong here: what a run left half done; every step can be repeated.

Dagster keeps such a run "started", and with it the pool slot of the step it was in: without this, the next
run would wait for that slot for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunRecord

# A process cannot have begun its run before it was born; clocks and rounding allow this much.
TOLERANCE_SECONDS = 2.0


def end_interrupted_runs(instance: DagsterInstance) -> list[str]:
    """Mark every run as failed whose process is gone, free what it held, and return the ids of these runs.

    Only for an instance whose runs are processes of this machine.
    """
    import dagster as dg

    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    )
    ended = []
    for record in records:
        run = record.dagster_run
        if not _is_alive(instance, record):
            instance.report_run_failed(run, message="The process of this run is gone: it was killed.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


def _is_alive(instance: DagsterInstance, record: RunRecord) -> bool:
    import psutil

    pid = _process_of(instance, record.dagster_run.run_id)
    if pid is None:
        return True  # nothing was recorded yet: it is just starting
    try:
        process = psutil.Process(pid)
        # The system may have given the number to another process since.
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and process.create_time() < (record.start_time or 0) + TOLERANCE_SECONDS
        )
    except psutil.NoSuchProcess:
        return False


def _process_of(instance: DagsterInstance, run_id: str) -> int | None:
    """The process that last said it executes the run's steps."""
    import dagster as dg

    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    for record in reversed(records):
        event = record.event_log_entry.dagster_event
        if event is not None and (pid := event.engine_event_data.metadata.get("pid")) is not None:
            return int(str(pid.value))
    return None

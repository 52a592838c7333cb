"""The record of a run, and the rule that a sync has one run at a time.

Belongs here: the ledger's table `runs`. Does not belong here: what a run does. Two runs of a sync would
overwrite each other's plan, so the second is turned away while the first is alive: its process is there, or
it is on another host and has done something lately.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from c360_platform.activation.errors import SyncHeld
from c360_platform.activation.ledger_tables import ledger_table
from c360_platform.warehouse import Warehouse

# Longer than any wait of a living run: what is silent for so long is dead, whoever has its process id now.
_SILENCE = timedelta(minutes=30)
_ours: set[tuple[str, str]] = set()  # (run, sync) at work in this process
_beginning = threading.Lock()


class RunRecord:
    """One run of one sync in the ledger."""

    def __init__(self, warehouse: Warehouse, sync: str, run_id: str) -> None:
        self.warehouse = warehouse
        self.sync = sync
        self.run_id = run_id
        self.runs = ledger_table(warehouse, "runs")
        self.batches = ledger_table(warehouse, "batches")
        # A run at work has no end yet; where the table has partitions, those without one lie apart.
        self.running = f"sync = '{sync}' and finished_at is null and status = 'running'"

    def begin(self, kind: str, at: datetime, *, overrides: Sequence[str] = ()) -> None:
        """Open the run; one that a dead process left is closed as abandoned.

        Raises `SyncHeld` while another run of the sync is at work.
        """
        with _beginning:
            self.turn_away_second(at)
            self.warehouse.transaction(
                [
                    (
                        f"update {self.runs} set status = 'abandoned', finished_at = ? where {self.running}",
                        [at],
                    ),
                    (
                        f"insert into {self.runs} "
                        "(run_id, sync, object, status, started_at, host, pid, overrides) "
                        "values (?, ?, ?, 'running', ?, ?, ?, ?)",
                        [
                            *(self.run_id, self.sync, kind, at),
                            *(socket.gethostname(), os.getpid(), ",".join(overrides)),
                        ],
                    ),
                ]
            )
            _ours.add((self.run_id, self.sync))

    def finish(self, status: str, at: datetime, message: str, counters: Mapping[str, Any]) -> None:
        """Close the run with its counters."""
        _ours.discard((self.run_id, self.sync))
        names = ", ".join(f"{name} = ?" for name in counters)
        self.warehouse.execute(
            f"update {self.runs} set status = ?, finished_at = ?, message = ?, {names} "
            f"where {self.running} and run_id = ?",
            [status, at, message, *counters.values(), self.run_id],
        )

    def kinds_before(self) -> dict[str, str]:
        """Mapped column to the kind of its values in the latest run that succeeded; empty without one."""
        rows = self.warehouse.table(
            f"select kinds from {self.runs} where sync = '{self.sync}' and status = 'succeeded' "
            "and kinds is not null order by finished_at desc limit 1"
        )
        return json.loads(rows["kinds"][0].as_py()) if rows.num_rows else {}

    def turn_away_second(self, at: datetime) -> None:
        """Raise `SyncHeld` while another run of the sync is at work."""
        running = self.warehouse.table(
            f"select run_id, host, pid, started_at from {self.runs} where {self.running}"
        )
        for run in running.to_pylist():
            if at - self._last_seen(run) < _SILENCE and _may_be_alive(run, self.sync):
                raise SyncHeld(
                    f"sync {self.sync}: run {run['run_id']} is at work on it (process {run['pid']} on "
                    f"{run['host']}): let it finish, nothing was sent"
                )

    def _last_seen(self, run: Mapping[str, Any]) -> datetime:
        row = self.warehouse.table(
            f"select max(planned_at) as planned, max(accepted_at) as accepted, max(settled_at) as settled "
            f"from {self.batches} where sync = '{self.sync}' and run_id = ? "
            "and (settled_at is null or settled_at >= ?)",
            [run["run_id"], run["started_at"]],
        ).to_pylist()[0]
        return max(moment for moment in (run["started_at"], *row.values()) if moment is not None)


def _may_be_alive(run: Mapping[str, Any], sync: str) -> bool:
    if run["host"] != socket.gethostname():
        return True
    if run["pid"] == os.getpid():
        return (run["run_id"], sync) in _ours
    if os.name != "posix":
        return True
    try:
        os.kill(run["pid"], 0)  # asks, does not kill
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True

"""Runs of the real engine in processes that can be killed.

Belongs here: forking a process per run, what it does and tells, killing it at a counted moment. Does not
belong here: which moments (`mishaps`), and judging what came of it (`expected`).

All processes are forked from one that has imported the engine and has done nothing else, so that a run costs
its own work only.
"""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from c360_platform.activation import payloads
from c360_platform.activation.delivery import Overrides, Patience
from c360_platform.activation.engine import run_sync
from c360_platform.activation.errors import SyncError, SyncHeld
from c360_platform.activation.spec import SyncSpec
from c360_platform.activation.transport.client import Klaviyo
from c360_platform.activation.transport.connection import Bounds
from c360_platform.warehouse import Statement, Value, WarehouseError
from c360_platform.warehouse.duckdb import DuckDBWarehouse
from tests.chaos.shop import KEY

Moment = Literal["before", "middle", "after"]
_LONGEST_SECONDS = 60.0
_BOUNDS = Bounds(read=0.3)  # real seconds: sockets do not know of the fast clock
_PATIENCE = Patience(first_pause=0.5, longest_pause=1.0, imports=2.0, events=2.0)


@dataclass(frozen=True)
class Strike:
    """SIGKILL at the `call`th write to the warehouse of a run's process."""

    call: int
    moment: Moment


@dataclass(frozen=True)
class Job:
    """What one process does: the syncs, one after the other.

    With `stays_open` the process keeps the warehouse's file open between the engine's visits: that spares
    half of its work, and no other process gets in.
    """

    warehouse: Path
    url: str
    syncs: Sequence[SyncSpec]
    run_id: str
    now: datetime
    rows_in_a_batch: int
    overrides: Overrides = field(default_factory=Overrides)
    strike: Strike | None = None
    stays_open: bool = True


@dataclass(frozen=True)
class Outcome:
    """How a run of one sync ended; `text` is all that it logged, printed and raised."""

    sync: str
    ended: Literal["succeeded", "held", "failed", "crashed"]
    text: str
    report: dict[str, Any] = field(default_factory=dict)
    cpu_seconds: float = 0.0


class Runners:
    """The processes of one world."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(
            ["tests.chaos.fast_time", "tests.platform.sync.prepared", "tests.chaos.runner"]
        )

    def start(self, job: Job) -> Running:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(job, theirs))
        process.start()
        theirs.close()
        return Running(process, ours)


class Running:
    """One process at work; it waits for `go`."""

    def __init__(self, process: Any, pipe: Pipe) -> None:
        self._process = process
        self._pipe = pipe

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def go(self) -> None:
        self._pipe.send(None)

    def outcomes(self) -> tuple[list[Outcome], bool]:
        """What it told before it ended, and whether it was killed. Raises `TimeoutError` when it hangs."""
        told: list[Outcome] = []
        deadline = time.monotonic() + _LONGEST_SECONDS
        try:
            while self._pipe.poll(max(deadline - time.monotonic(), 0)):
                told.append(self._pipe.recv())
            self.kill()
            raise TimeoutError("a run's process hangs")
        except (EOFError, ConnectionResetError):
            pass
        finally:
            self._process.join()
            self._pipe.close()
        return told, self._process.exitcode == -signal.SIGKILL


class _Mortal(DuckDBWarehouse):
    """A warehouse whose process dies at a counted write."""

    def __init__(self, path: Path, strike: Strike | None) -> None:
        super().__init__(path)
        self._strike = strike
        self._writes = 0

    def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        self._die("before", 1)
        super().execute(sql, params)
        self._die("after")

    def append(self, table: str, rows: pa.Table) -> None:
        self._die("before", 1)
        super().append(table, rows)
        self._die("after")

    def transaction(self, statements: Sequence[Statement]) -> None:
        self._die("before", 1)
        with self.connection() as opened:
            opened.begin()
            for sql, params in statements:
                opened.execute(sql, list(params))
                self._die("middle")
            opened.commit()
        self._die("after")

    def _die(self, moment: Moment, writes: int = 0) -> None:
        self._writes += writes
        if self._strike == Strike(self._writes, moment):
            os.kill(os.getpid(), signal.SIGKILL)


def work(job: Job, pipe: Pipe) -> None:
    """The life of a process."""
    if time.monotonic.__module__ != "tests.chaos.fast_time":
        raise RuntimeError("this process was not forked from the prepared one")
    pipe.recv()
    for lane in payloads.LANES:
        payloads.LANES[lane] = replace(payloads.LANES[lane], max_rows=job.rows_in_a_batch)
    warehouse = _Mortal(job.warehouse, job.strike)
    with duckdb.connect(str(job.warehouse)) if job.stays_open else nullcontext() as held:
        if held is not None:
            held.execute("set threads = 1")  # for the whole process: tables this small gain nothing by more
        for spec in job.syncs:
            pipe.send(_run(spec, job, warehouse))


def _run(spec: SyncSpec, job: Job, warehouse: DuckDBWarehouse) -> Outcome:
    started = time.process_time()
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    logging.basicConfig(level=logging.DEBUG, handlers=[handler], force=True)
    ended: Literal["succeeded", "held", "failed", "crashed"] = "crashed"
    report: dict[str, Any] = {}
    with redirect_stdout(output), redirect_stderr(output):
        try:
            klaviyo = Klaviyo(KEY, job.url, bounds=_BOUNDS)
            output.write(f"{klaviyo!r} {warehouse!r} {spec!r}\n")
            done = run_sync(
                spec,
                warehouse,
                klaviyo,
                run_id=f"{job.run_id}-{spec.name}",
                now=job.now,
                progress=lambda line: print(line, file=output),
                overrides=job.overrides,
                patience=_PATIENCE,
            )
            report = {**asdict(done), "by_operation": dict(done.by_operation)}
            ended = "succeeded"
        except SyncHeld:
            ended = "held"
            traceback.print_exc()
        except (SyncError, WarehouseError):
            ended = "failed"
            traceback.print_exc()
        except Exception:  # noqa: BLE001  (whatever it is, it is the finding)
            traceback.print_exc()
    return Outcome(spec.name, ended, output.getvalue(), report, time.process_time() - started)

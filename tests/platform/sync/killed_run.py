"""Runs in processes of their own, which tests kill with SIGKILL, starve or set against each other.

Belongs here: starting such a process and what happens in it. Does not belong here: what must be true
afterwards. Processes are forked from one that has imported the engine and done nothing else; batches are
small, so that there are several.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from c360_platform.activation import payloads
from c360_platform.activation.engine import run_sync
from c360_platform.activation.errors import SyncError
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.spec import SyncSpec
from c360_platform.activation.transport.client import Klaviyo
from c360_platform.warehouse import Statement, Warehouse, WarehouseError, open_warehouse
from c360_platform.warehouse.duckdb import DuckDBWarehouse
from tests.platform.sync import shop

ROWS_IN_A_BATCH = 10
_SECONDS = 120.0
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.platform.sync.prepared", "tests.platform.sync.killed_run"])


@dataclass(frozen=True)
class Plot:
    """What a process does. `prepare` comes first and gets a pipe to its parent; `address` is a file or
    `bigquery:PROJECT`.
    """

    address: str
    url: str
    spec: SyncSpec
    prepare: Callable[[Connection], None] | None = None
    run_id: str = "killed"
    # It may have been the process of another test that the one to fork from took its environment of.
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))


class OtherRun:
    """A run at work in another process."""

    def __init__(self, plot: Plot) -> None:
        self._tell, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_work, args=(plot, theirs))
        self._process.start()
        theirs.close()

    def ended(self) -> tuple[int, str]:
        """Its exit code and its last word: how the run ended, `confirmed N` or the error, if it did."""
        said = ""
        try:
            while self._tell.poll(_SECONDS):
                said = self._tell.recv()
        except (EOFError, ConnectionResetError):
            pass
        self._process.join(_SECONDS)
        assert self._process.exitcode is not None, "the process hangs"
        return self._process.exitcode, said


@dataclass(frozen=True)
class DieAt:
    """SIGKILL before or after the `call`th call of a method of the ledger."""

    method: str
    moment: str
    call: int

    def __call__(self, _: Connection) -> None:
        real = getattr(Ledger, self.method)
        calls = 0

        def killed(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if (calls, self.moment) == (self.call, "before"):
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **kwargs)
            if calls == self.call:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(Ledger, self.method, killed)


def time_commit(tell: Connection) -> None:
    """Tell the seconds that the commit of the state takes, and end."""

    def stop(seconds: float) -> None:
        tell.send(str(seconds))
        os._exit(0)

    _around_commit(lambda: None, stop)


def die_in_commit(seconds: float, _: Connection) -> None:
    """End so long after the commit of the state has begun, wherever it is then.

    By the kernel's timer: no other process is as punctual. Without a handler SIGALRM ends a process as
    SIGKILL does, at once and without a chance to do anything.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _around_commit(lambda: signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6)), lambda _: None)


def _around_commit(before: Callable[[], object], after: Callable[[float], object]) -> None:
    def transaction(self: DuckDBWarehouse, statements: Sequence[Statement]) -> None:
        is_state = any(
            sql.startswith(("merge into", "insert into")) and "state" in sql for sql, _ in statements
        )
        with self.connection() as connection:
            connection.begin()
            for sql, params in statements:
                connection.execute(sql, list(params))
            if not is_state:
                connection.commit()
                return
            started = time.perf_counter()
            before()
            connection.commit()
            after(time.perf_counter() - started)

    DuckDBWarehouse.transaction = transaction  # type: ignore[method-assign]


def _work(plot: Plot, tell: Connection) -> None:
    os.environ.update(plot.environment)
    for lane in payloads.LANES:
        payloads.LANES[lane] = replace(payloads.LANES[lane], max_rows=ROWS_IN_A_BATCH)
    if plot.prepare is not None:
        plot.prepare(tell)
    try:
        report = run_sync(
            plot.spec,
            _warehouse(plot.address),
            Klaviyo(shop.KEY, plot.url),
            run_id=plot.run_id,
            now=shop.NOW,
        )
    except (SyncError, WarehouseError) as error:
        tell.send(f"{type(error).__name__}: {error}")
    else:
        tell.send(f"confirmed {report.confirmed}")


def _warehouse(address: str) -> Warehouse:
    engine, _, project = address.partition(":")
    if engine == "bigquery":
        return open_warehouse(engine="bigquery", bigquery_project=project, bigquery_location="EU")
    return open_warehouse(warehouse_path=Path(address))

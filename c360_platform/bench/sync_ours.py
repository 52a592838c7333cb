"""The platform's own syncs over the tables of `sync_data`, as an asset runs them.

Belongs here: the calls, and how small a batch is when only time under the limits is measured. Does not
belong here: what they are compared with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from c360_platform.activation import payloads
from c360_platform.activation.delivery import Patience
from c360_platform.activation.engine import run_sync
from c360_platform.activation.report import SyncReport
from c360_platform.activation.spec import SyncSpec
from c360_platform.activation.transport.client import Klaviyo
from c360_platform.bench.processes import BenchError
from c360_platform.bench.sync_data import EVENTS, MEMBERS, PROFILES
from c360_platform.bench.sync_floor import KEY, Sent
from c360_platform.warehouse.duckdb import DuckDBWarehouse

SMALL_BATCH: Final = 20  # rows a request: many requests, little work
# In benchmark mode no event can be read back, so the run does not wait for any: they stay accepted.
_NO_READING_BACK: Final = Patience(events=0)


class _Watched(Klaviyo):
    """A client that counts its bulk bodies."""

    def __init__(self, url: str, budget_path: Path) -> None:
        super().__init__(KEY, url, budget_path=budget_path)
        self.sent = Sent()

    def start_import(self, body: bytes) -> str:
        self.sent.body(len(body))
        return super().start_import(body)

    def send_events(self, body: bytes) -> None:
        self.sent.body(len(body))
        super().send_events(body)


def profiles(url: str, warehouse: Path) -> Sent:
    """Bring Klaviyo up to the profiles; everything is confirmed."""
    return _run(PROFILES, url, warehouse)


def events(url: str, warehouse: Path) -> Sent:
    """Send the events, and keep them as accepted."""
    return _run(EVENTS, url, warehouse, patience=_NO_READING_BACK)


def events_read_back(url: str, warehouse: Path) -> Sent:
    """Send the events, read them back, confirm them."""
    return _run(EVENTS, url, warehouse)


def members(url: str, warehouse: Path) -> Sent:
    """Put everybody on the list."""
    return _run(MEMBERS, url, warehouse)


def small_profiles(url: str, warehouse: Path) -> Sent:
    """Like `profiles` with few rows a request."""
    return _in_small_batches(profiles, url, warehouse)


def small_events(url: str, warehouse: Path) -> Sent:
    """Like `events` with few rows a request."""
    return _in_small_batches(events, url, warehouse)


def small_members(url: str, warehouse: Path) -> Sent:
    """Like `members` with few rows a request."""
    return _in_small_batches(members, url, warehouse)


def _in_small_batches(send: Callable[[str, Path], Sent], url: str, warehouse: Path) -> Sent:
    for name, lane in payloads.LANES.items():
        payloads.LANES[name] = replace(lane, max_rows=SMALL_BATCH)
    return send(url, warehouse)


def _run(spec: SyncSpec, url: str, warehouse: Path, *, patience: Patience | None = None) -> Sent:
    # Shared with other processes, as an installation's is, but not with the runs of other rounds.
    klaviyo = _Watched(url, warehouse.with_name(f"{uuid4().hex}.budget"))
    report = run_sync(
        spec,
        DuckDBWarehouse(warehouse),
        klaviyo,
        run_id=uuid4().hex,
        now=datetime.now(UTC),
        patience=patience,
    )
    _check(report, confirmed=patience is None)
    sent = klaviyo.sent
    sent.rows, sent.requests, sent.throttled = report.sent, report.requests, klaviyo.traffic.throttled
    return sent


def _check(report: SyncReport, *, confirmed: bool) -> None:
    """Raises `BenchError` when the run left out anything."""
    done = report.confirmed if confirmed else report.sent
    if report.rejected or done != report.planned or report.sent != report.planned:
        raise BenchError(f"the sync did not send everything: {report.counters()}")

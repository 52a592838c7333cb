"""How long syncs take under Klaviyo's documented limits, in units of the least that the limits allow.

Belongs here: the three kinds of bulk request, each against a sandbox of its own that enforces the limits in
benchmark mode, all at the same time, because they mostly wait. Does not belong here: CPU (`sync_speed`).

Where other programs keep the cores busy, these figures say nothing; the CPU seconds beside them show what a
run needs itself.

Batches are small: the limits count requests, and few rows make many of them. The least is that of as many
requests, answered at once, in windows that begin with the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from c360_platform.activation.transport.limits import M
from c360_platform.bench import sync_data
from c360_platform.bench.sandbox_speed import serving
from c360_platform.bench.sync_goals import Figure
from c360_platform.bench.sync_ours import SMALL_BATCH
from c360_platform.bench.sync_side import result, start

_SIDES: Final = {
    "profiles": "sync_ours.small_profiles",
    "events": "sync_ours.small_events",
    "list adds": "sync_ours.small_members",
}


def wall_figures(directory: Path, *, requests: int) -> Iterator[Figure]:
    """The whole run of a first load of `requests` bulk requests ÷ the least time for them, for each kind."""
    rows = requests * SMALL_BATCH
    with ExitStack() as stack:
        processes = {}
        for number, (kind, side) in enumerate(_SIDES.items()):
            place = directory / str(number)
            place.mkdir(parents=True)
            warehouse = place / "warehouse.duckdb"
            if kind == "events":
                sync_data.fill_events(warehouse, rows, datetime.now(UTC))
            else:
                sync_data.fill_profiles(warehouse, rows)
            sandbox = stack.enter_context(serving("sandbox", place))
            sandbox.order("/sandbox/benchmark", {"enabled": True})
            sandbox.order("/sandbox/limits", {"enabled": True})
            processes[kind] = stack.enter_context(start(side, sandbox, warehouse))
            stack.callback(processes[kind].kill)  # when another one failed; one that has ended cannot be hurt
        for kind, process in processes.items():
            spent = result(process, rows=rows)
            least = M.minimal_seconds(spent.sent.bodies)
            unconfirmed = ", not read back" if kind == "events" else ""
            yield Figure(
                f"sync, time for {kind} under the limits ÷ the least possible",
                spent.wall / least,
                f"{spent.wall:.1f} s ÷ {least} s for {spent.sent.bodies} requests of {SMALL_BATCH} rows, "
                f"{spent.sent.throttled} throttled; the whole run{unconfirmed}, {spent.cpu:.1f} s CPU",
                most=1.15,
            )

"""How often a planned run would call Klaviyo, and how long its limits make that take.

Belongs here: arithmetic over the slices of a plan. Does not belong here: the slices (`payloads`) and the
limits (`limits`). Writes are exact while nothing is refused or throttled and the list is there; reads are
what a run without trouble needs: how often a job must be asked for depends on how fast Klaviyo works.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from c360_platform.activation.imports import Singles
from c360_platform.activation.payloads import Slice
from c360_platform.activation.transport.client import ADDRESSES_PER_FILTER
from c360_platform.activation.transport.endpoints import (
    ACCOUNTS,
    EVENTS,
    IMPORT,
    JOB,
    JOBS,
    LISTS,
    MEMBERS,
    METRICS,
    PROFILE,
    PROFILES,
    REMOVE,
    SEND_EVENTS,
    Operation,
)

_JOBS_PER_PAGE = 100
_EVENTS_PER_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class ExpectedCalls:
    """Requests to one endpoint; by Klaviyo's limits, `seconds` at least lie between first and last."""

    operation: Operation
    requests: int

    @property
    def endpoint(self) -> str:
        return f"{self.operation.method} {self.operation.path}"

    @property
    def is_write(self) -> bool:
        return self.operation.method != "GET"

    @property
    def seconds(self) -> int:
        return self.operation.tier.minimal_seconds(self.requests)


def expected_calls(
    slices: Sequence[Slice],
    *,
    is_list: bool = False,
    adds: int = 0,
    retired: int = 0,
    has_ids: bool = True,
    metrics: Iterable[int] = (),
) -> list[ExpectedCalls]:
    """The calls for the slices of a sync's plan, in the order in which they begin.

    `adds` are people who are new on the list, `retired` profiles of which it is asked whether they are still
    there. `has_ids` says whether Klaviyo's ids need not be looked up; `metrics` has the number of planned
    events of every metric.
    """
    rows: Counter[str] = Counter()
    for piece in slices:
        rows[piece.lane] += piece.rows
    batches = Counter(piece.lane for piece in slices)
    imports = batches["import"]
    events = batches["event"]
    requests = {
        ACCOUNTS: int(bool(slices)),
        LISTS: int(is_list and bool(slices)),
        PROFILES: _pages(retired, ADDRESSES_PER_FILTER)
        + (0 if has_ids else _pages(rows["remove"], ADDRESSES_PER_FILTER)),
        REMOVE: batches["remove"],
        PROFILE: min(rows["single"], Singles.MOST_ROWS),
        IMPORT: imports,
        JOB if imports == 1 else JOBS: _pages(imports, _JOBS_PER_PAGE),
        SEND_EVENTS: events,
        METRICS: int(events > 0),
        EVENTS: sum(_pages(n, _EVENTS_PER_PAGE) for n in metrics),
        MEMBERS: 1 + _pages(adds, ADDRESSES_PER_FILTER) if adds else 0,
    }
    if slices:  # a few rows are read back in the end
        requests[EVENTS if events else MEMBERS if is_list else PROFILES] += 1
    return [ExpectedCalls(operation, n) for operation, n in requests.items() if n]


def minimal_seconds(calls: Iterable[ExpectedCalls]) -> int:
    """How long these calls take at least: each endpoint has limits of its own, one is used after another."""
    requests: Counter[Operation] = Counter()
    for each in calls:
        requests[each.operation] += each.requests
    return sum(operation.tier.minimal_seconds(n) for operation, n in requests.items())


def _pages(rows: int, size: int) -> int:
    return -(-rows // size)

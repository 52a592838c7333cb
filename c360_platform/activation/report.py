"""What a run did, in numbers and in lines for people.

Belongs here: the report and what of it the ledger keeps. Does not belong here: counting while a run is at
work (`delivery`), words for Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from c360_platform.activation.readback import ReadBack
from c360_platform.activation.spec import SyncSpec

COUNTERS = (
    *("planned", "sent", "confirmed", "rejected", "unchanged", "pending", "withheld", "leaving"),
    *("requests", "throttled", "waited_seconds", "bytes_sent", "seconds"),
)


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a run did, in rows.

    planned      rows to be sent: those that differ, and those that an earlier run left open
    sent         of them, rows that Klaviyo took in this run
    confirmed    rows that Klaviyo has applied
    rejected     rows of the model that are kept out, now or since an earlier run; see c360_sync.rejections
    unchanged    rows that cost nothing
    pending      rows that Klaviyo took but has not applied yet, or that wait for their turn
    withheld     people whom the create policy keeps out
    leaving      members who are out of the model and stay on the list until the grace period is over

    `operations` splits planned, attempted (whatever was in a body), confirmed, rejected (by Klaviyo, in this
    run) and pending by operation; `by_operation` is what was confirmed. `reasons`
    counts the rows that are kept out by what was said of them. `drift` says
    which mapped columns have another type than in the run before. `read_back` compares a sample with
    Klaviyo; None when there was nothing to compare.
    """

    sync: str
    planned: int = 0
    sent: int = 0
    confirmed: int = 0
    rejected: int = 0
    unchanged: int = 0
    pending: int = 0
    withheld: int = 0
    leaving: int = 0
    operations: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    requests: int = 0
    throttled: int = 0
    waited_seconds: float = 0.0
    bytes_sent: int = 0
    seconds: float = 0.0
    reasons: Mapping[str, int] = field(default_factory=dict)
    drift: tuple[str, ...] = ()
    read_back: ReadBack | None = None

    @property
    def by_operation(self) -> Mapping[str, int]:
        return self.operations.get("confirmed", {})

    @property
    def acceptance_rate(self) -> float | None:
        """Of the rows whose fate this run has learned, the share that Klaviyo took; None without any."""
        refused = sum(self.operations.get("rejected", {}).values())
        settled = self.confirmed + refused
        return self.confirmed / settled if settled else None

    def counters(self) -> dict[str, int | float]:
        """The numbers that the ledger keeps of a run."""
        return {name: getattr(self, name) for name in COUNTERS}


def drift(spec: SyncSpec, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """A line for each mapped column whose values are of another kind than before."""
    names = {**spec.fields, **spec.properties}
    for column, kind in now.items():
        if before.get(column, kind) != kind:
            yield (
                f"column {column} is {kind} and was {before[column]}: {names.get(column, 'it')} changes its "
                "type in Klaviyo, where segments may compare it as before"
            )

"""What a run of a sync would do: the numbers, a few people, and the words for both.

Belongs here: the result of a dry run, as plain data and as a JSON document. Does not belong here: how it is
found (`dry_run`), and tables on a terminal or in Dagster.

People in it are masked unless somebody asked for them; what is masked cannot be told from a forecast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from c360_platform.activation.forecast.changes import Change
from c360_platform.activation.forecast.expected_calls import ExpectedCalls, minimal_seconds

NOT_INGESTED = "not known: Klaviyo has not been ingested"
WRITTEN_SINCE = "not known: pushed after Klaviyo was last ingested, or missing in the ingest"


@dataclass(frozen=True, slots=True)
class Sample:
    """A row of the plan to look at.

    `person` is an address, `goes_on_as` the one under which the person of a row that leaves goes on, `event`
    the id of an event. `changes` is None when nobody knows what Klaviyo has;
    `reason` says why not, or why the row is kept out.
    """

    operation: str
    person: str = field(repr=False)
    changes: Sequence[Change] | None = field(default=None, repr=False)
    event: str = field(default="", repr=False)
    metric: str = ""
    occurred_at: datetime | None = None
    reason: str = ""
    goes_on_as: str = field(default="", repr=False)

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        changes = None
        if self.changes is not None:
            changes = [{"name": each.name, "old": each.old, "new": each.new} for each in self.changes]
        return {
            "operation": self.operation,
            "person": self.person,
            "changes": changes,
            "event": self.event or None,
            "metric": self.metric or None,
            "occurred_at": self.occurred_at and self.occurred_at.isoformat(),
            "reason": self.reason or None,
            "goes_on_as": self.goes_on_as or None,
        }


@dataclass(frozen=True, slots=True)
class Changed:
    """In how many of the `compared` rows each field or property gets another value.

    `rows` would change somebody whom Klaviyo has; when there are many, a sample of them is compared. Of
    `unknown` rows in it nobody knows what they change.
    """

    rows: int = 0
    compared: int = 0
    unknown: int = 0
    by_name: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Merged:
    """How many `people` go on under another address, and what becomes of the rows of their old ones.

    leave      are taken off the list
    stay       stay on the list: they were there before us
    retire     profiles that stay in Klaviyo and lose what this sync has written
    wait       profiles that are retired once Klaviyo has confirmed the other address
    """

    people: int = 0
    leave: int = 0
    stay: int = 0
    retire: int = 0
    wait: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run of a sync would do, in rows.

    source_rows, unchanged     rows of the model, and those that cost nothing
    operations                 operation to rows that would be sent
    rejected                   reason to rows that are kept out: for what they hold
    refused                    because Klaviyo refused them before
    withheld                   because the create policy wants no new profile of the person
    leaving                    members that are out of the segment, within their grace period; profiles that
                               wait until they are retired
    released                   members that are out of the segment and stay: they were on the list before
    merged                     people who go on under another address
    open                       rows of an earlier run, which are settled first
    postponed                  rows that must travel alone and are too many for one run
    backfill, live             events that start no flow, and those that may
    cleared                    Klaviyo's own fields to profiles in which they are emptied
    new_profiles               people of whom Klaviyo would make profiles and bill them; at most, when
                               Klaviyo was never ingested
    bytes, calls               of the bodies, and requests by endpoint
    ingested_at                when Klaviyo was last ingested, whence old values come; None when never
    held                       why a run would stop before sending; empty when it would not. The numbers are
                               those of a run that a person lets pass
    failed                     why nothing can be said; empty when it can
    """

    sync: str
    object: str
    target: str
    source_rows: int = 0
    unchanged: int = 0
    operations: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    withheld: Mapping[str, int] = field(default_factory=dict)
    leaving: int = 0
    released: int = 0
    merged: Merged = field(default_factory=Merged)
    open: int = 0
    postponed: int = 0
    backfill: int = 0
    live: int = 0
    cleared: Mapping[str, int] = field(default_factory=dict)
    changed: Changed = field(default_factory=Changed)
    new_profiles: int = 0
    bytes: int = 0
    calls: Sequence[ExpectedCalls] = ()
    ingested_at: datetime | None = None
    samples: Sequence[Sample] = ()
    held: str = ""
    failed: str = ""

    @property
    def sent(self) -> int:
        return sum(self.operations.values())

    @property
    def kept_out(self) -> int:
        return sum(sum(reasons.values()) for reasons in (self.rejected, self.refused, self.withheld))

    @property
    def requests(self) -> int:
        return sum(each.requests for each in self.calls)

    @property
    def seconds(self) -> int:
        """How long Klaviyo's limits make the calls take, at the least."""
        return minimal_seconds(self.calls)

    def document(self) -> dict[str, Any]:
        """As JSON values; keys are only ever added."""
        return {
            "sync": self.sync,
            "object": self.object,
            "list": self.target or None,
            "held": self.held or None,
            "failed": self.failed or None,
            "source_rows": self.source_rows,
            "unchanged": self.unchanged,
            "operations": {name: self.operations.get(name, 0) for name in OPERATIONS[self.object]},
            "rejected": dict(self.rejected),
            "refused_before": dict(self.refused),
            "withheld": dict(self.withheld),
            "leaving": self.leaving,
            "released": self.released,
            "merged": asdict(self.merged),
            "open_from_earlier_run": self.open,
            "postponed": self.postponed,
            "events": {"backfill": self.backfill, "live": self.live},
            "cleared_fields": dict(self.cleared),
            "changed": {
                "rows": self.changed.rows,
                "compared": self.changed.compared,
                "unknown": self.changed.unknown,
                "by_name": dict(self.changed.by_name),
            },
            "new_billable_profiles": self.new_profiles,
            "new_billable_profiles_is_upper_bound": self.ingested_at is None,
            "bytes": self.bytes,
            "requests": self.requests,
            "minimal_seconds": self.seconds,
            "calls": [
                {
                    "endpoint": each.endpoint,
                    "writes": each.is_write,
                    "requests": each.requests,
                    "minimal_seconds": each.seconds,
                }
                for each in self.calls
            ],
            "klaviyo_ingested_at": self.ingested_at and self.ingested_at.isoformat(),
            "people": [sample.document() for sample in self.samples],
        }


# What a sync of a kind may send, in the order in which people read it.
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "profiles": ("create", "update", "clear", "retire"),
    "list": ("add", "update", "clear", "remove"),
    "events": ("event",),
}


@dataclass(frozen=True, slots=True)
class Total:
    """What a run of several syncs would send; those that would be held send nothing.

    One person may be new to several syncs, so together they make at most `new_profiles`.
    """

    rows: int
    bytes: int
    requests: int
    seconds: int
    new_profiles: int

    @classmethod
    def of(cls, forecasts: Sequence[Forecast]) -> Total:
        sending = [one for one in forecasts if not one.held]
        calls = [each for one in sending for each in one.calls]
        return cls(
            rows=sum(one.sent for one in sending),
            bytes=sum(one.bytes for one in sending),
            requests=sum(each.requests for each in calls),
            seconds=minimal_seconds(calls),
            new_profiles=sum(one.new_profiles for one in sending),
        )


def document(forecasts: Sequence[Forecast], *, at: datetime, masked: bool) -> dict[str, Any]:
    """A dry run of several syncs as one JSON document; what it counts is explained in `Forecast`."""
    total = Total.of(forecasts)
    return {
        "version": 1,
        "at": at.isoformat(),
        "people_are_masked": masked,
        "syncs": [one.document() for one in forecasts],
        "total": {
            "rows": total.rows,
            "bytes": total.bytes,
            "requests": total.requests,
            "minimal_seconds": total.seconds,
            "new_billable_profiles_at_most": total.new_profiles,
        },
    }

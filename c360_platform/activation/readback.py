"""Read a sample of what a run has confirmed back from Klaviyo and compare it with what was sent.

Belongs here: choosing the sample, asking for it in one or two requests, comparing. Does not belong here: the
comparison of everything (`verify`), mending differences, and values in reports: only the names of fields that
differ leave this module.

Klaviyo's word that an import is complete is all that a run waits for; this is the check on that word. Another
writer may change a person in the meantime, so what differs is asked for once more after a short pause.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from c360_platform.activation.blocks import PROFILE_FIELDS
from c360_platform.activation.delivery import Run
from c360_platform.activation.errors import KlaviyoError
from c360_platform.activation.forecast.changes import RELATIVE_TOLERANCE, changes, is_same
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import Batch, within
from c360_platform.activation.payloads import LANE_OF, in_lanes

if TYPE_CHECKING:
    from c360_platform.activation.transport.resources import RecordedEvent

ROWS = 20
# More are chosen before they are sent, because some will be rejected or stay pending.
_CANDIDATES = 3 * ROWS
_MOST_EVENTS = 2_000  # two pages: who has more events in the stretch of the sample learns of the first ones
_PAUSES = 10  # of the run's shortest, before what differs is asked for again
MEMBERSHIP, TIME, RECIPIENT = "list membership", "time", "profile"


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a sample showed, in rows. `missing` are not in Klaviyo at all; `fields` names what differs."""

    checked: int = 0
    mismatched: int = 0
    missing: int = 0
    fields: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.mismatched and not self.missing


@dataclass(frozen=True, slots=True)
class SentRow:
    """A row as it went; `second`, `metric` and `recipient` only of events."""

    position: int
    key: str = field(repr=False)
    operation: str
    digest: int | None
    payload: str = field(repr=False)
    cleared: str
    metric: str | None = None
    second: int | None = None
    recipient: str | None = field(default=None, repr=False)

    @property
    def digest_afterwards(self) -> int | None:
        """The digest that the state has of the row once it is confirmed."""
        return None if self.operation == "remove" else self.digest


# What is wrong with a row: None when it is not there, else the names of what differs.
Difference = set[str] | None


class Sample:
    """The sample of one run; the same run chooses the same rows."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._records = EventSampleRecords(run.ledger)
        self._random = Random(run.run_id)  # noqa: S311  (a sample, not a secret)
        self._rows: list[SentRow] = []

    def take(self, batches: Sequence[Batch]) -> None:
        """Choose among the rows of batches that were cut from this run's plan and are not sent yet.

        What an earlier run has left is not asked for: it may have been sent as the model was then.
        """
        if not batches:
            return
        chosen = self._places(sorted({batch.lane for batch in batches}))
        if self.run.spec.object == "events":
            rows = self._records.stretch(batches, chosen[0][1])
        else:
            rows = self._records.rows(batches, chosen)
        self._rows = [SentRow(payload=self._payload(row, batches), **row) for row in rows]

    def _places(self, lanes: Sequence[str]) -> list[tuple[str, int]]:
        """Lanes and positions of rows chosen at random; all rows when they are few."""
        positions = [self.run.spool.lane(lane).sizes()[0] for lane in lanes]
        ends = list(accumulate(map(len, positions)))
        places = []
        for index in self._random.sample(range(ends[-1]), min(ends[-1], _CANDIDATES)):
            lane = bisect_right(ends, index)
            places.append((lanes[lane], int(positions[lane][index - ends[lane]])))  # counted from the end
        return places

    def _payload(self, row: Mapping[str, Any], batches: Sequence[Batch]) -> str:
        """The row's text as it will be sent; empty for a removal."""
        lane, position = LANE_OF[row["operation"]], row["position"]
        batch = next(each for each in batches if each.lane == lane and each.first <= position <= each.last)
        return self.run.spool.of(batch).texts(position, position).get(position, "")

    def compare(self, list_id: str = "") -> ReadBack | None:
        """Compare what of the sample this run has confirmed; None when that is nothing or nobody answers.

        Never raises for Klaviyo: what is confirmed stays confirmed.
        """
        rows = self._confirmed()
        if not rows:
            return None
        try:
            return self._compare(rows, list_id)
        except KlaviyoError as error:
            self.run.say(f"the sample could not be read back: {error}")
            return None

    def _confirmed(self) -> list[SentRow]:
        if not self._rows:
            return []
        hashes = self._records.confirmed([row.key for row in self._rows], self.run.run_id)
        kept = [row for row in self._rows if hashes.get(row.key) == row.digest_afterwards]
        if self.run.spec.object == "events":
            return kept[:ROWS]  # neighbours in time, which are read back at once
        return self._random.sample(kept, min(ROWS, len(kept)))

    def _compare(self, rows: Sequence[SentRow], list_id: str) -> ReadBack:
        found = self._differences(rows, list_id)
        wrong = [row for row in rows if found.get(row.key, set()) != set()]
        if wrong:
            time.sleep(_PAUSES * self.run.patience.first_pause)
            found |= self._differences(wrong, list_id)
        missing = [key for key, names in found.items() if names is None]
        names = {name for names in found.values() if names for name in names}
        return ReadBack(
            checked=len(found),
            mismatched=sum(bool(names) for names in found.values()),
            missing=len(missing),
            fields=tuple(sorted(names)),
        )

    def _differences(self, rows: Sequence[SentRow], list_id: str) -> dict[str, Difference]:
        if self.run.spec.object == "events":
            return self._event_differences(rows)
        kept = [row for row in rows if row.operation != "remove"]
        found: dict[str, Difference] = {row.key: set() for row in rows}
        if list_id:
            present = self.run.klaviyo.members_among(list_id, list(found))
            for row in rows:
                if (row.key in present) != (row.operation != "remove"):
                    found[row.key] = None if row.operation != "remove" else {MEMBERSHIP}
        if kept and (self.run.spec.object == "profiles" or self.run.spec.fields or self.run.spec.properties):
            profiles = {
                str(attributes.get("email") or "").lower(): attributes
                for attributes in self.run.klaviyo.profiles_by_email([row.key for row in kept])
            }
            for row in kept:
                profile, known = profiles.get(row.key), found[row.key]
                if profile is None or known is None:
                    found[row.key] = None
                else:
                    found[row.key] = known | profile_differences(row.payload, row.cleared, profile)
        return found

    def _event_differences(self, rows: Sequence[SentRow]) -> dict[str, Difference]:
        seconds = [row.second or 0 for row in rows]
        recorded: dict[str, RecordedEvent] = {}
        for metric_id in self.run.klaviyo.metric_ids().get(rows[0].metric or "", ()):
            events = self.run.klaviyo.recorded_events(metric_id, min(seconds), max(seconds))
            some = list(islice(events, _MOST_EVENTS))
            recorded |= {event.key: event for event in some}
            if len(some) == _MOST_EVENTS:  # they come by time: what is later was not looked at
                rows = [row for row in rows if (row.second or 0) < some[-1].second]
        return {
            row.key: event_differences(row, recorded[row.key]) if row.key in recorded else None
            for row in rows
        }


class SampleRecords:
    """The statements of a sample on the ledger of one sync."""

    columns = "position, key, operation, digest, cleared"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def rows(self, batches: Sequence[Batch], chosen: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
        """The planned rows at these places (lane, position) of the batches."""
        lanes = {
            lane: ", ".join(sorted({str(position) for its_lane, position in chosen if its_lane == lane}))
            for lane in sorted({lane for lane, _ in chosen})
        }
        places = " or ".join(f"{in_lanes(lane)} and position in ({those})" for lane, those in lanes.items())
        return self._read(
            f"select {self.columns} from {self.ledger.plan} where {within(batches)} and ({places}) "
            "order by position"
        )

    def confirmed(self, names: Sequence[str], run_id: str) -> dict[str, int]:
        """Of these keys, those in the state with their digest; -1 when another run has confirmed it."""
        marks = ", ".join("?" * len(names))
        rows = self.ledger.warehouse.table(
            "select key, coalesce(case when run_id = ? then digest end, -1) as digest "
            f"from {self.ledger.state} where sync = {self.ledger.sync_literal} and key in ({marks})",
            [run_id, *names],
        )
        return dict(zip(rows["key"].to_pylist(), rows["digest"].to_pylist(), strict=True))

    def _read(self, sql: str) -> list[dict[str, Any]]:
        return self.ledger.warehouse.table(sql).to_pylist()


class EventSampleRecords(SampleRecords):
    """The statements of a sample of events."""

    def stretch(self, batches: Sequence[Batch], position: int) -> list[dict[str, Any]]:
        """The planned events of one metric that are nearest in time to the one at a position."""
        plan = self.ledger.plan
        return self._read(
            f"select {self.columns}, metric, occurred_s as second, recipient from {plan} as planned join ("
            f"select metric as its_metric, occurred_s as its_second from {plan} "
            f"where {within(batches)} and position >= {position} order by position limit 1"
            ") as chosen on chosen.its_metric = planned.metric "
            f"where {within(batches)} order by abs(occurred_s - its_second), key limit {_CANDIDATES}"
        )


def profile_differences(payload: str, cleared: str, found: Mapping[str, Any]) -> set[str]:
    """Names of fields and properties that Klaviyo does not hold as the row of an import sent them.

    `found` are the attributes of the profile. `cleared` lists fields as `|name|`; they and what the row
    unset must be gone.
    """
    texts = {name: orjson.dumps(found.get(name)).decode() for name in ("location", "properties")}
    return {
        change.name
        for change in changes(payload, cleared, {**found, **texts})
        if not (change.name in PROFILE_FIELDS and _same_text(change.new, change.old))
    }


def event_differences(row: SentRow, found: RecordedEvent) -> set[str]:
    """Names of what Klaviyo does not hold of an event as it was sent."""
    sent = orjson.loads(row.payload)
    expected = dict(sent["properties"])
    expected |= {f"${name}": sent[name] for name in ("value", "value_currency") if name in sent}
    names = {name for name, value in expected.items() if not is_same(found.properties.get(name), value)}
    if found.second != row.second:
        names.add(TIME)
    if found.email != row.recipient:
        names.add(RECIPIENT)
    return names


def _same_text(sent: Any, held: Any) -> bool:
    """Whether one of Klaviyo's own fields, sent as text, is the same; it holds latitudes as numbers."""
    if isinstance(held, int | float):
        try:
            return math.isclose(float(sent), held, rel_tol=RELATIVE_TOLERANCE)
        except (TypeError, ValueError):
            return False
    return str(sent or "").strip() == str(held or "").strip()

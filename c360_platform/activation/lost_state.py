"""An event sync whose ledger knows no event: is it a first load, or was the ledger lost?

Belongs here: finding that out before anything is sent, and taking what Klaviyo has into the state. Does not
belong here: sending and reading back single batches (`events`).

Sending years of events anew would not only be slow: a bulk request with an id that Klaviyo has may be refused
as a whole, and whoever trusts the mark of history may start flows. So a person has to say that the ledger was
lost, and then Klaviyo is read before anything is sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

from c360_platform.activation.arrow_columns import texts
from c360_platform.activation.delivery import Run
from c360_platform.activation.errors import SyncHeld
from c360_platform.activation.events import windows
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import ledger_table

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.warehouse import Statement

# Where in a metric's due events a sample is looked for, from the oldest to the newest.
_PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_SAMPLES = 20
_SAMPLE_PAGE = 1_000  # of one second; nobody has more of them at once, and one that is found is enough
_CHUNK = 50_000  # events that are written into the warehouse together


def is_history(run: Run, *, anew: bool = False) -> bool:
    """Whether all due events are history, because no run before this one came to the end of a first load.

    To be called on a plan, before its first batch is recorded. When Klaviyo shows some of the due events, the
    ledger was lost: raises `SyncHeld`, unless the run may `accept_lost_state`, or begins `anew` with another
    account. Then what Klaviyo has leaves the plan and counts as confirmed.
    """
    records = EventRecords(run.ledger)
    if records.known_before(run.run_id):
        return not records.has_loaded()
    samples = records.samples()
    metric_ids = run.klaviyo.metric_ids() if samples else {}
    wanted = [sample for sample in samples if sample.metric in metric_ids]
    if not wanted:
        return True
    if anew or run.overrides.accept_lost_state:
        _take_what_is_there(run, records, metric_ids)
    elif any(_is_there(run, sample, metric_ids[sample.metric]) for sample in wanted):
        raise SyncHeld(
            f"sync {run.spec.name}: the ledger knows no event, but Klaviyo has some of those that are due: "
            "nothing was sent. If the ledger was lost, accept the lost state once: what Klaviyo has then "
            "counts as sent, and the rest goes without starting flows"
        )
    return True


def _is_there(run: Run, sample: Sample, metric_ids: Iterable[str]) -> bool:
    return any(
        key in sample.keys
        for metric_id in metric_ids
        for key in islice(run.klaviyo.event_ids(metric_id, sample.second, sample.second), _SAMPLE_PAGE)
    )


def _take_what_is_there(run: Run, records: EventRecords, metric_ids: Mapping[str, Sequence[str]]) -> None:
    import pyarrow as pa

    seconds = records.seconds()
    found = chain.from_iterable(
        ((metric, key) for key in run.klaviyo.event_ids(metric_id, first, last))
        for metric, moments in seconds.items()
        for metric_id in metric_ids.get(metric, ())
        for first, last in windows(moments)
    )
    records.expect_found()
    while some := list(islice(found, _CHUNK)):
        metrics, keys = zip(*some, strict=True)
        records.add_found(pa.table({"key": texts(keys), "metric": texts(metrics)}))
        run.say(f"{len(some):,} events read back")
    taken = records.take(run.run_id, run.moment())
    run.spool.lane("event").drop(taken)
    run.planned += len(taken)
    run.confirmed["event"] += len(taken)
    run.say(f"{len(taken):,} due events are in Klaviyo already and count as sent")


@dataclass(frozen=True, slots=True)
class Sample:
    """A second of a metric, and the ids of the events that are due in it."""

    metric: str
    second: int
    keys: frozenset[str]


class EventRecords:
    """Due events in the ledger of one sync, seen as a whole."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.found = ledger_table(ledger.warehouse, f"plan_{ledger.sync}_found")

    @property
    def due(self) -> str:
        """A condition over the plan's rows: what would be sent and is in no batch."""
        return f"operation = 'event' and not ({self.ledger.open_rows()})"

    def known_before(self, run_id: str) -> bool:
        """Whether another run has confirmed an event."""
        ledger = self.ledger
        rows = ledger.warehouse.table(
            f"select 1 as n from {ledger.state} where sync = {ledger.sync_literal} and run_id <> ? limit 1",
            [run_id],
        )
        return rows.num_rows > 0

    def has_loaded(self) -> bool:
        """Whether a run that sent events has come to its end."""
        runs = ledger_table(self.ledger.warehouse, "runs")
        rows = self.ledger.warehouse.table(
            f"select 1 as n from {runs} where sync = {self.ledger.sync_literal} and status = 'succeeded' "
            "and planned > 0 limit 1"
        )
        return rows.num_rows > 0

    def samples(self) -> list[Sample]:
        """The oldest and newest due events of each metric and some between; those with most rows first."""
        ledger, integer = self.ledger, self.ledger.dialect.integer
        places = ", ".join(f"1 + cast(floor((events - 1) * {place}) as {integer})" for place in _PLACES)
        rows = ledger.warehouse.table(
            f"""
with due as (
    select key, metric, occurred_s from {ledger.plan} where {self.due}
),
placed as (
    select metric, occurred_s, row_number() over (partition by metric order by occurred_s) as place,
        count(*) over (partition by metric) as events
    from due
),
sampled as (
    select metric, occurred_s, max(events) as events from placed where place in ({places})
    group by metric, occurred_s
    order by 3 desc, 1, 2 limit {_MOST_SAMPLES}
)
select due.metric, due.occurred_s, due.key from due
join sampled on sampled.metric = due.metric and sampled.occurred_s = due.occurred_s
order by sampled.events desc, 1, 2"""
        )
        keys: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        for row in rows.to_pylist():
            keys[row["metric"], row["occurred_s"]].add(row["key"])
        return [Sample(metric, second, frozenset(some)) for (metric, second), some in keys.items()]

    def seconds(self) -> dict[str, list[int]]:
        """By metric, the seconds in which something is due."""
        rows = self.ledger.warehouse.table(
            f"select distinct metric, occurred_s from {self.ledger.plan} where {self.due}"
        )
        found: defaultdict[str, list[int]] = defaultdict(list)
        for metric, second in zip(rows["metric"].to_pylist(), rows["occurred_s"].to_pylist(), strict=True):
            found[metric].append(second)
        return found

    def expect_found(self) -> None:
        """Make the table of what is found in Klaviyo; an earlier one is dropped."""
        self.ledger.warehouse.execute(
            f"create or replace table {self.found} as select key, metric from {self.ledger.plan} limit 0"
        )

    def add_found(self, events: pa.Table) -> None:
        """Events that Klaviyo shows: key and metric."""
        self.ledger.warehouse.append(self.found, events)

    def take(self, run_id: str, at: datetime) -> list[int]:
        """What was found leaves the plan and enters the state; the positions that it had."""
        ledger = self.ledger
        columns = "sync, key, digest, filled, is_ours, target, run_id, confirmed_at"
        chosen = (
            f"{self.due} and exists (select 1 from {self.found} as found "
            "where found.key = planned.key and found.metric = planned.metric)"
        )
        statements: list[Statement] = [
            (
                f"insert into {ledger.state} ({columns}) "
                f"select {ledger.sync_literal}, key, digest, filled, is_ours, '', ?, "
                f"cast(? as {ledger.dialect.timestamp}) from {ledger.plan} as planned where {chosen}",
                [run_id, at],
            ),
            (f"delete from {ledger.plan} as planned where {chosen}", []),
        ]
        with ledger.warehouse.session():
            taken = ledger.warehouse.table(f"select position from {ledger.plan} as planned where {chosen}")
            ledger.warehouse.transaction(statements)
            ledger.warehouse.execute(f"drop table {self.found}")
        return sorted(taken["position"].to_pylist())

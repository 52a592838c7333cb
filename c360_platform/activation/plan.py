"""The plan: which rows of a model differ from what Klaviyo has confirmed, found inside the warehouse.

Belongs here: the comparison, the operations, the checks of rows, the stops for a suspicious plan. Does not
belong here: anything that calls Klaviyo, and what happens to a planned row afterwards (`ledger`).

A plan is the table `c360_sync.plan_<sync>`; it lives until everything in it is settled. Its rows:

    position      the order in which rows are sent; a batch is a lane and a range of positions
    lane          import | single | remove | event: how a row travels; null when it does not travel
    operation     create | update | add | remove | event; release (leaves the state silently: it was never
                  ours); reject (`problem` says why); refused (Klaviyo refused this very payload before)
    key           what the ledger knows the row by: the e-mail address, or the event's id
    payload       JSON text of the row as Klaviyo gets it
    filled, cleared    fields of the profile with a value, and those that lost theirs
    occurred_s    when an event happened, in seconds since 1970: Klaviyo knows no finer time
    is_ours       false for members of a list that were on it before
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from c360_platform.activation.dialects import Dialect, dialect_of
from c360_platform.activation.errors import SyncFailed, SyncHeld
from c360_platform.activation.event_months import months_to_read, within_months
from c360_platform.activation.expressions import ROW_BYTES, RowExpressions, row_expressions
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.spec import SyncSpec

if TYPE_CHECKING:
    from c360_platform.warehouse import Warehouse

# What an event costs in a body beside its own text: the wrapper of its profile and of its list of events.
EVENT_OVERHEAD_BYTES = 200
COLUMNS = (
    *(
        "position",
        "lane",
        "operation",
        "key",
        "payload_hash",
        "is_ours",
        "filled",
        "cleared",
        "payload",
        "bytes",
    ),
    *("recipient", "metric", "occurred_s", "problem"),
)
_SENT = ("create", "update", "add", "remove", "event")
_HORIZON = timedelta(days=365)  # events further ahead are refused by Klaviyo


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """A plan in numbers, by rows. `by_operation` has only what would be sent; `rejected` includes rows that
    Klaviyo refused before and that have not changed since; `releases` leave the state without a call.
    """

    sync: str
    source_rows: int
    by_operation: dict[str, int]
    rejected: int
    unchanged: int
    releases: int = 0
    has_rejects: bool = False

    @property
    def planned(self) -> int:
        return sum(self.by_operation.values())


class Planner:
    """Compares one sync's model with the ledger. Reads and writes the warehouse, never Klaviyo."""

    def __init__(self, spec: SyncSpec, warehouse: Warehouse, ledger: Ledger, now: datetime) -> None:
        self.spec = spec
        self.warehouse = warehouse
        self.ledger = ledger
        self.now = now
        self.dialect: Dialect = dialect_of(warehouse.engine)
        self.model = warehouse.relation(spec.schema, spec.table)

    def make(self, *, allow_removals: bool = False) -> PlanCounts:
        """Write the plan table and say what is in it.

        Rows of batches that are still open stay in the table and are not planned again. Raises `SyncHeld` for
        a plan that a person has to look at first, `SyncFailed` when the model cannot be used.
        """
        select = self._select()
        source_rows = self._source_rows()
        if not allow_removals:
            self._guard_source(source_rows)
        self.warehouse.execute(self._create_table(select))
        rows = self.warehouse.table(
            f"select operation, count(*) as n from {self.ledger.plan} "
            f"where not ({self.ledger.open_rows()}) group by operation"
        )
        counts = self._counts(source_rows, rows.to_pylist(), self.ledger.open_row_count())
        if not allow_removals:
            self._guard_removals(counts)
        return counts

    def count(self) -> PlanCounts:
        """The same numbers without a plan table: nothing is written."""
        select = self._select()
        source_rows = self._source_rows()
        self._guard_source(source_rows)
        rows = self.warehouse.table(
            f"select operation, count(*) as n from ({select}) as planned group by operation"
        )
        return self._counts(source_rows, rows.to_pylist(), self.ledger.open_row_count())

    def _counts(self, source_rows: int, rows: Sequence[dict[str, object]], pending: int) -> PlanCounts:
        by_operation = {str(row["operation"]): int(str(row["n"])) for row in rows}
        rejected = by_operation.get("reject", 0) + by_operation.get("refused", 0)
        changed = sum(by_operation.get(operation, 0) for operation in _SENT if operation != "remove")
        return PlanCounts(
            sync=self.spec.name,
            source_rows=source_rows,
            by_operation={name: by_operation[name] for name in _SENT if by_operation.get(name)},
            rejected=rejected,
            unchanged=max(source_rows - changed - rejected - pending, 0),
            releases=by_operation.get("release", 0),
            has_rejects="reject" in by_operation,
        )

    def _source_rows(self) -> int:
        return int(self.warehouse.table(f"select count(*) as n from {self.model}")["n"][0].as_py())

    def _guard_source(self, source_rows: int) -> None:
        known = self.ledger.state_row_count() if source_rows == 0 and self.spec.object != "events" else 0
        if known:
            raise SyncHeld(
                f"sync {self.spec.name}: {self.spec.schema}.{self.spec.table} is empty but Klaviyo has "
                f"{known} rows of it: nothing was sent. Mend the model; if it is right, allow removals once"
            )

    def _guard_removals(self, counts: PlanCounts) -> None:
        removals = counts.by_operation.get("remove", 0)
        members = self.ledger.state_row_count() if removals else 0
        if self.spec.removal_fuse.holds(removals, members):
            raise SyncHeld(
                f"sync {self.spec.name}: {removals} of {members} members would be removed, more than the "
                f"fuse allows ({self.spec.removal_fuse}): nothing was sent. Check the segment, then raise "
                "its removal_fuse or allow removals once"
            )

    def _create_table(self, select: str) -> str:
        kept = ""
        if self.ledger.has_open_batches() and self.warehouse.exists(self.ledger.plan):
            columns = ", ".join(COLUMNS)
            kept = f"union all select {columns} from {self.ledger.plan} where {self.ledger.open_rows()}"
        return f"create or replace table {self.ledger.plan} {self.dialect.plan_layout} as {select} {kept}"

    def _select(self) -> str:
        types = self.warehouse.columns(self.spec.schema, self.spec.table)
        if not types:
            raise SyncFailed(
                f"sync {self.spec.name}: there is no table {self.spec.schema}.{self.spec.table}: "
                "build the model first"
            )
        row = row_expressions(self.spec, types, self.dialect)
        return self._statement(row, self._unsettled(types) if self.spec.object == "events" else "")

    def _unsettled(self, types: Mapping[str, str]) -> str:
        """Of an event model, which has years of them, only the months in which something is due are read."""
        spec, d = self.spec, self.dialect
        occurred_at = d.name(spec.occurred_at)
        months = months_to_read(self.ledger, self.model, key=d.name(spec.event_id), occurred_at=occurred_at)
        if months is None:
            return ""
        kind = d.kind(types[spec.occurred_at]) or "timestamp"
        return f"where {within_months(months, occurred_at, kind, d)}"

    def _statement(self, row: RowExpressions, where: str) -> str:
        d, ledger, is_event = self.dialect, self.ledger, self.spec.object == "events"
        no_text, no_number = f"cast(null as {d.string})", f"cast(null as {d.integer})"
        create = {"profiles": "create", "list": "add", "events": "event"}[self.spec.object]
        problem = " ".join(f"when {condition} then {d.literal(words)}" for condition, words in row.problems)
        overhead = f" + {d.bytes('recipient')} + {EVENT_OVERHEAD_BYTES}" if is_event else " + 1"
        open_keys = f"(select key from {ledger.plan} where {ledger.open_rows()})"
        is_open = f"and coalesce(row_key, '') not in {open_keys}" if ledger.has_open_batches() else ""
        changed = (
            "known.key is null" if is_event else "known.payload_hash is distinct from compared.payload_hash"
        )
        removals = self._removals(open_keys if is_open else "") if self.spec.object == "list" else ""
        return f"""
with source as (
    select {", ".join(row.columns)} from {self.model} {where}
),
keyed as (
    select *, {row.key} as row_key from source
),
repeated as (
    select row_key from (select {row.key} as row_key from source) as keys
    where row_key is not null group by row_key having count(*) > 1
),
known as (
    select key, payload_hash, filled, is_ours from {ledger.state} where sync = {ledger.sync_literal}
),
refused as (
    {ledger.rejections.refused_payloads()}
),
checked as (
    select keyed.*, repeated.row_key is not null as is_repeated,
        {self._time_literal(self.now + _HORIZON)} as latest_time
    from keyed left join repeated on repeated.row_key = keyed.row_key
),
written as (
    select *, {row.payload} as payload, case {problem} end as problem from checked
),
compared as (
    select *, {d.md5("payload")} as payload_hash from written
),
due as (
    select compared.*, known.key is null as is_new, coalesce(known.filled, '') as was_filled,
        refused.key is not null as is_refused, coalesce(known.is_ours, true) as is_ours
    from compared
    left join known on known.key = compared.row_key
    left join refused on refused.key = compared.row_key and refused.payload_hash = compared.payload_hash
    where (compared.problem is not null or {changed}) {is_open}
),
rendered as (
    select
        case when problem is not null then 'reject' when is_refused then 'refused'
            when is_new then '{create}' else 'update' end as operation,
        coalesce(row_key, '') as key, payload_hash, is_ours, problem,
        {row.filled} as filled,
        {row.cleared} as cleared,
        case when problem is null and not is_refused then payload end as payload,
        {row.recipient or no_text} as recipient,
        {row.metric or no_text} as metric,
        case when problem is null then {row.occurred_s or no_number} end as occurred_s
    from due
    {removals}
),
sized as (
    select *, {d.bytes("payload")}{overhead} as bytes from rendered
),
bounded as (
    select
        case when bytes > {ROW_BYTES} then 'reject' else operation end as operation,
        case when bytes > {ROW_BYTES} then 'the row is larger than 100 KB' else problem end as problem,
        case when bytes > {ROW_BYTES} then {no_text} else payload end as payload,
        key, payload_hash, is_ours, filled, cleared, recipient, metric, occurred_s,
        coalesce(bytes, 0) as bytes
    from sized
),
laned as (
    select *,
        case when operation in ('create', 'update', 'add') and cleared = '' then 'import'
            when operation in ('create', 'update', 'add') then 'single'
            when operation in ('remove', 'event') then operation end as lane
    from bounded
)
select
    row_number() over ({"order by recipient, occurred_s, key" if is_event else ""})
        + {ledger.last_open_position()} as position,
    {", ".join(COLUMNS[1:])}
from laned"""

    def _removals(self, open_keys: str) -> str:
        d = self.dialect
        key = f"lower({d.trim(d.name(self.spec.key))})"
        null = f"cast(null as {d.string})"
        return f"""
    union all
    select case when known.is_ours then 'remove' else 'release' end, known.key, known.payload_hash,
        known.is_ours, {null}, '', '', {null}, {null}, {null}, cast(null as {d.integer})
    from known left join (select distinct {key} as present_key from {self.model}) as present
        on present.present_key = known.key
    where present.present_key is null {f"and known.key not in {open_keys}" if open_keys else ""}"""

    def _time_literal(self, moment: datetime) -> str:
        return f"cast('{moment.isoformat(sep=' ', timespec='seconds')}' as {self.dialect.timestamp})"


def plan_sync(spec: SyncSpec, warehouse: Warehouse, *, now: datetime) -> PlanCounts:
    """What a run would do, without a call to Klaviyo. Raises like `Planner.make`."""
    ledger = Ledger(warehouse, spec.name)
    with warehouse.session():
        ledger.prepare()
        ledger.read_open()
        return Planner(spec, warehouse, ledger, now).count()

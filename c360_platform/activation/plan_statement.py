"""The query behind a plan: the rows of a model that differ from the state, with their operation and payload.

Belongs here: one SELECT per kind of sync, over the model, the state and what Klaviyo is known to have. Does
not belong here: the text of a value (`expressions`), running it and the stops for a suspicious plan (`plan`).

Everything that only due rows need – problems, payloads, who would be new – comes after the comparison, which
reads a digest of each row: in an ordinary run one row in a hundred is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from c360_platform.activation.expressions import ROW_BYTES, RowExpressions
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.membership import departures
from c360_platform.activation.spec import SyncSpec

if TYPE_CHECKING:
    from c360_platform.activation.dialects import Dialect

# What an event costs in a body beside its own text: the wrapper of its profile and of its list of events.
EVENT_OVERHEAD_BYTES = 200
_HORIZON = timedelta(days=365)  # events further ahead are refused by Klaviyo
# What the comparison yields of a row, before its lane and its size are known.
RENDERED = (
    *("operation", "key", "payload_hash", "is_ours", "is_new", "problem", "filled", "cleared"),
    *("recipient", "metric", "occurred_s", "raw_payload"),
)
NOT_SENT = {
    "deleted": "Klaviyo deleted this profile: it is not made again",
    "never": "Klaviyo does not know the person, and this sync makes no profiles (create: never)",
    "consented": "Klaviyo does not know the person, who has not consented (create: consented)",
}


@dataclass(frozen=True, slots=True)
class PlanQuery:
    """What the query is made of.

    `model` and `ingested_profiles` are relations as written in SQL; the latter is empty without an ingest.
    `where` limits the model, `leave_after` is the moment before which a member must have gone to be removed
    (None: at once).
    """

    spec: SyncSpec
    ledger: Ledger
    row: RowExpressions
    model: str
    now: datetime
    where: str = ""
    ingested_profiles: str = ""
    leave_after: datetime | None = None
    retry_rejected: bool = False
    dialect: Dialect = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dialect", self.ledger.dialect)

    @property
    def is_event(self) -> bool:
        return self.spec.object == "events"

    def due_rows(self) -> str:
        """Every row that is to be sent, removed or kept out; columns RENDERED, but payload for raw_payload,
        and lane and bytes. Rows of batches that are still open are not in it.
        """
        removals = f"union all {self._departures()}" if self.spec.object == "list" else ""
        return f"""
with {self._read()},
{self._compared()},
{self._judged()},
rendered as (
    select {self._rendered()}
    from judged
    {removals}
),
{self._sized()}
{"order by recipient, occurred_s, key" if self.is_event else ""}"""

    def planned_rows(self, plan: str, wanted: str) -> str:
        """Rows of a plan that can be sent as they were planned: position, lane, payload.

        `wanted` is a condition over the rows of the table `plan`. Those that have changed since are left out,
        and whatever is not fit to be sent any more.
        """
        d, row = self.dialect, self.row
        problem = " or ".join(f"({condition})" for condition, _ in row.problems)
        return f"""
with planned as (
    select position, lane, key, payload_hash as planned_hash from {plan} where {wanted}
),
{self._keyed()},
chosen as (
    select keyed.*, planned.position, planned.lane, planned.planned_hash,
        count(*) over (partition by keyed.row_key) > 1 as is_repeated, false as is_collapsed,
        {self._time_literal(self.now + _HORIZON)} as latest_time
    from keyed inner join planned on planned.key = keyed.row_key
),
hashed as (
    {self._hashed("chosen")}
),
rendered as (
    select position, lane, {row.payload} as raw_payload
    from hashed where payload_hash = planned_hash and not coalesce({problem}, false)
)
select position, lane, {d.portable("raw_payload")} as payload from rendered order by position"""

    @property
    def _source(self) -> str:
        return f"(select {', '.join(self.row.columns)} from {self.model} {self.where}) as source"

    def _keyed(self) -> str:
        """The model's rows with their key, and whether what else identifies a person stands in several."""
        shared = self.row.shared
        keyed = f"keyed as (\n    select *, {_named(self.row.keyed)} from {self._source}\n)"
        if not shared:
            return keyed
        repeated = "".join(
            f"""{flag} as (
    select value from (select {self.row.keyed[text]} as value from {self._source}) as texts
    where value is not null group by value having count(*) > 1
),
"""
            for flag, text in shared.items()
        )
        flags = {
            flag: f"coalesce({text} in (select value from {flag}), false)" for flag, text in shared.items()
        }
        keyed = keyed.replace("keyed", "unflagged", 1)
        return f"{repeated}{keyed},\nkeyed as (\n    select *, {_named(flags)} from unflagged\n)"

    def _read(self) -> str:
        row, ledger = self.row, self.ledger
        collapsed = "1 = 0" if self.is_event else f"min({row.raw_key}) <> max({row.raw_key})"
        return f"""{self._keyed()},
repeated as (
    select row_key, {collapsed} as is_collapsed
    from (select {row.raw_key}, {row.keyed["row_key"]} as row_key from {self._source}) as keys
    where row_key is not null group by row_key having count(*) > 1
),
known as (
    select key, payload_hash, filled, is_ours, gone_at from {ledger.state} where sync = {ledger.sync_literal}
)"""

    def _compared(self) -> str:
        """Rows of people are compared by their digest, events by their id alone: they never change."""
        if self.is_event:
            return f"""differing as (
    {self._differing("keyed", "known.key is null")}
),
due as (
    {self._hashed("differing")}
)"""
        return f"""hashed as (
    {self._hashed("keyed")}
),
due as (
    {self._differing("hashed", "known.payload_hash is distinct from hashed.payload_hash")}
)"""

    def _hashed(self, rows: str) -> str:
        d = self.dialect
        return f"""select *, {d.md5(d.portable("raw_digest"))} as payload_hash
    from (
        select *, {self.row.digest} as raw_digest
        from (select *, {_named(self.row.pieces)} from {rows}) as pieces
    ) as digested"""

    def _differing(self, rows: str, differs: str) -> str:
        return f"""select {rows}.*, repeated.row_key is not null as is_repeated,
        coalesce(repeated.is_collapsed, false) as is_collapsed, known.key is null as is_unknown,
        coalesce(known.filled, '') as was_filled, coalesce(known.is_ours, true) as is_ours
    from {rows}
    left join known on known.key = {rows}.row_key
    left join repeated on repeated.row_key = {rows}.row_key
    where ({differs} or repeated.row_key is not null) {self._not_open(f"coalesce({rows}.row_key, '')")}"""

    def _judged(self) -> str:
        """What keeps a row from being sent: its own faults, an earlier refusal, the create policy."""
        spec, ledger, row = self.spec, self.ledger, self.row
        problem = " ".join(
            f"when {condition} then {self.dialect.literal(words)}" for condition, words in row.problems
        )
        refused = ledger.rejections.refused_payloads()
        none = "select cast(null as {0}) as key, cast(null as {0}) as payload_hash limit 0"
        people, joins, is_new, is_deleted = "", "", "is_unknown", "false"
        if self.ingested_profiles:
            people += f""",
ingested as (
    select lower({self.dialect.trim("email")}) as email,
        max(case when coalesce(is_deleted, false) then 0 else 1 end) as is_alive
    from {self.ingested_profiles} where email is not null group by 1
)"""
            joins += " left join ingested on ingested.email = faulty.person"
            is_new += " and ingested.email is null"
            is_deleted = "coalesce(ingested.is_alive, 1) = 0"
        others = [name for name in spec.profile_syncs if name != spec.name]
        if others:
            names = ", ".join(self.dialect.literal(name) for name in others)
            people += f""",
brought as (
    select distinct key from {ledger.state} where sync in ({names})
)"""
            joins += " left join brought on brought.key = faulty.person"
            is_new += " and brought.key is null"
        allowed = {"never": "false", "consented": row.consented or "false", "always": "true"}[spec.create]
        return f"""refused as (
    {none.format(self.dialect.string) if self.retry_rejected else refused}
),
faulty as (
    select *, case {problem} end as problem
    from (select *, {self._time_literal(self.now + _HORIZON)} as latest_time from due) as dated
){people},
judged as (
    select faulty.*, refused.key is not null as is_refused, {is_new} as is_new, {is_deleted} as is_deleted,
        {allowed} as may_be_made
    from faulty
    left join refused on refused.key = faulty.row_key and refused.payload_hash = faulty.payload_hash{joins}
)"""

    def _rendered(self) -> str:
        d, row = self.dialect, self.row
        create = {"profiles": "create", "list": "add", "events": "event"}[self.spec.object]
        no_number = f"cast(null as {d.integer})"
        held_back = "is_deleted or (is_new and not may_be_made)"
        policy = d.literal(NOT_SENT["never" if self.spec.create == "never" else "consented"])
        columns = {
            "operation": f"""case when problem is not null then 'reject' when is_refused then 'refused'
            when {held_back} then 'withheld' when is_unknown then '{create}'
            when {row.cleared} <> '' then 'clear' else 'update' end""",
            "key": "coalesce(row_key, '')",
            "payload_hash": "payload_hash",
            "is_ours": "is_ours",
            "is_new": "is_new",
            "problem": f"""case when problem is not null then problem when is_refused then null
            when is_deleted then {d.literal(NOT_SENT["deleted"])} when {held_back} then {policy} end""",
            "filled": row.filled,
            "cleared": row.cleared,
            "recipient": "person" if self.is_event else f"cast(null as {d.string})",
            "metric": row.metric or f"cast(null as {d.string})",
            "occurred_s": f"case when problem is null then {row.occurred_s or no_number} end",
            "raw_payload": f"case when problem is null and not is_refused and not ({held_back}) "
            f"then {row.payload} end",
        }
        return ",\n        ".join(f"{columns[name]} as {name}" for name in RENDERED)

    def _sized(self) -> str:
        d = self.dialect
        overhead = f" + {d.bytes('recipient')} + {EVENT_OVERHEAD_BYTES}" if self.is_event else ""
        kept = ", ".join(name for name in RENDERED if name not in ("operation", "problem", "raw_payload"))
        too_large = f"bytes > {ROW_BYTES}"
        return f"""written_out as (
    select *, {d.portable("raw_payload")} as payload from rendered
),
sized as (
    select *, {d.bytes("payload")}{overhead} as bytes from written_out
),
bounded as (
    select {kept}, coalesce(bytes, 0) as bytes,
        case when {too_large} then 'reject' else operation end as operation,
        case when {too_large} then 'the row is larger than 100 KB' else problem end as problem,
        case when {too_large} then cast(null as {d.string}) else payload end as payload
    from sized
)
select *,
    case when operation in ('create', 'update', 'add') then 'import' when operation = 'clear' then 'single'
        when operation in ('remove', 'event') then operation end as lane
from bounded"""

    def _departures(self) -> str:
        return departures(
            self.spec,
            self.dialect,
            self.model,
            RENDERED,
            leave_after=self.leave_after,
            not_open=self._not_open("known.key"),
        )

    def _not_open(self, key: str) -> str:
        ledger = self.ledger
        if not ledger.has_open_batches():
            return ""
        return f"and {key} not in (select key from {ledger.plan} where {ledger.open_rows()})"

    def _time_literal(self, moment: datetime) -> str:
        return f"cast('{moment.isoformat(sep=' ', timespec='seconds')}' as {self.dialect.timestamp})"


def _named(expressions: Mapping[str, str]) -> str:
    return ", ".join(f"{expression} as {name}" for name, expression in expressions.items())

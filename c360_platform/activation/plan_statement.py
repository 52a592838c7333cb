"""The query behind a plan: the rows of a model that differ from the state, with their operation and payload.

Belongs here: one SELECT per kind of sync, over the model, the state and what Klaviyo is known to have. Does
not belong here: the text of a value (`expressions`), running it and the stops for a suspicious plan (`plan`).

Everything that only due rows need – problems, payloads, who would be new – comes after the comparison, which
reads a digest of each row: in an ordinary run one row in a hundred is due.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from c360_platform.activation.create_policy import Newcomers, reasons
from c360_platform.activation.expressions import ROW_BYTES
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.mapped_rows import RowExpressions
from c360_platform.activation.membership import departures
from c360_platform.activation.merged import GOES_ON_AS, Retirement, retires
from c360_platform.activation.spec import SyncSpec

if TYPE_CHECKING:
    from c360_platform.activation.dialects import Dialect

# What an event costs in a body beside its own text: the wrapper of its profile and of its list of events.
EVENT_OVERHEAD_BYTES = 200
_HORIZON = timedelta(days=365)  # events further ahead are refused by Klaviyo
# What the comparison yields of a row, before its size is known.
RENDERED = (
    *("operation", "key", "digest", "is_ours", "is_new", "problem", "filled", "cleared"),
    *("is_portable", "raw_payload", "recipient", "metric", "occurred_s", GOES_ON_AS),
)
EVENTS_ONLY = ("recipient", "metric", "occurred_s")


@dataclass(frozen=True, slots=True)
class PlanQuery:
    """What the query is made of.

    `model`, `ingested_profiles` and `aliases` are relations as written in SQL; the latter two are empty
    without an ingest, and where nobody tells who goes on under another address.
    `where` limits the model, `leave_after` is the moment before which a member must have gone to be removed
    (None: at once). What a first look has ruled out is left out of the statement: `is_first_load` says that
    the state is empty, `repeated` names what may stand in several rows, `row_key` and flags of `row.shared`
    (None: anything).
    """

    spec: SyncSpec
    ledger: Ledger
    row: RowExpressions
    model: str
    now: datetime
    where: str = ""
    ingested_profiles: str = ""
    aliases: str = ""
    leave_after: datetime | None = None
    retry_rejected: bool = False
    is_first_load: bool = False
    repeated: Collection[str] | None = None
    dialect: Dialect = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dialect", self.ledger.dialect)

    @property
    def is_event(self) -> bool:
        return self.spec.object == "events"

    @property
    def retirement(self) -> Retirement | None:
        """What finds the profiles that are to be retired; None where there cannot be any."""
        if not self.aliases or not retires(self.spec):
            return None
        return Retirement(self.spec, self.ledger, self.model, self.aliases)

    @property
    def rendered(self) -> tuple[str, ...]:
        """The columns of RENDERED that rows of this kind have."""
        unused = () if self.is_event else EVENTS_ONLY
        if not self.aliases:
            unused = (*unused, GOES_ON_AS)
        return tuple(name for name in RENDERED if name not in unused)

    def key_counts(self) -> str:
        """A look at what identifies rows: for `row_key` and each flag of `row.shared` the columns <name>_n,
        how many rows have it, and <name>_d, how many different fingerprints: equal when nothing repeats.
        """
        texts = {"row_key": self.row.keyed["row_key"], **self._shared_texts()}
        counts = ", ".join(
            f"count({name}) as {name}_n, count(distinct {self.dialect.fingerprint(name)}) as {name}_d"
            for name in texts
        )
        return f"select {counts} from (select {_named(texts)} from {self._source}) as texts"

    def due_rows(self) -> str:
        """Every row that is to be sent, removed or kept out; columns as in `rendered`, but payload for
        raw_payload, and bytes. Rows of batches that are still open are not in it.
        """
        ctes, removals = self._departures()
        departed = "".join(f"{name} as (\n    {select}\n),\n" for name, select in ctes.items())
        return f"""
with {self._read()},
{self._compared()},
{self._judged()},
{departed}rendered as (
    select {self._rendered()}
    from judged
    {removals}
),
{self._sized()}
{"order by recipient, occurred_s, key" if self.is_event else ""}"""

    def planned_rows(self, plan: str, wanted: str) -> str:
        """Rows of a plan that can be sent as they were planned: position, operation, payload.

        `wanted` is a condition over the rows of the table `plan`. Those that have changed since are left out,
        and whatever is not fit to be sent any more.
        """
        d, row = self.dialect, self.row
        problem = " or ".join(f"({condition})" for condition, _ in row.problems)
        return f"""
with planned as (
    select position, operation, key, digest as planned_digest from {plan} where {wanted}
),
{self._keyed()},
chosen as (
    select keyed.*, planned.position, planned.operation, planned.planned_digest,
        count(*) over (partition by keyed.row_key) > 1 as is_repeated, false as is_collapsed,
        {self._time_literal(self.now + _HORIZON)} as latest_time
    from keyed inner join planned on planned.key = keyed.row_key
),
hashed as (
    {self._hashed("chosen")}
),
rendered as (
    select position, operation, {self._is_portable()} as is_portable, {row.payload} as raw_payload
    from (select *, {row.first_property} as first_property from hashed) as told
    where digest = planned_digest and not coalesce({problem}, false)
)
select position, operation, {d.portable("raw_payload", "is_portable")} as payload
from rendered order by position"""

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
    select value from (select {text} as value from {self._source}) as texts
    where value is not null group by value having count(*) > 1
),
"""
            for flag, text in self._shared_texts().items()
            if self._may_repeat(flag)
        )
        flags = {
            flag: f"coalesce({text} in (select value from {flag}), false)"
            if self._may_repeat(flag)
            else "false"
            for flag, text in shared.items()
        }
        keyed = keyed.replace("keyed", "unflagged", 1)
        return f"{repeated}{keyed},\nkeyed as (\n    select *, {_named(flags)} from unflagged\n)"

    def _shared_texts(self) -> dict[str, str]:
        return {flag: self.row.keyed[text] for flag, text in self.row.shared.items()}

    def _may_repeat(self, name: str) -> bool:
        return self.repeated is None or name in self.repeated

    def _read(self) -> str:
        row, ledger = self.row, self.ledger
        collapsed = "1 = 0" if self.is_event else f"min({row.raw_key}) <> max({row.raw_key})"
        parts = [self._keyed()]
        if self._may_repeat("row_key"):
            parts.append(f"""repeated as (
    select row_key, {collapsed} as is_collapsed
    from (select {row.raw_key}, {row.keyed["row_key"]} as row_key from {self._source}) as keys
    where row_key is not null group by row_key having count(*) > 1
)""")
        if not self.is_first_load:
            parts.append(f"""known as (
    select key, digest, filled, is_ours, gone_at from {ledger.state} where sync = {ledger.sync_literal}
)""")
        return ",\n".join(parts)

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
    {self._differing("hashed", "known.digest is distinct from hashed.digest")}
)"""

    def _hashed(self, rows: str) -> str:
        d = self.dialect
        return f"""select *, {d.digest(d.portable("raw_digest", "is_portable"))} as digest
    from (
        select *, {d.is_portable("raw_digest")} as is_portable
        from (
            select *, {self.row.digest} as raw_digest
            from (select *, {_named(self.row.pieces)} from {rows}) as pieces
        ) as digested
    ) as told"""

    def _is_portable(self) -> str:
        """Whether a payload is: it has the values of the digest and names of the mapping."""
        names = "".join([*self.spec.fields.values(), *self.spec.properties.values(), *self.spec.unset])
        return "is_portable" if names.isprintable() else "false"

    def _differing(self, rows: str, differs: str) -> str:
        known = {"is_unknown": "true", "was_filled": "''", "is_ours": "true"}
        repeated = {"is_repeated": "false", "is_collapsed": "false"}
        joins = ""
        if self.is_first_load:
            differs = "true"
        else:
            known = {
                "is_unknown": "known.key is null",
                "was_filled": "coalesce(known.filled, '')",
                "is_ours": "coalesce(known.is_ours, true)",
            }
            joins += f"\n    left join known on known.key = {rows}.row_key"
        if self._may_repeat("row_key"):
            differs += " or repeated.row_key is not null"
            repeated = {
                "is_repeated": "repeated.row_key is not null",
                "is_collapsed": "coalesce(repeated.is_collapsed, false)",
            }
            joins += f"\n    left join repeated on repeated.row_key = {rows}.row_key"
        return f"""select {rows}.*, {_named({**known, **repeated})}
    from {rows}{joins}
    where ({differs}) {self._not_open(f"coalesce({rows}.row_key, '')")}"""

    def _judged(self) -> str:
        """What keeps a row from being sent: its own faults, an earlier refusal, the create policy."""
        ledger, row = self.ledger, self.row
        problem = " ".join(
            f"when {condition} then {self.dialect.literal(words)}" for condition, words in row.problems
        )
        newcomers = Newcomers(self.spec, ledger, row, self.ingested_profiles)
        ctes, joins, is_refused = newcomers.ctes(), newcomers.joins("faulty"), "false"
        if ledger.has_rejections() and not self.retry_rejected:
            ctes["refused"] = ledger.rejections.refused_payloads()
            joins += " left join refused on refused.key = faulty.row_key and refused.digest = faulty.digest"
            is_refused = "refused.key is not null"
        people = "".join(f"{name} as (\n    {select}\n),\n" for name, select in ctes.items())
        return f"""faulty as (
    select *, case {problem} end as problem
    from (
        select *, {self._time_literal(self.now + _HORIZON)} as latest_time,
            {row.first_property} as first_property
        from due
    ) as dated
),
{people}judged as (
    select faulty.*, {is_refused} as is_refused, {_named(newcomers.flags())}
    from faulty{joins}
)"""

    def _rendered(self) -> str:
        d, row = self.dialect, self.row
        create = {"profiles": "create", "list": "add", "events": "event"}[self.spec.object]
        no_number = f"cast(null as {d.integer})"
        held_back = "is_deleted or (is_new and not may_be_made)"
        deleted, policy = (d.literal(words) for words in reasons(self.spec))
        columns = {
            "operation": f"""case when problem is not null then 'reject' when is_refused then 'refused'
            when {held_back} then 'withheld' when is_unknown then '{create}'
            when {row.cleared} <> '' then 'clear' else 'update' end""",
            "key": "coalesce(row_key, '')",
            "digest": "digest",
            "is_ours": "is_ours",
            "is_new": "is_new",
            "problem": f"""case when problem is not null then problem when is_refused then null
            when is_deleted then {deleted} when {held_back} then {policy} end""",
            "is_portable": self._is_portable(),
            "filled": row.filled,
            "cleared": row.cleared,
            "recipient": "person" if self.is_event else f"cast(null as {d.string})",
            "metric": row.metric or f"cast(null as {d.string})",
            GOES_ON_AS: f"cast(null as {d.string})",
            "occurred_s": f"case when problem is null then {row.occurred_s or no_number} end",
            "raw_payload": f"case when problem is null and not is_refused and not ({held_back}) "
            f"then {row.payload} end",
        }
        return ",\n        ".join(f"{columns[name]} as {name}" for name in self.rendered)

    def _sized(self) -> str:
        d = self.dialect
        overhead = f" + {d.bytes('recipient')} + {EVENT_OVERHEAD_BYTES}" if self.is_event else ""
        changed = ("operation", "problem", "is_portable", "raw_payload")
        kept = ", ".join(name for name in self.rendered if name not in changed)
        too_large = f"bytes > {ROW_BYTES}"
        return f"""written_out as (
    select *, {d.portable("raw_payload", "is_portable")} as payload from rendered
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
select * from bounded"""

    def _departures(self) -> tuple[Mapping[str, str], str]:
        """Rows of the state that the model has no more: what they are read of, and the SELECT to be added."""
        ledger = self.ledger
        if self.is_first_load or self.is_event:
            return {}, ""
        if self.spec.object == "list":
            members = departures(
                self.spec,
                self.dialect,
                self.model,
                self.rendered,
                leave_after=self.leave_after,
                not_open=self._not_open("known.key"),
                aliases=self.aliases,
            )
            return {}, f"union all {members}"
        retirement = self.retirement
        if retirement is None:
            return {}, ""
        is_asked = ledger.has_rejections() and not self.retry_rejected
        refused = ledger.rejections.refused_payloads() if is_asked else ""
        profiles = retirement.rows(self.rendered, refused=refused, not_open=self._not_open("parted.key"))
        return retirement.ctes(), f"union all {profiles}"

    def _not_open(self, key: str) -> str:
        ledger = self.ledger
        if not ledger.has_open_batches():
            return ""
        return f"and {key} not in (select key from {ledger.plan} where {ledger.open_rows()})"

    def _time_literal(self, moment: datetime) -> str:
        return f"cast('{moment.isoformat(sep=' ', timespec='seconds')}' as {self.dialect.timestamp})"


def _named(expressions: Mapping[str, str]) -> str:
    return ", ".join(f"{expression} as {name}" for name, expression in expressions.items())

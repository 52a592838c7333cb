"""The plan: which rows of a model differ from what Klaviyo has confirmed, found inside the warehouse.

Belongs here: running the comparison, keeping its rows, counting them, the stops for a suspicious plan. Does
not belong here: the query (`plan_statement`), anything that calls Klaviyo, and what happens to a planned row
afterwards (`ledger`).

A plan is the table `c360_sync.plan_<sync>`; it lives until everything in it is settled. Its rows:

    position      the order in which rows are sent; a batch is a lane and a range of positions
    operation     create | update | clear | retire | add | remove | event, which says in what lane a row
                  travels; leaving (gone from the model, still within the grace period, or until Klaviyo has
                  the address under which the person goes on); release (leaves the state
                  silently: it was never ours); reject (`problem` says why); refused (Klaviyo refused this
                  very payload before); withheld (the create policy keeps the person out, `problem` says
                  which)
    key           what the ledger knows the row by: the e-mail address, or the event's id
    is_ours       false for members of a list that were on it before
    is_new        whether Klaviyo would make a profile of it, as far as the warehouse knows; like bytes and
                  goes_on_as only in the table of a dry run
    filled, cleared    fields of the profile with a value, and those that lost theirs
    bytes         what the row costs in a body
    goes_on_as    the address under which the person of a row that leaves goes on, as far as it is known
    occurred_s    when an event happened, in seconds since 1970: Klaviyo knows no finer time; like recipient
                  and metric only of events

The payload, JSON text of the row as Klaviyo gets it, goes into the run's `Spool` and not into the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from c360_platform.activation.arrow_columns import is_one_of, numbers
from c360_platform.activation.delivery import Overrides
from c360_platform.activation.errors import SuspiciousPlan, SyncFailed
from c360_platform.activation.event_months import months_to_read, within_months
from c360_platform.activation.expressions import row_expressions
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import Batch, ledger_table, within
from c360_platform.activation.merged import ADDRESS, GOES_ON_AS
from c360_platform.activation.payloads import DEPARTURES, LANE_OF, LANES, SEPARATOR
from c360_platform.activation.plan_statement import EVENTS_ONLY, PlanQuery
from c360_platform.activation.plan_writer import PlanWriter
from c360_platform.activation.spec import SyncSpec
from c360_platform.activation.spool import Spool

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.activation.spool import Integers
    from c360_platform.warehouse import Warehouse

# Column to its type in the words of the ledger's tables.
COLUMNS = {
    "position": "i",
    "operation": "s",
    "key": "s",
    "digest": "i",
    "is_ours": "b",
    "is_new": "b",
    "filled": "s",
    "cleared": "s",
    "bytes": "i",
    "recipient": "s",
    "metric": "s",
    "occurred_s": "i",
    "problem": "s",
    GOES_ON_AS: "s",
}
_SHOWN_ONLY = ("is_new", "bytes", GOES_ON_AS)  # in a dry run


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """A plan in numbers, by rows.

    `by_operation` has what would be sent; `rejected` includes rows that Klaviyo refused before and that have
    not changed since; `withheld` are kept out by the create policy, `leaving` wait for the end of the grace
    period, `releases` leave the state without a call. `new_profiles` counts rows that would make a profile,
    `merged` those that leave because their people go on under another address.
    `held` says why a person has to look at the plan first, and is empty when nobody has to.
    """

    sync: str
    source_rows: int
    by_operation: Mapping[str, int]
    rejected: int = 0
    unchanged: int = 0
    withheld: int = 0
    leaving: int = 0
    releases: int = 0
    new_profiles: int = 0
    merged: int = 0
    has_rejects: bool = False
    held: str = ""

    @property
    def planned(self) -> int:
        return sum(self.by_operation.values())


def table_columns(spec: SyncSpec) -> dict[str, str]:
    """The columns of COLUMNS that the table of a run's plan has."""
    unused = _SHOWN_ONLY if spec.object == "events" else (*_SHOWN_ONLY, *EVENTS_ONLY)
    return {name: kind for name, kind in COLUMNS.items() if name not in unused}


class Planner:
    """Compares one sync's model with the ledger. Reads and writes the warehouse, never Klaviyo."""

    def __init__(
        self,
        spec: SyncSpec,
        warehouse: Warehouse,
        ledger: Ledger,
        now: datetime,
        overrides: Overrides | None = None,
    ) -> None:
        self.spec = spec
        self.warehouse = warehouse
        self.ledger = ledger
        self.now = now
        self.overrides = overrides or Overrides()
        self.model = warehouse.relation(spec.schema, spec.table)
        self.spool = Spool(self.render)
        self.columns = table_columns(spec)
        self.kinds: Mapping[str, str] = {}  # of the mapped columns, once the query is made

    def make(self) -> PlanCounts:
        """Write the plan's table and its payloads, and say what is in it.

        Rows of batches that are still open stay in the table and are not planned again. Raises
        `SuspiciousPlan` for a plan that a person has to look at first, `SyncFailed` when the model cannot be
        used.
        """
        query, source_rows = self._looked_at(self._query())
        held = self._suspicious_source(source_rows)
        if held:
            raise SuspiciousPlan(held)
        self.spool.forget_plan()
        writer = PlanWriter(self.ledger, self.spool, self.columns, is_kept=self._keeps_table())
        for rows in self.warehouse.query(query.due_rows()):
            writer.add(rows)
        writer.finish()
        counts = self._counts(source_rows, writer.by_operation, writer.new_profiles, merged=writer.merged)
        if counts.held:
            raise SuspiciousPlan(counts.held)
        return counts

    @contextmanager
    def preview(self) -> Iterator[tuple[str, PlanCounts]]:
        """The plan in a table of its own for as long as the block lasts: COLUMNS, and size, the bytes of a
        payload as it lies in a spool.

        Nothing is held: `PlanCounts.held` says what would. `preview_payloads` has the payloads of some rows.
        """
        query, source_rows = self._looked_at(self._query())
        table = ledger_table(self.warehouse, f"preview_{self.spec.name}")
        listed = ", ".join(
            name if name in (*query.rendered, "bytes") else f"{self._null(name)} as {name}"
            for name in COLUMNS
            if name != "position"
        )
        order = "order by recipient, occurred_s, key" if self.spec.object == "events" else ""
        self.warehouse.execute(
            f"create or replace table {table} as select row_number() over ({order}) as position, {listed}, "
            f"coalesce({self.ledger.dialect.bytes('payload')}, 1) as size from ({query.due_rows()}) as due"
        )
        try:
            rows = self.warehouse.table(
                f"select operation, is_new, count(*) as n, count({GOES_ON_AS}) as merged from {table} "
                "group by operation, is_new"
            ).to_pylist()
            by_operation: Counter[str] = Counter()
            new_profiles = 0
            for row in rows:
                by_operation[row["operation"]] += row["n"]
                new_profiles += row["n"] if row["is_new"] and row["operation"] in LANE_OF else 0
            held = self._suspicious_source(source_rows)
            merged = sum(row["merged"] for row in rows)
            yield table, self._counts(source_rows, by_operation, new_profiles, merged=merged, held=held)
        finally:
            self.warehouse.execute(f"drop table if exists {table}")

    def preview_payloads(self, table: str, sql: str) -> dict[int, str]:
        """Position to payload of the rows of a preview for which a condition over its columns holds."""
        rows = self.warehouse.table(self._query().planned_rows(table, sql))
        payloads = (payload.removesuffix(SEPARATOR) for payload in rows["payload"].to_pylist())
        return dict(zip(rows["position"].to_pylist(), payloads, strict=True))

    def render(self, batches: Sequence[Batch]) -> Iterator[tuple[str, Integers, pa.Array]]:
        """Payloads of batches that an earlier run planned; rows that have changed since leave the plan."""
        import pyarrow as pa

        query = self._query()
        wanted = f"{within(batches)} {self.ledger.rejections.left_out(batches)}"
        found: list[pa.Table] = []
        for rows in self.warehouse.query(query.planned_rows(self.ledger.plan, wanted)):
            for lane in {LANE_OF[operation] for operation in rows["operation"].unique().to_pylist()}:
                mask = is_one_of(rows["operation"], LANES[lane].operations)
                yield lane, numbers(rows["position"].filter(mask)), rows["payload"].filter(mask)
            found.append(pa.Table.from_batches([rows]).select(["position"]))
        self.ledger.follow_model(batches, pa.concat_tables(found))

    # What the query needs to know ---------------------------------------------------------------------------

    def _query(self) -> PlanQuery:
        spec = self.spec
        types = self.warehouse.columns(spec.schema, spec.table)
        if not types:
            raise SyncFailed(
                f"sync {spec.name}: there is no table {spec.schema}.{spec.table}: build the model first"
            )
        row = row_expressions(spec, types, self.ledger.dialect)
        self.kinds = row.kinds
        at_once = self.overrides.allow_removals or spec.removal_grace_hours == 0
        return PlanQuery(
            spec=spec,
            ledger=self.ledger,
            row=row,
            model=self.model,
            now=self.now,
            where=self._unsettled(types) if spec.object == "events" else "",
            ingested_profiles=self._ingested_profiles(),
            aliases=self._aliases(),
            leave_after=None if at_once else self.now - timedelta(hours=spec.removal_grace_hours),
            retry_rejected=self.overrides.retry_rejected,
        )

    def _unsettled(self, types: Mapping[str, str]) -> str:
        """Of an event model, which has years of them, only the months in which something is due are read."""
        spec, d = self.spec, self.ledger.dialect
        occurred_at = d.name(spec.occurred_at)
        if spec.occurred_at not in types or spec.event_id not in types:
            return ""  # the query will say so in better words
        months = months_to_read(self.ledger, self.model, key=d.name(spec.event_id), occurred_at=occurred_at)
        if months is None:
            return ""
        kind = d.kind(types[spec.occurred_at]) or "timestamp"
        return f"where {within_months(months, occurred_at, kind, d)}"

    def _ingested_profiles(self) -> str:
        schema = self.spec.ingest_schema
        columns = self.warehouse.columns(schema, "profiles") if schema else {}
        if not {"email", "is_deleted"} <= {name.lower() for name in columns}:
            return ""
        return self.warehouse.relation(schema, "profiles")

    def _aliases(self) -> str:
        aliases = self.spec.aliases
        if aliases is None:
            return ""
        if not {ADDRESS, GOES_ON_AS} <= self.warehouse.columns(aliases.schema, aliases.table).keys():
            raise SyncFailed(
                f"sync {self.spec.name}: {aliases.schema}.{aliases.table}, which its aliases are read from, "
                f"has no columns {ADDRESS} and {GOES_ON_AS}: build the model {aliases.model}, then push again"
            )
        return self.warehouse.relation(aliases.schema, aliases.table)

    def _looked_at(self, query: PlanQuery) -> tuple[PlanQuery, int]:
        """The query without what a look at keys and state rules out, and the number of the model's rows."""
        source_rows = self.ledger.number(f"select count(*) as n from {self.model}")
        if not self.ledger.dialect.looks_first:
            return query, source_rows
        (counts,) = self.warehouse.table(query.key_counts()).to_pylist()
        names = ("row_key", *query.row.shared)
        repeated = {name for name in names if counts[f"{name}_n"] != counts[f"{name}_d"]}
        is_first_load = self.ledger.state_row_count() == 0
        looked = replace(query, is_first_load=is_first_load, repeated=repeated)
        retirement = None if is_first_load else looked.retirement
        if retirement is not None and not self.ledger.number(retirement.look()):
            looked = replace(looked, aliases="")
        return looked, source_rows

    def _null(self, name: str) -> str:
        dialect = self.ledger.dialect
        return f"cast(null as {dialect.type(COLUMNS[name])})"

    def _keeps_table(self) -> bool:
        return self.ledger.has_open_batches() and self.warehouse.exists(self.ledger.plan)

    # Counting and stopping ----------------------------------------------------------------------------------

    def _counts(
        self,
        source_rows: int,
        rows: Mapping[str, int],
        new_profiles: int,
        *,
        merged: int,
        held: str = "",
    ) -> PlanCounts:
        rejected = rows.get("reject", 0) + rows.get("refused", 0)
        withheld, leaving = rows.get("withheld", 0), rows.get("leaving", 0)
        changed = sum(rows.get(operation, 0) for operation in LANE_OF if operation not in DEPARTURES)
        under_way = sum(batch.rows for batch in self.ledger.open_batches if batch.lane != "remove")
        unchanged = source_rows - changed - rejected - withheld - under_way
        return PlanCounts(
            sync=self.spec.name,
            source_rows=source_rows,
            by_operation={name: rows[name] for name in LANE_OF if rows.get(name)},
            rejected=rejected,
            unchanged=max(unchanged, 0),
            withheld=withheld,
            leaving=leaving,
            releases=rows.get("release", 0),
            new_profiles=new_profiles,
            merged=merged,
            has_rejects=bool(rows.get("reject")),
            held=held or self._suspicious_removals(sum(rows.get(name, 0) for name in DEPARTURES) + leaving),
        )

    def _suspicious_source(self, source_rows: int) -> str:
        if source_rows or self.spec.object == "events" or self.overrides.allow_removals:
            return ""
        known = self.ledger.state_row_count()
        if not known:
            return ""
        return (
            f"sync {self.spec.name}: {self.spec.schema}.{self.spec.table} is empty but Klaviyo has "
            f"{known} rows of it: nothing was sent. Mend the model; if it is right, allow removals once"
        )

    def _suspicious_removals(self, removals: int) -> str:
        """The fuse looks at everybody who is out, whether the grace period is over or not."""
        if not removals or self.overrides.allow_removals:
            return ""
        members = self.ledger.state_row_count("is_ours")
        if not self.spec.removal_fuse.holds(removals, members):
            return ""
        aliases, what, where = self.spec.aliases, "members would be removed", "the segment"
        if self.spec.object == "profiles" and aliases is not None:
            what = "profiles would be retired, as their people go on under another address"
            where = f"the model {aliases.model}"
        return (
            f"sync {self.spec.name}: {removals} of {members} {what}, more than the "
            f"fuse allows ({self.spec.removal_fuse}): nothing was sent. Check {where}, then raise "
            "its removal_fuse or allow removals once"
        )

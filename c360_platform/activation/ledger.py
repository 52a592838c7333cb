"""What is true: runs, batches, confirmed rows and rejected rows, in the warehouse's `c360_sync` schema.

Belongs here: the state, the rows of a plan, and the rule that a row enters the state only when Klaviyo has
confirmed it. Does not belong here: what to send (`plan`) and how (`transport`); the statements on the tables
`batches`, `rejections` and `runs` are in the modules of these names.

    runs         one row per run of a sync with its counters
    batches      a lane and a range of positions of the plan; planned → accepted → confirmed, or failed.
                 `planned` may have been sent or not (the process died in between): it is sent again
    state        one row per confirmed row: key, hash of the payload, fields with a value
    rejections   one row per rejected row with the reason; `resolved_at` is set once it went through or left
    plan_<sync>  the rows of the current plan (see `plan`)

Syncs share the tables. BigQuery refuses the later of two transactions that change one table at a time; it may
be tried again as a whole, and every statement here gives the same when it runs twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from c360_platform.activation.batches import BatchRecords
from c360_platform.activation.dialects import dialect_of
from c360_platform.activation.errors import SyncFailed
from c360_platform.activation.ledger_tables import Batch, Rejection, ledger_table, make_tables, within
from c360_platform.activation.payloads import in_lanes
from c360_platform.activation.rejections import RejectionRecords

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.warehouse import Statement, Value, Warehouse


class Ledger:
    """The tables of one sync. Every method is one short visit to the warehouse."""

    def __init__(self, warehouse: Warehouse, sync: str) -> None:
        if not re.fullmatch(r"\w+", sync):
            raise SyncFailed(f"the sync's name {sync!r} must consist of letters, digits and underscores")
        self.warehouse = warehouse
        self.sync = sync
        self.sync_literal = f"'{sync}'"  # not a parameter: clusters are pruned by constants
        self.dialect = dialect_of(warehouse.engine)
        self.state = ledger_table(warehouse, "state")
        self.plan = ledger_table(warehouse, f"plan_{sync}")
        self.batches = BatchRecords(warehouse, sync)
        self.rejections = RejectionRecords(warehouse, sync, self.plan)
        self.has_plan = False  # whether its table is there; without open batches an old one is of no use
        self._orphans: list[Batch] = []

    def prepare(self) -> None:
        """Make what is missing of the tables."""
        make_tables(self.warehouse, self.dialect)

    def read_open(self) -> None:
        """Read what an earlier run left open. Without their plan nobody knows what was in the batches."""
        self.batches.read()
        self.has_plan = bool(self.batches.open) and self.warehouse.exists(self.plan)
        if self.batches.open and not self.has_plan:
            self._orphans, self.batches.open = self.batches.open, []
        self.rejections.read()

    # Reading ------------------------------------------------------------------------------------------------

    @property
    def open_batches(self) -> list[Batch]:
        """Batches whose fate at Klaviyo is not known yet, in order."""
        return list(self.batches.open)

    def has_open_batches(self) -> bool:
        return bool(self.batches.open)

    def open_rows(self) -> str:
        """A condition over the plan's rows: those of open batches."""
        return within(self.batches.open)

    def open_row_count(self) -> int:
        return sum(batch.rows for batch in self.batches.open)

    def last_open_position(self) -> int:
        return max((batch.last for batch in self.batches.open), default=0)

    def state_row_count(self, condition: str = "1 = 1") -> int:
        """Rows of the state for which a condition over its columns holds."""
        return self.number(
            f"select count(*) as n from {self.state} where sync = {self.sync_literal} and {condition}"
        )

    def positions(self, lane: str) -> list[int]:
        """The positions of planned rows of a lane that are in no batch yet."""
        rows = self.warehouse.table(
            f"select position from {self.plan} where {in_lanes(lane)} and not ({self.open_rows()})"
        )
        return rows["position"].to_pylist()

    def pending_rows(self) -> dict[str, int]:
        """The rows of open batches that are not rejected, by operation."""
        if not self.batches.open:
            return {}
        rows = self.warehouse.table(
            f"select operation, count(*) as n from {self.plan} where {self.open_rows()} "
            f"{self.rejections.left_out(self.batches.open)} group by operation"
        )
        return dict(zip(rows["operation"].to_pylist(), rows["n"].to_pylist(), strict=True))

    def rows(self, batch: Batch, columns: Sequence[str]) -> pa.Table:
        """Columns of the plan for the rows of a batch that are not rejected, in order."""
        return self.warehouse.table(
            f"select {', '.join(columns)} from {self.plan} where {within([batch])} "
            f"{self.rejections.left_out([batch])} order by position"
        )

    def settled_by(self, run_id: str) -> int:
        """How many rows a run has confirmed so far that its plan does not hold again."""
        again = f"and key not in (select key from {self.plan})" if self.has_plan else ""
        return self.number(
            f"select count(*) as n from {self.state} where sync = {self.sync_literal} and run_id = ? {again}",
            [run_id],
        )

    def rejected_by_job(self, batch: Batch) -> int:
        """How many rows are on record as failed in the batch's import job."""
        return self.rejections.of_job(batch.job_id)

    # Writing ------------------------------------------------------------------------------------------------

    def make_plan(self, columns: Mapping[str, str], *, is_kept: bool) -> None:
        """A new table for the plan; with `is_kept` it has the rows of open batches already."""
        self.has_plan = True
        if is_kept:
            select = f"select {', '.join(columns)} from {self.plan} where {self.open_rows()}"
        else:
            typed = (f"cast(null as {self.dialect.type(kind)}) as {name}" for name, kind in columns.items())
            select = f"select {', '.join(typed)} limit 0"
        self.warehouse.execute(f"create or replace table {self.plan} {self.dialect.plan_layout} as {select}")

    def add_to_plan(self, rows: pa.Table) -> None:
        """Append planned rows; the columns are the table's."""
        self.warehouse.append(self.plan, rows)

    def follow_model(self, batches: Sequence[Batch], found: pa.Table) -> None:
        """Rows of open batches that cannot be sent again as they were leave the plan; they are due anew.

        `found` has the positions of those that can.
        """
        if found.num_rows == self._planned_rows(batches):
            return
        table = ledger_table(self.warehouse, f"plan_{self.sync}_now")
        self.warehouse.execute(f"drop table if exists {table}")
        self.warehouse.append(table, found)
        gone = (
            f"{within(batches)} and operation <> 'remove' and position not in (select position from {table})"
        )
        people = [batch for batch in batches if batch.lane != "event"]
        statements: list[Statement] = [(f"delete from {self.plan} where {gone}", [])]
        if people:
            statements.insert(0, self._may_be_there(gone, people[0].target))
        self.warehouse.transaction(statements)
        self.warehouse.execute(f"drop table {table}")

    def may_be_there(self, batch: Batch) -> None:
        """Nobody knows which rows of a batch of people Klaviyo has applied.

        They are due again. But what they may have filled counts as filled, so that it can be cleared, and
        whom they may have put on a list is there because of us.
        """
        condition = f"{within([batch])} {self.rejections.left_out([batch])}"
        self.warehouse.execute(*self._may_be_there(condition, batch.target))

    def confirm_but(self, batch: Batch, missing: Collection[str], run_id: str, at: datetime) -> Batch:
        """Confirm the events of a batch that are not missing; the rest as a batch of its own."""
        rest = batch.part(0, batch.first, batch.last, len(missing))
        keys = list(missing)
        marks = ", ".join("?" * len(keys))
        found = f"{within([batch])} and key not in ({marks}) {self.rejections.left_out([batch])}"
        columns = "sync, key, digest, filled, is_ours, target, run_id, confirmed_at"
        with self.warehouse.session():
            self.warehouse.transaction(
                [
                    (
                        f"insert into {self.state} ({columns}) "
                        f"select {self.sync_literal}, key, digest, filled, is_ours, '', ?, "
                        f"cast(? as {self.dialect.timestamp}) from {self.plan} "
                        f"where {found} and key not in "
                        f"(select key from {self.state} where sync = {self.sync_literal})",
                        [run_id, at, *keys],
                    ),
                    (f"delete from {self.plan} where {found}", keys),
                ]
            )
            self.split(batch, [rest], run_id, at)
        return rest

    def _may_be_there(self, condition: str, target: str) -> Statement:
        return (
            f"merge into {self.state} as state using (select key, filled, is_ours from {self.plan} "
            f"where {condition} and operation <> 'remove') as plan "
            f"on state.sync = {self.sync_literal} and state.key = plan.key "
            "when matched then update set digest = null, filled = concat(state.filled, plan.filled) "
            "when not matched then insert (sync, key, digest, filled, is_ours, target) "
            f"values ({self.sync_literal}, plan.key, null, plan.filled, plan.is_ours, "
            f"{self.dialect.literal(target)})",
            [],
        )

    def _planned_rows(self, batches: Sequence[Batch]) -> int:
        return self.number(
            f"select count(*) as n from {self.plan} where {within(batches)} and operation <> 'remove'"
        )

    def add_batches(self, batches: Sequence[Batch], run_id: str, at: datetime) -> None:
        """Record batches before the first of them is sent."""
        self.batches.add(batches, run_id, at)

    def split(self, batch: Batch, parts: Sequence[Batch], run_id: str, at: datetime) -> None:
        """Replace a batch by its parts."""
        self.batches.add(parts, run_id, at)
        self.batches.close([batch], "split", at)

    def accepted(self, batch: Batch, job_id: str, at: datetime) -> Batch:
        """Record that Klaviyo took a batch; the very first thing after its answer."""
        return self.batches.accepted(batch, job_id, at)

    def failed(self, batches: Sequence[Batch], at: datetime, message: str) -> None:
        """Close batches that came to nothing; their rows are due again."""
        self.batches.close(batches, "failed", at, message)

    def close_orphans(self, at: datetime) -> None:
        """Give up batches whose plan is gone; their rows are due again."""
        self.failed(self._orphans, at, "the table of its plan is gone")

    def reject(self, batch: Batch, rejections: Sequence[Rejection], run_id: str, at: datetime) -> None:
        """Keep rows that Klaviyo refused; they are left out of the batch from now on."""
        self.rejections.add(rejections, batch, run_id, at)

    def confirm(self, batches: Sequence[Batch], run_id: str, at: datetime) -> dict[str, int]:
        """Klaviyo has applied these batches: their rows, without the rejected ones, become the state.

        Returns how many rows that were, by operation.
        """
        if not batches:
            return {}
        left_out = self.rejections.left_out(batches)
        statements: list[Statement] = []
        removed = [batch for batch in batches if batch.lane == "remove"]
        if removed:
            statements.append(
                (
                    f"delete from {self.state} where sync = {self.sync_literal} and key in "
                    f"(select key from {self.plan} where {within(removed)} {left_out})",
                    [],
                )
            )
        kept = [batch for batch in batches if batch.lane != "remove"]
        if self.rejections.any:
            statements.append(self.rejections.resolve(batches, at))
        statements.append(self.batches.closing(batches, "confirmed", at))
        with self.warehouse.session():
            self.batches.take_notes()
            counts = self.warehouse.table(
                f"select operation, count(*) as n from {self.plan} where {within(batches)} {left_out} "
                "group by operation"
            )
            if kept:
                statements.insert(0, self._into_state(kept, left_out, run_id, at))
            self.warehouse.transaction(statements)
        self.batches.forget(batches)
        return {row["operation"]: row["n"] for row in counts.to_pylist()}

    def _into_state(self, batches: Sequence[Batch], left_out: str, run_id: str, at: datetime) -> Statement:
        target = self.dialect.literal(batches[0].target)
        columns = "sync, key, digest, filled, is_ours, target, run_id, confirmed_at"
        rows = f"select key, digest, filled, is_ours from {self.plan} where {within(batches)} {left_out}"
        if self.dialect.looks_first and not self.state_row_count():  # half the price of a merge
            return (
                f"insert into {self.state} ({columns}) select {self.sync_literal}, key, digest, filled, "
                f"is_ours, {target}, ?, cast(? as {self.dialect.timestamp}) from ({rows}) as plan",
                [run_id, at],
            )
        update = (
            "when matched then update set digest = plan.digest, filled = plan.filled, "
            f"is_ours = plan.is_ours, target = {target}, run_id = ?, confirmed_at = ? "
        )
        # An event is confirmed once. And a MERGE that may update is billed for all that it may change.
        is_event = all(batch.lane == "event" for batch in batches)
        return (
            f"merge into {self.state} as state using ({rows}) as plan "
            f"on state.sync = {self.sync_literal} and state.key = plan.key "
            f"{'' if is_event else update}when not matched then insert "
            f"({columns}) values ({self.sync_literal}, plan.key, plan.digest, plan.filled, plan.is_ours, "
            f"{target}, ?, ?)",
            [run_id, at] if is_event else [run_id, at, run_id, at],
        )

    def keep_plan_rejections(self, run_id: str, at: datetime) -> None:
        """Record the rows that the plan rejected, once each; resolve those that it no longer rejects."""
        self.rejections.keep_plans(run_id, at, has_plan=self.has_plan)

    def has_rejections(self) -> bool:
        """Whether rows are on record as rejected and not resolved."""
        return self.rejections.any

    def drop_plan(self) -> None:
        """The plan is settled. Its payloads are personal data and are not kept."""
        if self.has_plan and not self.batches.open:
            self.warehouse.execute(f"drop table if exists {self.plan}")
            self.has_plan = False

    def number(self, sql: str, params: Sequence[Value] = ()) -> int:
        """The one number of a query that names it n."""
        return int(self.warehouse.table(sql, params)["n"][0].as_py())

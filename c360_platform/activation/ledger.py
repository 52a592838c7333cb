"""What is true: runs, batches, confirmed rows and rejected rows, in the warehouse's `c360_sync` schema.

Belongs here: every statement about these tables, and the rule that a row enters the state only when Klaviyo
has confirmed it. Does not belong here: what to send (`plan`) and how (`transport`).

    runs         one row per run of a sync with its counters (see `runs`)
    batches      a lane and a range of positions of the plan; planned → accepted → confirmed, or failed.
                 `planned` may have been sent or not (the process died in between): it is sent again
    state        one row per confirmed row: key, hash of the payload, fields with a value
    rejections   one row per rejected row with the reason; `resolved_at` is set once it went through or left
    plan_<sync>  the rows of the current plan (see `plan`)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from c360_platform.activation.dialects import dialect_of
from c360_platform.activation.errors import SyncFailed
from c360_platform.activation.ledger_tables import (
    BATCH_COLUMNS,
    SCHEMA,
    Batch,
    Rejection,
    batch_row,
    definitions,
    rejection_table,
    within,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.warehouse import Statement, Value, Warehouse


_ROWS_PER_INSERT = 200  # a statement may have 10,000 parameters on BigQuery


class Ledger:
    """The tables of one sync. Every method is one short visit to the warehouse."""

    def __init__(self, warehouse: Warehouse, sync: str) -> None:
        if not re.fullmatch(r"\w+", sync):
            raise SyncFailed(f"the sync's name {sync!r} must consist of letters, digits and underscores")
        self.warehouse = warehouse
        self.sync = sync
        self.sync_literal = f"'{sync}'"
        self.dialect = dialect_of(warehouse.engine)
        self.batches = warehouse.relation(SCHEMA, "batches")
        self.state = warehouse.relation(SCHEMA, "state")
        self.rejections = warehouse.relation(SCHEMA, "rejections")
        self.plan = warehouse.relation(SCHEMA, f"plan_{sync}")
        self._open: list[Batch] = []
        self._orphans: list[Batch] = []
        self._has_rejections = False

    def prepare(self) -> None:
        """Make what is missing of the tables; columns that a newer version has are added."""
        for table, columns in definitions(self.dialect):
            there = self.warehouse.columns(SCHEMA, table)
            name = self.warehouse.relation(SCHEMA, table)
            if not there:
                self.warehouse.execute(f"create schema if not exists {SCHEMA}")
                listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
                self.warehouse.execute(f"create table if not exists {name} ({listed})")
            for column, kind in columns.items():
                if there and column not in there:
                    self.warehouse.execute(f"alter table {name} add column {column} {kind}")

    def read_open(self) -> None:
        """Read what an earlier run left open. Without their plan nobody knows what was in the batches."""
        rows = self.warehouse.table(
            f"select {', '.join(BATCH_COLUMNS)} from {self.batches} "
            f"where sync = ? and status in ('planned', 'accepted') order by first_position",
            [self.sync],
        )
        self._open = [Batch(*row.values()) for row in rows.to_pylist()]
        if self._open and not self.warehouse.exists(self.plan):
            self._orphans, self._open = self._open, []
        self._has_rejections = (
            self.number(
                f"select count(*) as n from {self.rejections} where sync = ? and resolved_at is null",
                [self.sync],
            )
            > 0
        )

    # Reading ------------------------------------------------------------------------------------------------

    @property
    def open_batches(self) -> list[Batch]:
        """Batches whose fate at Klaviyo is not known yet, in order."""
        return list(self._open)

    def has_open_batches(self) -> bool:
        return bool(self._open)

    def open_rows(self) -> str:
        """A condition over the plan's rows: those of open batches."""
        return within(self._open)

    def open_row_count(self) -> int:
        return sum(batch.rows for batch in self._open)

    def last_open_position(self) -> int:
        return max((batch.last for batch in self._open), default=0)

    def state_row_count(self) -> int:
        return self.number(f"select count(*) as n from {self.state} where sync = ?", [self.sync])

    def has_confirmed_batches(self) -> bool:
        """Whether this sync ever got something through: if not, its events are history, not news."""
        return (
            self.number(
                f"select count(*) as n from {self.batches} where sync = ? and status = 'confirmed'",
                [self.sync],
            )
            > 0
        )

    def lanes(self) -> list[str]:
        """The lanes in which planned rows travel that are in no batch yet."""
        rows = self.warehouse.table(
            f"select distinct lane from {self.plan} where lane is not null and not ({self.open_rows()})"
        )
        return sorted(rows["lane"].to_pylist())

    def sizes(self, lane: str) -> pa.Table:
        """Position and bytes of every planned row of a lane that is in no batch yet, in order."""
        return self.warehouse.table(
            f"select position, bytes from {self.plan} "
            f"where lane = '{lane}' and not ({self.open_rows()}) order by position"
        )

    def rows(self, batch: Batch, columns: Sequence[str]) -> pa.Table:
        """Columns of the plan for the rows of a batch that are not rejected, in order."""
        return self.warehouse.table(
            f"select {', '.join(columns)} from {self.plan} where {within([batch])} "
            f"and key not in ({self._rejected_keys([batch])}) order by position"
        )

    def settled_by(self, run_id: str) -> int:
        """How many rows a run has confirmed so far that its plan does not hold again."""
        return self.number(
            f"select count(*) as n from {self.state} where sync = ? and run_id = ? "
            f"and key not in (select key from {self.plan})",
            [self.sync, run_id],
        )

    def rejected_by_job(self, batch: Batch) -> int:
        """How many rows are on record as failed in the batch's import job."""
        return self.number(
            f"select count(distinct key) as n from {self.rejections} where sync = ? and job_id = ?",
            [self.sync, batch.job_id],
        )

    # Writing ------------------------------------------------------------------------------------------------

    def add_batches(self, batches: Sequence[Batch], run_id: str, at: datetime) -> None:
        """Record batches before the first of them is sent."""
        if not batches:
            return
        rows = [batch_row(batch, sync=self.sync, run_id=run_id, at=at) for batch in batches]
        columns = list(rows[0])
        row = f"({', '.join('?' * len(columns))})"
        self.warehouse.transaction(
            [
                (
                    f"insert into {self.batches} ({', '.join(columns)}) "
                    f"values {', '.join([row] * len(some))}",
                    [value for values in some for value in values.values()],
                )
                for some in (rows[at : at + _ROWS_PER_INSERT] for at in range(0, len(rows), _ROWS_PER_INSERT))
            ]
        )
        self._open += batches

    def split(self, batch: Batch, parts: Sequence[Batch], run_id: str, at: datetime) -> None:
        """Replace a batch by its parts."""
        self.add_batches(parts, run_id, at)
        self._close([batch], "split", at, "")

    def accepted(self, batch: Batch, job_id: str, at: datetime) -> Batch:
        """Record that Klaviyo took a batch; the very first thing after its answer."""
        self.warehouse.execute(
            f"update {self.batches} set status = 'accepted', job_id = ?, accepted_at = ?, sends = sends + 1 "
            "where sync = ? and batch_id = ?",
            [job_id, at, self.sync, batch.batch_id],
        )
        known = replace(batch, status="accepted", job_id=job_id, accepted_at=at, sends=batch.sends + 1)
        self._open = [known if other.batch_id == batch.batch_id else other for other in self._open]
        return known

    def failed(self, batches: Sequence[Batch], at: datetime, message: str) -> None:
        """Close batches that came to nothing; their rows are due again."""
        if batches:
            self._close(batches, "failed", at, message)

    def close_orphans(self, at: datetime) -> None:
        """Give up batches whose plan is gone; their rows are due again."""
        self.failed(self._orphans, at, "the table of its plan is gone")

    def reject(self, batch: Batch, rejections: Sequence[Rejection], run_id: str, at: datetime) -> None:
        """Keep rows that Klaviyo refused; they are left out of the batch from now on."""
        if rejections:
            self._has_rejections = True
            self.warehouse.append(
                self.rejections, rejection_table(rejections, batch, sync=self.sync, run_id=run_id, at=at)
            )

    def confirm(self, batches: Sequence[Batch], run_id: str, at: datetime) -> dict[str, int]:
        """Klaviyo has applied these batches: their rows, without the rejected ones, become the state.

        Returns how many rows that were, by operation.
        """
        if not batches:
            return {}
        d = self.dialect
        ids = ", ".join(d.literal(batch.batch_id) for batch in batches)
        rejected = (
            f"select key from {self.rejections} where sync = {self.sync_literal} and batch_id in ({ids})"
        )
        target = d.literal(batches[0].target)
        statements: list[Statement] = []
        kept = [batch for batch in batches if batch.lane != "remove"]
        if kept:
            statements.append(
                (
                    f"merge into {self.state} as state using (select * from {self.plan} where {within(kept)} "
                    f"and key not in ({rejected})) as plan "
                    f"on state.sync = {self.sync_literal} and state.key = plan.key "
                    "when matched then update set payload_hash = plan.payload_hash, filled = plan.filled, "
                    f"is_ours = plan.is_ours, target = {target}, run_id = ?, confirmed_at = ? "
                    "when not matched then insert "
                    "(sync, key, payload_hash, filled, is_ours, target, run_id, confirmed_at) "
                    f"values ({self.sync_literal}, plan.key, plan.payload_hash, plan.filled, plan.is_ours, "
                    f"{target}, ?, ?)",
                    [run_id, at, run_id, at],
                )
            )
        removed = [batch for batch in batches if batch.lane == "remove"]
        if removed:
            statements.append(
                (
                    f"delete from {self.state} where sync = ? and key in (select key from {self.plan} "
                    f"where {within(removed)} and key not in ({rejected}))",
                    [self.sync],
                )
            )
        if self._has_rejections:
            statements.append(
                (
                    f"update {self.rejections} set resolved_at = ? where sync = ? and stage = 'klaviyo' "
                    f"and resolved_at is null and batch_id not in ({ids}) "
                    f"and key in (select key from {self.plan} where {within(batches)})",
                    [at, self.sync],
                )
            )
        statements.append(
            (
                f"update {self.batches} set status = 'confirmed', settled_at = ? "
                f"where sync = ? and batch_id in ({ids})",
                [at, self.sync],
            )
        )
        with self.warehouse.session():
            counts = self.warehouse.table(
                f"select operation, count(*) as n from {self.plan} where {within(batches)} "
                f"and key not in ({rejected}) group by operation"
            )
            self.warehouse.transaction(statements)
        self._forget_open(batches)
        return {row["operation"]: row["n"] for row in counts.to_pylist()}

    def keep_plan_rejections(self, run_id: str, at: datetime) -> None:
        """Record the rows that the plan rejected, once each; resolve those that it no longer rejects."""
        rejected = f"select key, problem from {self.plan} where operation = 'reject'"
        self.warehouse.transaction(
            [
                (
                    f"update {self.rejections} as known set resolved_at = ? where sync = ? "
                    "and stage = 'plan' and resolved_at is null "
                    f"and not exists (select 1 from ({rejected}) as rejected "
                    "where rejected.key = known.key and rejected.problem = known.reason)",
                    [at, self.sync],
                ),
                (
                    f"insert into {self.rejections} (sync, stage, key, payload_hash, operation, code, "
                    "reason, row_count, run_id, batch_id, job_id, rejected_at) "
                    "select ?, 'plan', key, max(payload_hash), 'reject', 'invalid_row', problem, count(*), "
                    f"?, '', '', cast(? as {self.dialect.timestamp}) "
                    f"from {self.plan} as planned where operation = 'reject' and not exists ("
                    f"select 1 from {self.rejections} as known where known.sync = {self.sync_literal} "
                    "and known.stage = 'plan' and known.resolved_at is null "
                    "and known.key = planned.key and known.reason = planned.problem) "
                    "group by key, problem",
                    [self.sync, run_id, at],
                ),
            ]
        )

    def has_rejections(self) -> bool:
        """Whether rows are on record as rejected and not resolved."""
        return self._has_rejections

    def drop_plan(self) -> None:
        """The plan is settled. Its payloads are personal data and are not kept."""
        if not self._open:
            self.warehouse.execute(f"drop table if exists {self.plan}")

    def _close(self, batches: Sequence[Batch], status: str, at: datetime, message: str) -> None:
        ids = ", ".join(self.dialect.literal(batch.batch_id) for batch in batches)
        self.warehouse.execute(
            f"update {self.batches} set status = ?, settled_at = ?, message = ? "
            f"where sync = ? and batch_id in ({ids})",
            [status, at, message, self.sync],
        )
        self._forget_open(batches)

    def _rejected_keys(self, batches: Sequence[Batch]) -> str:
        ids = ", ".join(self.dialect.literal(name) for batch in batches for name in batch.lineage)
        return f"select key from {self.rejections} where sync = {self.sync_literal} and batch_id in ({ids})"

    def _forget_open(self, batches: Iterable[Batch]) -> None:
        closed = {batch.batch_id for batch in batches}
        self._open = [batch for batch in self._open if batch.batch_id not in closed]

    def number(self, sql: str, params: Sequence[Value]) -> int:
        """The one number of a query that names it n."""
        return int(self.warehouse.table(sql, params)["n"][0].as_py())

"""Rows that are kept out, with the reason: the part of the ledger in its table `rejections`.

Belongs here: every statement on that table. Does not belong here: why a row is rejected (`plan`, `delivery`).
A rejection is resolved once its row went through, changed or left. Only unresolved ones are ever read here,
so what is read does not grow with the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from c360_platform.activation.dialects import dialect_of
from c360_platform.activation.ledger_tables import Batch, Rejection, ledger_table, rejection_table, within
from c360_platform.activation.payloads import LANES, in_lanes

if TYPE_CHECKING:
    from c360_platform.warehouse import Statement, Warehouse


_REASONS = 20  # told apart in a report


class RejectionRecords:
    """The rejected rows of one sync; `plan` is the table of its plan."""

    def __init__(self, warehouse: Warehouse, sync: str, plan: str) -> None:
        self.warehouse = warehouse
        self.sync = sync
        self.plan = plan
        self.dialect = dialect_of(warehouse.engine)
        self.table = ledger_table(warehouse, "rejections")
        self.unresolved = f"sync = '{sync}' and resolved_at is null"
        self.any = False  # whether rows are on record as rejected and not resolved

    def read(self) -> None:
        rows = self.warehouse.table(f"select count(*) as n from {self.table} where {self.unresolved}")
        self.any = rows["n"][0].as_py() > 0

    def left_out(self, batches: Sequence[Batch]) -> str:
        """A condition to go on with: no row that was rejected in these or those that they were cut from."""
        if not self.any:
            return ""
        return (
            f"and key not in (select key from {self.table} "
            f"where {self.unresolved} and batch_id in ({self._lineage(batches)}))"
        )

    def refused_payloads(self) -> str:
        """A query for the payloads that Klaviyo refused: key and hash."""
        return f"select distinct key, digest from {self.table} where {self.unresolved} and stage = 'klaviyo'"

    def of_job(self, job_id: str) -> int:
        """How many rows are on record as failed in an import job."""
        rows = self.warehouse.table(
            f"select count(distinct key) as n from {self.table} where {self.unresolved} and job_id = ?",
            [job_id],
        )
        return int(rows["n"][0].as_py())

    def reasons(self) -> dict[str, int]:
        """Why rows are kept out now, with the number of each; the most frequent first."""
        if not self.any:
            return {}
        rows = self.warehouse.table(
            f"select reason, sum(row_count) as n from {self.table} where {self.unresolved} "
            f"group by reason order by 2 desc, 1 limit {_REASONS}"
        )
        return dict(zip(rows["reason"].to_pylist(), map(int, rows["n"].to_pylist()), strict=True))

    def add(self, rejections: Sequence[Rejection], batch: Batch, run_id: str, at: datetime) -> None:
        """Keep rows that Klaviyo refused."""
        if rejections:
            self.any = True
            self.warehouse.append(
                self.table, rejection_table(rejections, batch, sync=self.sync, run_id=run_id, at=at)
            )

    def resolve(self, batches: Sequence[Batch], at: datetime) -> Statement:
        """The rows of these batches were sent anew, so what was said of them before is settled."""
        return (
            f"update {self.table} set resolved_at = ? where {self.unresolved} and stage = 'klaviyo' "
            f"and batch_id not in ({self._lineage(batches)}) "
            f"and key in (select key from {self.plan} where {within(batches)})",
            [at],
        )

    def keep_plans(self, run_id: str, at: datetime, *, has_plan: bool) -> None:
        """Record the rows that the plan keeps out, once each; resolve what it no longer says.

        A row that Klaviyo refused stays on record while the plan has it as `refused`. Without a plan's table
        nothing differs: nothing is kept out any more.
        """
        if not has_plan:
            self.warehouse.execute(f"update {self.table} set resolved_at = ? where {self.unresolved}", [at])
            return
        self.warehouse.transaction(
            [
                (
                    f"update {self.table} as known set resolved_at = ? where {self.unresolved} "
                    f"and not exists (select 1 from {self.plan} as planned where planned.key = known.key "
                    "and case when known.stage = 'plan' "
                    "then planned.operation = 'reject' and planned.problem = known.reason "
                    f"else planned.operation = 'refused' or planned.{in_lanes(*LANES)} end)",
                    [at],
                ),
                (
                    f"insert into {self.table} (sync, stage, key, digest, operation, code, "
                    "reason, row_count, run_id, batch_id, job_id, rejected_at) "
                    f"select '{self.sync}', 'plan', key, max(digest), 'reject', 'invalid_row', "
                    f"problem, count(*), ?, '', '', cast(? as {self.dialect.timestamp}) "
                    f"from {self.plan} as planned where operation = 'reject' and not exists ("
                    f"select 1 from {self.table} as known where {self.unresolved} and known.stage = 'plan' "
                    "and known.key = planned.key and known.reason = planned.problem) "
                    "group by key, problem",
                    [run_id, at],
                ),
            ]
        )

    def _lineage(self, batches: Sequence[Batch]) -> str:
        names = dict.fromkeys(name for batch in batches for name in batch.lineage)
        return ", ".join(self.dialect.literal(name) for name in names)

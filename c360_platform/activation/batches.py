"""Batches and what became of them: the part of the ledger in its table `batches`.

Belongs here: every statement on that table, and the batches that are open now. Does not belong here: what a
batch's rows are (`ledger`) and how they travel. An open batch has no `settled_at`, and only open ones are
ever read or changed here, so what is read does not grow with the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from c360_platform.activation.accepted_notes import Accepted, AcceptedNotes
from c360_platform.activation.dialects import dialect_of
from c360_platform.activation.ledger_tables import BATCH_COLUMNS, Batch, batch_table, ledger_table

if TYPE_CHECKING:
    from c360_platform.warehouse import Statement, Warehouse


_RECORDED = 500  # batches that one statement records as accepted


class BatchRecords:
    """The batches of one sync; `open` are those whose fate at Klaviyo is not known yet, in order."""

    def __init__(self, warehouse: Warehouse, sync: str) -> None:
        self.warehouse = warehouse
        self.sync = sync
        self.dialect = dialect_of(warehouse.engine)
        self.table = ledger_table(warehouse, "batches")
        self.unsettled = f"sync = '{sync}' and settled_at is null"
        self.open: list[Batch] = []
        path = warehouse.notes_path(f"{sync}.accepted")
        self.notes = AcceptedNotes(path) if path else None

    def read(self) -> None:
        """Read what an earlier run left open, as the warehouse knows it."""
        rows = self.warehouse.table(
            # distinct: an append whose answer was lost is made again
            f"select distinct {', '.join(BATCH_COLUMNS)} from {self.table} "
            f"where {self.unsettled} and status in ('planned', 'accepted') order by first_position"
        )
        self.open = [Batch(*row.values()) for row in rows.to_pylist()]

    def add(self, batches: Sequence[Batch], run_id: str, at: datetime) -> None:
        """Record batches before the first of them is sent."""
        if batches:
            self.warehouse.append(self.table, batch_table(batches, sync=self.sync, run_id=run_id, at=at))
            self.open += batches

    def accepted(self, batch: Batch, job_id: str, at: datetime) -> Batch:
        """Record that Klaviyo took a batch; the very first thing after its answer."""
        known = replace(batch, status="accepted", job_id=job_id, accepted_at=at, sends=batch.sends + 1)
        accepted = Accepted(batch.batch_id, job_id, at, known.sends)
        if self.notes:
            self.notes.add(accepted)
        else:
            self._record([accepted])
        self.open = [known if other.batch_id == batch.batch_id else other for other in self.open]
        return known

    def take_notes(self) -> None:
        """What was noted beside the warehouse goes into it. Only for the run at work: the notes are its."""
        noted = self.notes.read() if self.notes else []
        if noted and self.notes:
            for start in range(0, len(noted), _RECORDED):
                self._record(noted[start : start + _RECORDED])
            self.notes.clear()

    def _record(self, accepted: Sequence[Accepted]) -> None:
        """One statement, whatever their number."""
        d = self.dialect
        names = [d.literal(each.batch_id) for each in accepted]
        by_batch = "case batch_id " + " ".join(f"when {name} then {{}}" for name in names) + " end"
        job = by_batch.format(*(d.literal(each.job_id) for each in accepted))
        at = by_batch.format(*(f"cast('{each.at.isoformat(sep=' ')}' as {d.timestamp})" for each in accepted))
        sends = by_batch.format(*(str(each.sends) for each in accepted))
        self.warehouse.execute(
            f"update {self.table} set status = 'accepted', job_id = {job}, accepted_at = {at}, "
            f"sends = {sends} "
            f"where {self.unsettled} and batch_id in ({', '.join(names)})"
        )

    def close(self, batches: Sequence[Batch], status: str, at: datetime, message: str = "") -> None:
        """Close batches that were not confirmed."""
        if batches:
            self.take_notes()
            self.warehouse.execute(*self.closing(batches, status, at, message))
            self.forget(batches)

    def closing(self, batches: Sequence[Batch], status: str, at: datetime, message: str = "") -> Statement:
        """The statement that closes batches, for the transaction of what closes them."""
        ids = ", ".join(self.dialect.literal(batch.batch_id) for batch in batches)
        return (
            f"update {self.table} set status = '{status}', settled_at = ?, message = ? "
            f"where {self.unsettled} and batch_id in ({ids})",
            [at, message],
        )

    def forget(self, batches: Sequence[Batch]) -> None:
        """These are open no more."""
        closed = {batch.batch_id for batch in batches}
        self.open = [batch for batch in self.open if batch.batch_id not in closed]

"""Profiles by bulk import: sending batches, polling their jobs, reading what failed afterwards.

Belongs here: the lanes `import` (bulk, also with a list to join) and `single` (one profile a call, the only
way to clear Klaviyo's own fields). Does not belong here: which rows these are (`plan`), isolating rows
(`delivery`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from c360_platform.activation.delivery import ROW_COLUMNS, Run, plan_columns
from c360_platform.activation.errors import ApiProblem, KlaviyoRefused, SyncRefused
from c360_platform.activation.isolation import BulkSender, rejection_of
from c360_platform.activation.ledger_tables import Batch, Rejection
from c360_platform.activation.payloads import SEPARATOR, import_body, single_body
from c360_platform.activation.transport.resources import FORGOTTEN, ImportJob

if TYPE_CHECKING:
    import pyarrow as pa

_ROW_POINTER = re.compile(r"/data/attributes/profiles/data/(\d+)(/|$)")
_MOST_SENDS = 3


class Imports:
    """The lane `import`; a `BulkLane` of profiles."""

    reads_rows = False

    def __init__(self, run: Run) -> None:
        self.run = run
        self._sender = BulkSender(run, self)

    def deliver(self, batches: Sequence[Batch]) -> None:
        """Send what is not sent, then wait for all jobs together; what is not done in time stays pending."""
        waiting = [batch for batch in batches if batch.status == "accepted"]
        unsent = [batch for batch in batches if batch.status == "planned"]
        self.run.spool.expect(unsent)
        for batch in unsent:
            waiting += self._sender.send(batch)
        for pause in self.run.patience.pauses(self.run.patience.imports):
            if not waiting:
                return
            waiting = self._settle(waiting)
            if waiting:
                time.sleep(pause)
        if waiting:
            self.run.say(
                f"{len(waiting)} imports are still at work in Klaviyo; the next run goes on with them"
            )

    def rows(self, batch: Batch) -> pa.Table:
        return self.run.rows(batch, ROW_COLUMNS)

    def post(self, batch: Batch, rows: pa.Table | None) -> str:
        if rows is None:
            texts = self.run.spool.of(batch).pieces(batch.first, batch.last)
        else:
            texts = [(text + SEPARATOR).encode() for text in rows["payload"].to_pylist()]
        return self.run.klaviyo.start_import(import_body(texts, batch.target))

    def index_of(self, pointer: str, rows: pa.Table) -> int | None:
        match = _ROW_POINTER.match(pointer)
        return int(match[1]) if match and int(match[1]) < rows.num_rows else None

    def _settle(self, waiting: Sequence[Batch]) -> list[Batch]:
        """Confirm the batches whose jobs are finished; returns the others."""
        jobs = self.run.klaviyo.import_jobs([batch.job_id for batch in waiting])
        finished = [batch for batch in waiting if jobs[batch.job_id].is_finished]
        applied = [batch for batch in finished if self._is_applied(batch, jobs[batch.job_id])]
        self.run.confirm(applied)
        forgotten = [batch for batch in finished if jobs[batch.job_id].status == FORGOTTEN]
        again = self._send_again([batch for batch in forgotten if batch.sends < _MOST_SENDS])
        return [batch for batch in waiting if not jobs[batch.job_id].is_finished] + again

    def _send_again(self, forgotten: Sequence[Batch]) -> list[Batch]:
        """Batches whose jobs Klaviyo has forgotten; if they are refused now, nobody will ever know."""
        try:
            return [taken for batch in forgotten for taken in self._sender.send(batch)]
        except SyncRefused as refusal:
            known = {batch.batch_id for batch in self.run.ledger.open_batches}
            for batch in forgotten:
                if batch.batch_id in known:
                    self.run.ledger.may_be_there(batch)
                    self.run.ledger.failed([batch], self.run.moment(), str(refusal))
            raise

    def _is_applied(self, batch: Batch, job: ImportJob) -> bool:
        """Whether the rows of a finished job are in Klaviyo, apart from those that it names."""
        if job.status == "complete":
            return job.failed == 0 or self._reject_failed(batch, job)
        if job.status != FORGOTTEN or batch.sends >= _MOST_SENDS:
            self.run.fail(
                batch, f"Klaviyo ended an import of {batch.rows} rows as {job.status}; they are due again"
            )
        return False

    def _reject_failed(self, batch: Batch, job: ImportJob) -> bool:
        known = self.run.ledger.rejected_by_job(batch)  # of a run that died while it settled this job
        rows = self.run.ledger.rows(batch, plan_columns(ROW_COLUMNS))
        index_of = {key: index for index, key in enumerate(rows["key"].to_pylist())}
        rejected: dict[int, Rejection] = {}
        for failure in self.run.klaviyo.import_problems(job.id):
            index = index_of.get(failure.email)
            if index is None and not known:  # else the rows are no longer those of the body
                index = self.index_of(failure.problem.pointer, rows)
            if index is not None:
                rejected.setdefault(index, rejection_of(rows, index, failure.problem))
        self.run.reject(batch, list(rejected.values()))
        if known + len(rejected) < job.failed:
            self.run.fail(
                batch,
                f"Klaviyo applied all but {job.failed} rows of an import and named only {len(rejected)} of "
                "them; the batch is due again",
            )
            return False
        return True


class Singles:
    """The lane `single`: one call per profile, so it is kept small."""

    MOST_ROWS = 2_000  # three minutes at 700 calls a minute

    def __init__(self, run: Run) -> None:
        self.run = run

    def deliver(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            rows = self.run.rows(batch, (*ROW_COLUMNS, "cleared"))
            refused = []
            for index, row in enumerate(rows.select(["payload", "cleared"]).to_pylist()):
                try:
                    self.run.klaviyo.write_profile(single_body(row["payload"], row["cleared"]))
                except KlaviyoRefused as refusal:
                    problem = refusal.problems[0] if refusal.problems else ApiProblem("refused", "")
                    refused.append(rejection_of(rows, index, problem))
            self.run.reject(batch, refused)
            accepted = self.run.accepted(batch, "", rows.num_rows - len(refused))
            self.run.confirm([accepted])

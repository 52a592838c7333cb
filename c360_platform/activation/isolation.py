"""Sending a batch, and finding the rows for which Klaviyo refuses its body.

Belongs here: what a refused body means for its rows. Does not belong here: what a lane sends and how it
learns that Klaviyo has applied it (`imports`, `lists`, `events`).
"""

from __future__ import annotations

from collections.abc import Container
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Protocol

from c360_platform.activation import arrow_columns
from c360_platform.activation.delivery import Run
from c360_platform.activation.errors import ApiProblem, KlaviyoRefused, SyncRefused
from c360_platform.activation.ledger_tables import Batch, Rejection

if TYPE_CHECKING:
    import pyarrow as pa

# How often rows named by pointers are taken out of a body before it is halved instead.
_STRIPPED_ROUNDS = 3
# So many single rows refused without a pointer, and nothing accepted: then it is not the rows.
_SUSPECTS = 3
# How often the body of one batch and its parts may be refused: 14 times find one row among 10,000 by halving.
MOST_REFUSALS = 40


class BulkLane(Protocol):
    """How one kind of rows travels in bodies of many. Rows are tables with the columns of `ROW_COLUMNS`."""

    reads_rows: bool
    """Whether a body is made of rows; else a whole batch goes as it lies in the spool."""

    def rows(self, batch: Batch) -> pa.Table:
        """The rows of a batch that are to be sent, in the order of its body."""
        ...

    def post(self, batch: Batch, rows: pa.Table | None) -> str:
        """Send a body, of the whole batch without rows; the job's id or an empty text.

        Raises `KlaviyoRefused`.
        """
        ...

    def index_of(self, pointer: str, rows: pa.Table) -> int | None:
        """Which of the rows a pointer into their body means; None when it means the body as a whole."""
        ...


class BulkSender:
    """Sends batches and finds the rows for which Klaviyo refuses a body, in a bounded number of requests.

    Klaviyo takes a body as a whole or not at all. Rows that its answer points at are rejected and the rest is
    sent again; without pointers the body is halved until the row is found. When the answer is about the body
    as a whole, nothing in it is rejected and the sync stops.
    """

    def __init__(self, run: Run, lane: BulkLane) -> None:
        self.run = run
        self.lane = lane
        self._suspects: list[tuple[Batch, Rejection]] = []
        self._refusals = 0  # of the batch being sent
        self._is_any_accepted = False

    def send(self, batch: Batch) -> list[Batch]:
        """Send a batch; the batches that Klaviyo took, which are parts of it if it had to be cut.

        One that is refused again and again is given up in part: no answer may lead to a request a row.
        """
        self._refusals = 0
        looks = self.lane.reads_rows or self.run.has_rejected_in(batch)
        taken = self._send(batch, self.lane.rows(batch) if looks else None)
        if self._suspects and batch.target and not self._is_any_accepted:
            reason = self._suspects[0][1].reason
            self._suspects = []
            raise SyncRefused(
                f"sync {self.run.spec.name}: {reason} It may be the list as well as a row: none was rejected"
            )
        self._reject_suspects()
        return taken

    def _send(self, batch: Batch, rows: pa.Table | None) -> list[Batch]:
        """`rows` is None until somebody has to look at single ones."""
        for attempt in count(1):
            number = (
                self.run.spool.of(batch).count(batch.first, batch.last) if rows is None else rows.num_rows
            )
            if number == 0:
                self.run.confirm([batch])
                break
            try:
                job_id = self.lane.post(batch, rows)
            except KlaviyoRefused as refusal:
                rows = self.lane.rows(batch) if rows is None else rows
                named = self._named_rows(refusal, rows)
                if not named and rows.num_rows == 1:
                    self._suspect(batch, rows, refusal)
                    break
                self.run.reject(batch, [rejection_of(rows, at, problem) for at, problem in named.items()])
                rows = without(rows, named)
                self._refusals += 1
                if self._refusals >= MOST_REFUSALS and rows.num_rows:
                    self._give_up(batch, refusal)
                    break
                if (not named or attempt >= _STRIPPED_ROUNDS) and rows.num_rows > 1:
                    return self._send_halves(batch, rows)
            else:
                taken = self.run.accepted(batch, job_id, number)
                self._is_any_accepted = True
                self._reject_suspects()
                return [taken]
        return []

    def _named_rows(self, refusal: KlaviyoRefused, rows: pa.Table) -> dict[int, ApiProblem]:
        """Rows that the refusal points at. Raises `SyncRefused` when it points at something else."""
        if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return {}
        named: dict[int, ApiProblem] = {}
        for problem in refusal.problems:
            index = self.lane.index_of(problem.pointer, rows)
            if index is not None:
                named.setdefault(index, problem)
        if not named and any(problem.pointer for problem in refusal.problems):
            raise SyncRefused(
                f"sync {self.run.spec.name}: {refusal}. It is not about single rows: none was applied"
            )
        return named

    def _send_halves(self, batch: Batch, rows: pa.Table) -> list[Batch]:
        middle = rows.num_rows // 2
        halves = [rows.slice(0, middle), rows.slice(middle)]
        parts = [_part(batch, number, half) for number, half in enumerate(halves)]
        self.run.ledger.split(batch, parts, self.run.run_id, self.run.moment())
        return [taken for part, half in zip(parts, halves, strict=True) for taken in self._send(part, half)]

    def _give_up(self, batch: Batch, refusal: KlaviyoRefused) -> None:
        words = f"{refusal}, the {self._refusals}th time for one batch"
        if not self._is_any_accepted:
            raise SyncRefused(f"sync {self.run.spec.name}: {words}, and nothing of it was taken")
        self.run.fail(batch, f"{words}; the rest of it is due again")

    def _suspect(self, batch: Batch, rows: pa.Table, refusal: KlaviyoRefused) -> None:
        problem = refusal.problems[0] if refusal.problems else ApiProblem("refused", "")
        self._suspects.append((batch, rejection_of(rows, 0, problem)))
        if len(self._suspects) >= _SUSPECTS:
            self._suspects = []
            raise SyncRefused(
                f"sync {self.run.spec.name}: {refusal}. Every row is refused alike, so it is not the rows: "
                "none was rejected"
            )

    def _reject_suspects(self) -> None:
        """Something was accepted, so the body is right and it was these rows."""
        suspects, self._suspects = self._suspects, []
        for batch, rejection in suspects:
            self.run.reject(batch, [rejection])
            self.run.confirm([batch])  # nothing is left in it


def without(rows: pa.Table, indices: Container[int]) -> pa.Table:
    """The rows that stand at none of the indices."""
    return rows.filter(arrow_columns.booleans([index not in indices for index in range(rows.num_rows)]))


def rejection_of(rows: pa.Table, index: int, problem: ApiProblem) -> Rejection:
    """The rejection of one row of a table with `ROW_COLUMNS`."""
    key, digest, operation = (rows[name][index].as_py() for name in ("key", "digest", "operation"))
    return Rejection(key, digest or 0, operation, problem.code, problem.detail or "no reason given")


def _part(batch: Batch, number: int, rows: pa.Table) -> Batch:
    positions = rows["position"]
    return batch.part(number, positions[0].as_py(), positions[-1].as_py(), rows.num_rows)

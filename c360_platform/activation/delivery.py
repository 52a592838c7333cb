"""What all lanes share: the run they belong to, and what a refused body means for its rows.

Belongs here: counting, time, isolating bad rows. Does not belong here: what a lane sends and how it learns
that Klaviyo has applied it (`imports`, `lists`, `events`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Protocol

from c360_platform.activation import arrow_columns
from c360_platform.activation.errors import ApiProblem, KlaviyoRefused, SyncRefused
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import Batch, Rejection
from c360_platform.activation.spec import SyncSpec
from c360_platform.activation.spool import Spool

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.activation.transport import Klaviyo

Progress = Callable[[str], None]
# What a lane reads of its rows, whatever else it needs.
ROW_COLUMNS = ("position", "key", "digest", "operation", "payload")
_READ_AHEAD = 20_000_000  # bytes
# How often rows named by pointers are taken out of a body before it is halved instead.
_STRIPPED_ROUNDS = 3
# So many single rows refused without a pointer, and nothing accepted: then it is not the rows.
_SUSPECTS = 3
# How often the body of one batch and its parts may be refused: 14 times find one row among 10,000 by halving.
MOST_REFUSALS = 40


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for Klaviyo to apply what it took, in seconds; what is not done then stays pending."""

    first_pause: float = 0.2
    longest_pause: float = 10.0
    imports: float = 600.0
    events: float = 60.0

    def pauses(self, total: float) -> Iterator[float]:
        """Pauses that grow by half and add up to `total` at most."""
        pause = self.first_pause
        while total > 0:
            yield min(pause, total)
            total -= pause
            pause = min(pause * 1.5, self.longest_pause)


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a person allows one run; the ledger records it.

    allow_removals      an empty model and removals beyond the fuse pass, without a grace period
    retry_rejected      rows that Klaviyo refused before are tried again although nothing in them changed
    accept_account      the API key belongs to another account than before: everybody is sent anew
    accept_lost_state   Klaviyo has events that the ledger does not know: they are taken as sent
    """

    allow_removals: bool = False
    retry_rejected: bool = False
    accept_account: bool = False
    accept_lost_state: bool = False

    @property
    def names(self) -> list[str]:
        return [each.name for each in fields(self) if getattr(self, each.name)]


@dataclass(slots=True)
class Run:
    """One run of one sync: its parts and its counters, in rows."""

    spec: SyncSpec
    ledger: Ledger
    klaviyo: Klaviyo
    run_id: str
    now: datetime
    progress: Progress
    patience: Patience
    overrides: Overrides
    spool: Spool
    planned: int = 0
    sent: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    confirmed: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def moment(self) -> datetime:
        """The time by the run's clock, which the caller set."""
        return self.now + timedelta(seconds=self.seconds)

    def say(self, text: str) -> None:
        self.progress(f"{self.spec.name}: {text}")

    def rows(self, batch: Batch, columns: Sequence[str]) -> pa.Table:
        """Columns of the rows of a batch that are not rejected, in order; `payload` comes from the spool."""
        return self.with_payloads(batch, self.ledger.rows(batch, plan_columns(columns)), columns)

    def with_payloads(self, batch: Batch, rows: pa.Table, columns: Sequence[str]) -> pa.Table:
        """The columns in their order, after the plan's table was read for `plan_columns` of them."""
        if "payload" not in columns:
            return rows
        import pyarrow.compute as pc

        texts = self.spool.of(batch).texts(batch.first, batch.last)
        if len(texts) < rows.num_rows:  # rendered anew, without those that have changed
            rows = rows.filter(pc.is_in(rows["position"], value_set=arrow_columns.integers(list(texts))))
        payloads = arrow_columns.texts([texts[position] for position in rows["position"].to_pylist()])
        return rows.append_column("payload", payloads).select(list(columns))

    def accepted(self, batch: Batch, job_id: str, rows: int) -> Batch:
        known = self.ledger.accepted(batch, job_id, self.moment())
        self.sent += rows
        self.say(f"{self.sent:,} of {self.planned:,} rows sent")
        return known

    def confirm(self, batches: Sequence[Batch]) -> None:
        self.confirmed.update(self.ledger.confirm(batches, self.run_id, self.moment()))

    def reject(self, batch: Batch, rejections: Sequence[Rejection]) -> None:
        self.ledger.reject(batch, rejections, self.run_id, self.moment())
        self.rejected.update(rejection.operation for rejection in rejections)

    def fail(self, batch: Batch, message: str) -> None:
        """The batch is off; its rows are due again, and the run ends with this message."""
        if batch.lane == "import":
            self.ledger.may_be_there(batch)
        self.ledger.failed([batch], self.moment(), message)
        self.failures.append(message)


def plan_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """Those of the columns that are in the plan's table."""
    return tuple(name for name in columns if name != "payload")


class RowsAhead:
    """Reads the rows of a few batches at once: opening the warehouse costs more than reading from it."""

    def __init__(self, run: Run, columns: Sequence[str]) -> None:
        self._run = run
        self._columns = columns
        self._queue: list[Batch] = []
        self._read: dict[str, pa.Table] = {}

    def expect(self, batches: Sequence[Batch]) -> None:
        """The batches that will be asked for, in this order."""
        self._queue = list(batches)

    def of(self, batch: Batch) -> pa.Table:
        if batch.batch_id not in self._read:
            names = [other.batch_id for other in self._queue]
            start = names.index(batch.batch_id) if batch.batch_id in names else None
            wanted = [batch] if start is None else list(_first(self._queue[start:], _READ_AHEAD))
            with self._run.ledger.warehouse.session():
                self._run.spool.expect(wanted)
                self._read = {other.batch_id: self._run.rows(other, self._columns) for other in wanted}
        return self._read.pop(batch.batch_id)


def _first(batches: Sequence[Batch], most_bytes: int) -> Iterator[Batch]:
    """The first of the batches and those after it that fit into so many bytes together."""
    read = 0
    for batch in batches:
        read += batch.bytes
        if read > most_bytes and batch is not batches[0]:
            return
        yield batch


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
        taken = self._send(batch, self.lane.rows(batch) if self.lane.reads_rows else None)
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

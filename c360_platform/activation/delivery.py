"""What all lanes share: the run they belong to.

Belongs here: counting, time, rows with their payloads. Does not belong here: what a refused body means for
its rows (`isolation`), what a lane sends and how it learns that Klaviyo has applied it (`imports`, `lists`,
`events`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from c360_platform.activation import arrow_columns
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import Batch, Rejection
from c360_platform.activation.spec import SyncSpec
from c360_platform.activation.spool import Spool

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.activation.transport.client import Klaviyo

Progress = Callable[[str], None]
# What a lane reads of its rows, whatever else it needs.
ROW_COLUMNS = ("position", "key", "digest", "operation", "payload")
_READ_AHEAD = 20_000_000  # bytes


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
    _refused_in: set[str] = field(default_factory=set)  # the first batches of those with rejected rows

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
        self._refused_in.add(batch.lineage[0])

    def has_rejected_in(self, batch: Batch) -> bool:
        """Whether this run has rejected rows of a batch or of its relatives: the spool has them still."""
        return batch.lineage[0] in self._refused_in

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

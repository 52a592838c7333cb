"""How large a table is in BigQuery, by column and by month, and what reading part of it is billed.

Belongs here: Google's rules for sizes, partitions, clusters and minimums. Does not belong here: measuring
(`measure`) and reading statements (`reads`).

Sizes: https://cloud.google.com/bigquery/pricing#data – STRING 2 bytes and its UTF-8 text, NUMERIC 16, BOOL 1,
INT64, FLOAT64, DATE and TIMESTAMP 8, an array its elements, null nothing. Minimum: 10 MB per table that a
query reads: https://cloud.google.com/bigquery/pricing#on_demand_pricing
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from c360_platform.costs.domains import Domain, Span

LEAST_BILLED = 10 * 2**20
_MICROSECONDS = 1_000_000
Conditions = Mapping[str, Domain]  # of one scan, by column name


@dataclass(frozen=True, slots=True)
class Size:
    """How large the shop is: customers, months of history, and the day that ends it."""

    customers: int
    months: int
    as_of: date


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as it was measured: rows per customer, mean bytes per row of each column (lower-case names).

    `rows_per_month` is how many rows a customer adds in a month, 0 for tables that do not grow with time.
    """

    rows: float
    widths: Mapping[str, float] = field(default_factory=dict)
    rows_per_month: float = 0.0

    def total(self, size: Size) -> float:
        """Rows at a size."""
        grown = self.rows_per_month * size.months if self.rows_per_month else self.rows
        return grown * size.customers


@dataclass(frozen=True, slots=True)
class Layout:
    """Partition column and its granularity, and the leading cluster column; empty for none.

    `shard` stands for tables that are one per day and show it as a column, such as Google Analytics' export.
    """

    partition: str = ""
    granularity: str = "month"
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `open_rows` are rows whose partition column is null: they lie in a partition of their own.

    `parts` are its rows by the text in the leading cluster column, where those are known: a sync's part of
    the state. Otherwise clusters count as no saving, because how BigQuery cuts them is its own affair.
    """

    shape: Shape
    layout: Layout = Layout()
    open_rows: float = 0.0
    parts: Mapping[str, Shape] = field(default_factory=dict)

    def scanned(self, columns: Iterable[str], reads: Sequence[Conditions], size: Size) -> float:
        """Bytes of columns in those parts of the table that one of the reads needs."""
        shapes = self._clusters(reads)
        width = sum(self.shape.widths.get(column, 0.0) for column in columns)
        rows = sum(shape.total(size) for shape in shapes) * self._part(reads, size)
        if self.layout.partition and any(self._may_be_open(read) for read in reads):
            rows += self.open_rows
        return rows * width

    def last_days(self, days: int | None, size: Size) -> Conditions | None:
        """The condition that only rows of the last days are meant; None without days or partitions."""
        if days is None or not self.layout.partition:
            return None
        end = _moment(size.as_of + timedelta(days=1))
        return {
            self.layout.partition: Domain(((_moment(size.as_of - timedelta(days=days)), end),), null=False)
        }

    def _part(self, reads: Sequence[Conditions], size: Size) -> float:
        """Share of the rows in partitions that are not skipped, rows being spread evenly over the history."""
        column = self.layout.partition
        if not column or not reads:
            return 1.0 if reads else 0.0
        begin, end = _history(size)
        covered: list[Span] = []
        for read in reads:
            domain = read.get(column)
            if domain is None or (domain.derived and self.layout.granularity != "shard"):
                return 1.0
            for first, last in domain.spans:
                low, high = max(first, begin), min(last, end)
                if low < high:
                    covered.append(
                        (_floor(low, self.layout.granularity), _ceil(high, self.layout.granularity))
                    )
        seconds, until = 0.0, begin
        for low, high in sorted(covered):
            start, stop = max(low, until), min(high, end)
            seconds += max(stop - start, 0.0)
            until = max(until, high)
        return seconds / (end - begin)

    def _clusters(self, reads: Sequence[Conditions]) -> list[Shape]:
        texts: set[str] = set()
        for read in reads:
            domain = read.get(self.layout.cluster) if self.parts else None
            if domain is None or domain.texts is None:
                return list(self.parts.values()) or [self.shape]
            texts |= domain.texts
        return [shape for text, shape in self.parts.items() if text in texts]

    def _may_be_open(self, read: Conditions) -> bool:
        domain = read.get(self.layout.partition)
        return domain is None or domain.null


def _history(size: Size) -> Span:
    """First and last moment of the history."""
    end = size.as_of + timedelta(days=1)
    year, month = divmod(end.year * 12 + end.month - 1 - size.months, 12)
    begin = date(year, month + 1, min(end.day, monthrange(year, month + 1)[1]))
    return _moment(begin), _moment(end)


def _moment(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * _MICROSECONDS


def _floor(moment: float, granularity: str) -> float:
    day = datetime.fromtimestamp(moment / _MICROSECONDS, UTC).date()
    if granularity in ("month", "year"):
        day = day.replace(day=1)
    return _moment(day.replace(month=1) if granularity == "year" else day)


def _ceil(moment: float, granularity: str) -> float:
    """End of the partition that holds the moment before this one."""
    day = datetime.fromtimestamp((moment - 1) / _MICROSECONDS, UTC).date()
    if granularity == "year":
        return _moment(date(day.year + 1, 1, 1))
    if granularity == "month":
        return _moment(day.replace(day=monthrange(day.year, day.month)[1]) + timedelta(days=1))
    return _moment(day + timedelta(days=1))

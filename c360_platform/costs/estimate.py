"""What runs scan and cost, at any size of the shop and after any length of history.

Belongs here: putting statements and tables together, and sums. Does not belong here: how a statement is read
(`reads`), how large a table is (`tables`), how often it is sent (`schedules`), showing it (`report`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from c360_platform.costs.reads import Path, Read
from c360_platform.costs.statements import Statement
from c360_platform.costs.tables import LEAST_BILLED, Size, Table

# USD on demand, per TiB, in the US: https://cloud.google.com/bigquery/pricing#on_demand_pricing
PRICE_PER_TIB = 6.25
TIB = 2**40


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes of one statement in one run: what it scans, and what is billed for that with the minimum."""

    statement: Statement
    scanned: float
    billed: float


@dataclass(frozen=True, slots=True)
class Job:
    """A statement and its reads by table, found once and costed at many sizes."""

    statement: Statement
    reads: tuple[Read, ...]


class Estimate:
    """Statements in their first form (`full`) and as later runs send them (`incremental`), over tables."""

    def __init__(self, tables: Mapping[Path, Table], full: Sequence[Job], incremental: Sequence[Job]) -> None:
        self.tables = tables
        self.jobs = {"full": full, "incremental": incremental}

    def costs(self, size: Size, form: str = "incremental") -> list[Cost]:
        """Every statement of a run at a size."""
        return [self._cost(job, size) for job in self.jobs[form]]

    def growth(self, months: Sequence[int], size: Size, form: str) -> list[float]:
        """Bytes billed per run after so many months."""
        return [
            sum(cost.billed for cost in self.costs(replace(size, months=number), form)) for number in months
        ]

    def slopes(self, size: Size, form: str = "incremental") -> dict[str, float]:
        """By statement, bytes scanned more for each month of the history's second half, largest first."""
        half = replace(size, months=max(size.months // 2, 1))
        pairs = zip(self.costs(size, form), self.costs(half, form), strict=True)
        slopes = {
            now.statement.name: (now.scanned - then.scanned) / (size.months - half.months)
            for now, then in pairs
        }
        return dict(sorted(slopes.items(), key=lambda pair: -pair[1]))

    def by_table(self, size: Size, form: str = "incremental") -> dict[Path, dict[str, float]]:
        """Bytes scanned of each table, by statement."""
        found: dict[Path, dict[str, float]] = {}
        for job in self.jobs[form]:
            for path, scanned in self._scanned(job, size).items():
                found.setdefault(path, {})[job.statement.name] = scanned * job.statement.times
        return found

    def unmeasured(self) -> set[Path]:
        """Tables that statements read and nobody measured: they count as nothing but the minimum."""
        jobs = (job for some in self.jobs.values() for job in some)
        return {read.table for job in jobs for read in job.reads if read.table not in self.tables}

    def _cost(self, job: Job, size: Size) -> Cost:
        scanned = self._scanned(job, size)
        billed = sum(max(found, LEAST_BILLED) for found in scanned.values())
        times = job.statement.times
        return Cost(job.statement, sum(scanned.values()) * times, billed * times)

    def _scanned(self, job: Job, size: Size) -> dict[Path, float]:
        """Bytes by table; tables of which only rows are counted are left out, because that is free."""
        by_table: dict[Path, list[Read]] = {}
        for read in job.reads:
            by_table.setdefault(read.table, []).append(read)
        return {
            path: self._bytes(self.tables[path], reads, job.statement, size) if path in self.tables else 0.0
            for path, reads in by_table.items()
            if any(read.columns for read in reads)
        }

    def _bytes(self, table: Table, reads: Sequence[Read], statement: Statement, size: Size) -> float:
        # A column that several scans of one statement read is counted once.
        plain = [read for read in reads if read.columns and not read.rewrites]
        columns = frozenset().union(*(read.columns for read in plain))
        found = table.scanned(columns, [read.domains for read in plain], size)
        for read in reads:
            if read.rewrites:
                found += table.scanned(
                    read.columns, [table.last_days(statement.changed_days, size) or read.domains], size
                )
        return found


def by_group(costs: Iterable[Cost]) -> dict[str, tuple[int, float, float]]:
    """Statements, bytes scanned and bytes billed of each group."""
    found: dict[str, tuple[int, float, float]] = {}
    for cost in costs:
        count, scanned, billed = found.get(cost.statement.group, (0, 0.0, 0.0))
        found[cost.statement.group] = (
            count + cost.statement.times,
            scanned + cost.scanned,
            billed + cost.billed,
        )
    return found


def price(billed: float, per_tib: float = PRICE_PER_TIB) -> float:
    """Dollars for bytes billed."""
    return billed / TIB * per_tib

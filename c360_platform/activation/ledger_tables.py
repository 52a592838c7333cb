"""The shape of the ledger's tables, and its rows as Python objects and as Arrow.

Belongs here: columns, types and how the tables lie. Does not belong here: statements that read or change rows
(`ledger`, `batches`, `rejections`, `runs`).

What is open has no closing time, and in BigQuery rows without one lie in a partition of their own. So the
engine, which asks for what is open, reads that and not the months of history behind it, and nothing open is
ever too old to be found. The state has no time to go by: it is one cluster per sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from c360_platform.activation.arrow_columns import booleans, integers, moments, texts
from c360_platform.activation.dialects import Dialect
from c360_platform.activation.payloads import in_lanes

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.warehouse import Warehouse

SCHEMA = "c360_sync"

# Column types are the dialect's: s(tring), i(nteger), b(oolean), t(imestamp), n(umber).
TABLES: dict[str, dict[str, str]] = {
    "runs": {
        "run_id": "s",
        "sync": "s",
        "object": "s",
        "status": "s",  # running | succeeded | failed | held | abandoned
        "host": "s",
        "pid": "i",
        "started_at": "t",
        "finished_at": "t",
        "planned": "i",
        "sent": "i",
        "confirmed": "i",
        "rejected": "i",
        "unchanged": "i",
        "pending": "i",
        "withheld": "i",
        "leaving": "i",
        "requests": "i",
        "throttled": "i",
        "waited_seconds": "n",
        "bytes_sent": "i",
        "seconds": "n",
        "operations": "s",  # JSON: counter to operation to rows
        "overrides": "s",  # what a person allowed for this run, comma-separated
        "kinds": "s",  # JSON: mapped column to the kind of its values
        "account": "s",  # Klaviyo's id of the account, once it was asked
        "message": "s",
    },
    "batches": {
        "batch_id": "s",
        "run_id": "s",
        "sync": "s",
        "lane": "s",
        "status": "s",  # planned | accepted | confirmed | failed | split
        "first_position": "i",
        "last_position": "i",
        "row_count": "i",
        "byte_count": "i",
        "target": "s",
        "is_backfill": "b",
        "job_id": "s",
        "sends": "i",
        "planned_at": "t",
        "accepted_at": "t",
        "settled_at": "t",
        "message": "s",
    },
    "state": {
        "sync": "s",
        "key": "s",
        "digest": "i",
        "filled": "s",
        "is_ours": "b",
        "target": "s",
        "run_id": "s",
        "confirmed_at": "t",
        "gone_at": "t",  # a tombstone: since when the row is missing from the model
    },
    "rejections": {
        "sync": "s",
        "stage": "s",  # plan | klaviyo
        "key": "s",
        "digest": "i",
        "operation": "s",
        "code": "s",
        "reason": "s",
        "row_count": "i",
        "run_id": "s",
        "batch_id": "s",
        "job_id": "s",
        "rejected_at": "t",
        "resolved_at": "t",
    },
}
# Column by whose month a table is partitioned where the engine has partitions, and columns to cluster by.
LAYOUT: dict[str, tuple[str, tuple[str, ...]]] = {
    "runs": ("finished_at", ("sync",)),
    "batches": ("settled_at", ("sync", "run_id")),
    "state": ("", ("sync", "key")),
    "rejections": ("resolved_at", ("sync", "stage", "key")),
}
BATCH_COLUMNS = (
    "batch_id",
    "lane",
    "first_position",
    "last_position",
    "row_count",
    "byte_count",
    "target",
    "is_backfill",
    "status",
    "job_id",
    "sends",
    "accepted_at",
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one lane of the plan, `first` to `last` position inclusive; fields as in BATCH_COLUMNS.

    `target` is the list's id for lists. `sends` counts how often Klaviyo took it.
    """

    batch_id: str
    lane: str
    first: int
    last: int
    rows: int
    bytes: int = 0
    target: str = ""
    is_backfill: bool = False
    status: str = "planned"
    job_id: str = ""
    sends: int = 0
    accepted_at: datetime | None = None

    @property
    def lineage(self) -> list[str]:
        """Its own id and those of the batches that it was cut from: a rejection in any of them counts."""
        names = self.batch_id.split(".")
        return [".".join(names[:depth]) for depth in range(1, len(names) + 1)]

    def part(self, number: int, first: int, last: int, rows: int) -> Batch:
        """A piece of this batch, to be sent by itself."""
        return replace(self, batch_id=f"{self.batch_id}.{number}", first=first, last=last, rows=rows, bytes=0)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that Klaviyo refused. `reason` is free of personal data; the key is not and stays here."""

    key: str
    digest: int
    operation: str
    code: str
    reason: str


def ledger_table(warehouse: Warehouse, table: str) -> str:
    """A table of the ledger as it is written in SQL."""
    return warehouse.relation(warehouse.own_schema(SCHEMA), table)


def make_tables(warehouse: Warehouse, dialect: Dialect) -> None:
    """Make what is missing of the tables; columns that a newer version has are added."""
    schema = warehouse.own_schema(SCHEMA)
    found = {table: warehouse.columns(schema, table) for table in TABLES}
    if not all(found.values()):
        warehouse.create_schema(schema)
    for table, columns in TABLES.items():
        there, name = found[table], ledger_table(warehouse, table)
        if not there:
            listed = ", ".join(f"{column} {dialect.type(kind)}" for column, kind in columns.items())
            layout = dialect.layout(*LAYOUT[table])
            warehouse.execute(f"create table if not exists {name} ({listed}) {layout}".rstrip())
        for column, kind in columns.items():
            if there and column not in there:
                warehouse.execute(f"alter table {name} add column {column} {dialect.type(kind)}")


def within(batches: Sequence[Batch]) -> str:
    """A condition over the plan's rows: those of the batches, neighbouring ranges of a lane joined."""
    ranges: list[tuple[str, int, int]] = []
    for batch in sorted(batches, key=lambda batch: (batch.lane, batch.first)):
        if ranges and ranges[-1][0] == batch.lane and ranges[-1][2] + 1 == batch.first:
            ranges[-1] = (batch.lane, ranges[-1][1], batch.last)
        else:
            ranges.append((batch.lane, batch.first, batch.last))
    conditions = [f"{in_lanes(lane)} and position between {first} and {last}" for lane, first, last in ranges]
    return "(" + " or ".join(conditions) + ")" if conditions else "(1 = 0)"


def batch_table(batches: Sequence[Batch], *, sync: str, run_id: str, at: datetime) -> pa.Table:
    """New batches as rows of their table."""
    import pyarrow as pa

    rows = len(batches)
    return pa.table(
        {
            "batch_id": texts([batch.batch_id for batch in batches]),
            "run_id": texts([run_id] * rows),
            "sync": texts([sync] * rows),
            "lane": texts([batch.lane for batch in batches]),
            "status": texts([batch.status for batch in batches]),
            "first_position": integers([batch.first for batch in batches]),
            "last_position": integers([batch.last for batch in batches]),
            "row_count": integers([batch.rows for batch in batches]),
            "byte_count": integers([batch.bytes for batch in batches]),
            "target": texts([batch.target for batch in batches]),
            "is_backfill": booleans([batch.is_backfill for batch in batches]),
            "job_id": texts([batch.job_id for batch in batches]),
            "sends": integers([batch.sends for batch in batches]),
            "planned_at": moments([at] * rows),
        }
    )


def rejection_table(
    rejections: Sequence[Rejection], batch: Batch, *, sync: str, run_id: str, at: datetime
) -> pa.Table:
    import pyarrow as pa

    rows = len(rejections)
    same = {
        "sync": sync,
        "stage": "klaviyo",
        "run_id": run_id,
        "batch_id": batch.batch_id,
        "job_id": batch.job_id,
    }
    own = ("key", "operation", "code", "reason")
    return pa.table(
        {
            **{name: texts([text] * rows) for name, text in same.items()},
            **{name: texts([getattr(rejection, name) for rejection in rejections]) for name in own},
            "digest": integers([rejection.digest for rejection in rejections]),
            "row_count": integers([1] * rows),
            "rejected_at": moments([at] * rows),
        }
    )

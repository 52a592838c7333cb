"""Rows that cannot be read: kept in a table of their own beside those that can.

Belongs here: the table `rejected_rows` of a source, and the dlt resource that fills it. Does not belong here:
deciding that a row cannot be read (`pages`).

The rows are committed in the same package as the cursor that passed them, so none is lost. They are what an
API sent, unchanged, and count as personal data of the widest kind. A row that is met again stays one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import dlt
import msgspec
import pyarrow as pa

from dlt_pipelines.journal import Journal, Rejected
from dlt_pipelines.personal_data import Classification, Personal
from dlt_pipelines.tables import NULL, Json, Table

NAME: Final = "rejected_rows"


class RejectedRow(msgspec.Struct, gc=False):
    """A row of `rejected_rows`."""

    table_name: str
    row_hash: str
    row_key: str | None = None
    reason: str | None = None
    record: Json = NULL
    rejected_at: datetime | None = None


REJECTED_ROWS: Final = Table(
    NAME,
    RejectedRow,
    ("table_name", "row_hash"),
    Classification(
        NAME,
        {
            Personal.NONE: ("table_name", "row_hash", "reason", "rejected_at"),
            Personal.IDENTIFIER: ("row_key",),
            Personal.CONTENT: ("record",),
        },
    ),
    newest_by="rejected_at",
)


def rejected_rows(journal: Journal, now: Callable[[], datetime]) -> Any:
    """The resource of a source's rejected rows.

    It must be the last of its source and always be selected: dlt reads resources one after the other, and
    what the others reject is written in the same package.
    """

    @dlt.resource(**REJECTED_ROWS.merged)
    def rejected() -> Iterator[pa.Table]:
        """Rows that the API sent and that fit no table, with the reason."""
        at = now()
        yield REJECTED_ROWS.arrow([_row(row, at) for row in journal.take_rejected()])

    return rejected


def _row(rejected: Rejected, at: datetime) -> RejectedRow:
    digest = hashlib.sha256(rejected.table.encode() + b"\n" + rejected.record).hexdigest()[:32]
    return RejectedRow(
        rejected.table, digest, rejected.key, rejected.reason, msgspec.Raw(rejected.record), at
    )

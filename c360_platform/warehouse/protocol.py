"""What every warehouse can do, and how it fails.

Belongs here: the protocol that `duckdb.py` and `bigquery.py` fulfil, its errors and its vocabulary. Does not
belong here: SQL of a feature (that lives beside the feature) and anything that imports an engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

Engine = Literal["duckdb", "bigquery"]
Value = str | int | float | bool | Decimal | date | datetime | None
Statement = tuple[str, Sequence[Value]]


class WarehouseError(Exception):
    """The warehouse refused a statement or cannot be reached; the message holds no value of any row.

    Trying again does not help: somebody has to do something. What may pass by itself is a subclass.
    """


class WarehouseUnavailable(WarehouseError):  # noqa: N818  (reads as what happened)
    """The warehouse could not answer for now, and retrying for a while did not help; later it may."""


class WarehouseLocked(WarehouseUnavailable):
    """Another process kept the DuckDB file for the whole waiting time; the message names file and process."""


class Warehouse(Protocol):
    """A place with schemas and tables that speaks SQL and Arrow.

    Parameters are positional and written `?` on both engines. A parameter that is None is a null of type
    text: cast it in the SQL where the column is something else. Every call opens a connection and closes it
    again, so nobody holds the warehouse while waiting for something else; `session` joins calls that follow
    each other.
    """

    engine: Engine

    def check(self) -> None:
        """Raise `WarehouseError` when nothing can work here: no credentials, no such project, no permission.

        Costs nothing; before a long command whose own errors would say less.
        """
        ...

    def session(self) -> AbstractContextManager[None]:
        """Calls of this thread inside the block share one connection; wait for nothing else in it."""
        ...

    def query(self, sql: str, params: Sequence[Value] = ()) -> Iterator[pa.RecordBatch]:
        """Rows of a query, batch by batch; the schema comes also without rows, as one empty batch.

        The connection is open until the iterator ends or is closed.
        """
        ...

    def table(self, sql: str, params: Sequence[Value] = ()) -> pa.Table:
        """All rows of a query at once: for results that are known to be small."""
        ...

    def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        """One statement."""
        ...

    def transaction(self, statements: Sequence[Statement]) -> None:
        """Several statements, all or none. Only DML: BigQuery has no DDL in transactions."""
        ...

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows by column name, all or none; `table` comes from `relation`.

        A missing table is made from the schema of the rows.
        """
        ...

    def exists(self, table: str) -> bool:
        """Whether the table or view is there; `table` comes from `relation`."""
        ...

    def tables(self, schema: str) -> dict[str, str]:
        """Name to kind, `table` or `view`, of everything in a schema; empty without the schema."""
        ...

    def columns(self, schema: str, table: str) -> dict[str, str]:
        """Column to the engine's name of its type, upper case, in table order; empty without the table."""
        ...

    def row_counts(self, tables: Sequence[str]) -> list[int]:
        """Rows of tables (not views) that are there, in the order given; they come from `relation`."""
        ...

    def last_changed_at(self, table: str) -> datetime | None:
        """A UTC time after which the table certainly did not change; None when it is not there."""
        ...

    def own_schema(self, name: str) -> str:
        """The schema in which this installation keeps what it calls `name`; on BigQuery with its prefix."""
        ...

    def notes_path(self, name: str) -> Path | None:
        """A file for small notes beside an embedded warehouse; None where nothing is beside it."""
        ...

    def create_schema(self, schema: str) -> None:
        """Make a schema unless it is there; `schema` comes from `own_schema`."""
        ...

    def relation(self, schema: str, table: str) -> str:
        """The quoted name to write into SQL. On BigQuery the schema may name a project: `project.schema`."""
        ...

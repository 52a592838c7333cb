"""The warehouse as one DuckDB file.

DuckDB lets one process write and keeps every other process out, readers too. So connections here are short, a
lock is waited for, and a lock that stays is reported with its holder. Inside one process all connections must
have the same configuration (dbt's and dlt's included): `connect()` gets none, settings follow by `SET`.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from c360_platform.warehouse.protocol import Engine, Statement, Value, WarehouseError, WarehouseLocked

if TYPE_CHECKING:
    import pyarrow as pa

LOCK_WAIT_SECONDS = 30.0
# Of half a kilobyte each, rows that are in memory at once take a few megabytes; the default is a million.
_ROWS_A_BATCH = 20_480  # a sixth of a row group, see _SESSION
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_LOCK = re.compile(r"Could not set lock on file|being used by another process", re.IGNORECASE)
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_LITERAL = re.compile(r"'(?:[^']|'')*'")
# Errors about a value quote it in other ways too; other errors put names into double quotes.
_VALUE = re.compile(r'"[^"]*"|\bvalue \S+|\d{6,}|\S+@\S+')
_VALUE_ERRORS = (
    *(duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException),
    *(duckdb.ConstraintException, duckdb.TypeMismatchException, duckdb.InvalidTypeException),
)
# UTC days and BigQuery's order of nulls as in profiles.yml. What a query holds beyond the limit goes to disk:
# four fifths of the machine, DuckDB's default, are not ours alone. Nor are its cores; and threads that write
# together leave pieces of row groups (122,880 rows) behind, which cost as much again to put together.
_SESSION = (
    "set TimeZone = 'UTC'; set default_null_order = 'nulls_first_on_asc_last_on_desc'; "
    "set memory_limit = '256MB'; set threads = 1"
)


class DuckDBWarehouse:
    """A `Warehouse` in the DuckDB file at `path` (absolute; made on first use, its directory must exist)."""

    engine: Engine = "duckdb"

    def __init__(self, path: Path | str, *, lock_wait_seconds: float = LOCK_WAIT_SECONDS) -> None:
        self.path = Path(path)
        self._lock_wait = lock_wait_seconds
        self._local = threading.local()
        if not self.path.is_absolute():
            raise WarehouseError(f"the warehouse path {self.path} is relative: give an absolute one")

    def __repr__(self) -> str:
        return f"DuckDBWarehouse({str(self.path)!r})"

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A short connection for what the protocol lacks; `duckdb.Error` becomes `WarehouseError`."""
        shared = getattr(self._local, "connection", None)
        connection = shared.cursor() if shared is not None else self._connect()
        try:
            connection.execute(_SESSION)  # cursors do not inherit settings
            yield connection
        except duckdb.Error as error:
            raise WarehouseError(f"{self.path.name}: {_without_values(error)}") from None
        finally:
            connection.close()

    def check(self) -> None:
        """Nothing that the next call would not say as well; a lock may be gone by then."""

    @contextmanager
    def session(self) -> Iterator[None]:
        if getattr(self._local, "connection", None) is not None:
            yield  # the outer block's connection is the one to use
            return
        self._local.connection = self._connect()
        try:
            yield
        finally:
            self._local.connection.close()
            self._local.connection = None

    def query(self, sql: str, params: Sequence[Value] = ()) -> Iterator[pa.RecordBatch]:
        with self.connection() as connection:
            reader = connection.sql(sql, params=list(params)).to_arrow_reader(_ROWS_A_BATCH)
            empty = True
            for batch in reader:
                empty = False
                yield batch
            if empty:
                import pyarrow as pa

                # from_pylist would import pandas
                yield pa.RecordBatch.from_arrays(
                    [pa.nulls(0, each.type) for each in reader.schema], schema=reader.schema
                )

    def table(self, sql: str, params: Sequence[Value] = ()) -> pa.Table:
        with self.connection() as connection:
            return connection.sql(sql, params=list(params)).to_arrow_table()

    def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        with self.connection() as connection:
            connection.execute(sql, list(params))

    def transaction(self, statements: Sequence[Statement]) -> None:
        with self.connection() as connection:
            connection.begin()
            for sql, params in statements:
                connection.execute(sql, list(params))
            connection.commit()  # an error before this line closes the connection, which rolls back

    def append(self, table: str, rows: pa.Table) -> None:
        with self.connection() as connection:
            connection.register("appended_rows", rows)
            connection.begin()
            connection.execute(f"create table if not exists {table} as select * from appended_rows limit 0")
            connection.execute(f"insert into {table} by name select * from appended_rows")
            connection.commit()

    def exists(self, table: str) -> bool:
        with self.connection() as connection:
            try:
                connection.execute(f"select 1 from {table} limit 0")
            except duckdb.CatalogException:
                return False
            return True

    def tables(self, schema: str) -> dict[str, str]:
        rows = self.table(
            "select table_name, if(table_type = 'VIEW', 'view', 'table') as kind "
            "from information_schema.tables "
            "where table_catalog = current_database() and table_schema = ? order by table_name",
            [schema],
        )
        return dict(zip(rows["table_name"].to_pylist(), rows["kind"].to_pylist(), strict=True))

    def columns(self, schema: str, table: str) -> dict[str, str]:
        with self.connection() as connection:
            try:
                found = connection.execute(f"describe {self.relation(schema, table)}").fetchall()
            except duckdb.CatalogException:
                return {}
        return {name: kind.upper() for name, kind, *_ in found}

    def row_counts(self, tables: Sequence[str]) -> list[int]:
        if not tables:
            return []
        counts = [
            f"select {number} as number, count(*) as n from {table}" for number, table in enumerate(tables)
        ]
        rows = self.table(" union all ".join(counts) + " order by number")
        return [int(count) for count in rows["n"].to_pylist()]

    def last_changed_at(self, table: str) -> datetime | None:
        """The file's time: DuckDB keeps none per table, and no table changes without file or log."""
        if not self.exists(table):
            return None
        log = self.path.with_name(self.path.name + ".wal")
        changed = max(file.stat().st_mtime for file in (self.path, log) if file.exists())
        return datetime.fromtimestamp(changed, UTC)

    def own_schema(self, name: str) -> str:
        return name

    def notes_path(self, name: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{name}")

    def create_schema(self, schema: str) -> None:
        quoted = schema.replace('"', '""')
        self.execute(f'create schema if not exists "{quoted}"')

    def relation(self, schema: str, table: str) -> str:
        return ".".join('"' + name.replace('"', '""') + '"' for name in (schema, table))

    def _connect(self) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self._lock_wait
        pause = _FIRST_PAUSE
        while True:
            try:
                connection = duckdb.connect(str(self.path))
            except duckdb.Error as error:
                message = str(error)
                if not _LOCK.search(message):
                    raise WarehouseError(_cannot_open(self.path, message)) from None
                if time.monotonic() + pause > deadline:
                    raise WarehouseLocked(_locked(self.path, message, self._lock_wait)) from None
                time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (two waiters should not step in time)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return connection


def _locked(path: Path, message: str, waited: float) -> str:
    holder = _HOLDER.search(message)
    who = f"process {holder['pid']} ({Path(holder['program']).name})" if holder else "another process"
    return (
        f"{path} is locked by {who} and stayed so for {waited:.0f} s: "
        "close that program (a DuckDB shell, a notebook, another run) and start again"
    )


def _cannot_open(path: Path, message: str) -> str:
    if "different configuration" in message:
        return f"{path} is open in this process with other options: every connection must use none"
    if "No such file or directory" in message:
        return f"{path} cannot be opened: its directory does not exist"
    if "not a valid DuckDB database" in message or "version number" in message:
        return (
            f"{path} is not a database that DuckDB {duckdb.__version__} can read: move it away or upgrade it"
        )
    return f"{path} cannot be opened: {message.splitlines()[0]}"


def _without_values(error: duckdb.Error) -> str:
    """The first line of DuckDB's message with literals blanked: conversion errors quote the value."""
    text = _LITERAL.sub("'…'", str(error).split("\n", 1)[0])
    return _VALUE.sub("…", text) if isinstance(error, _VALUE_ERRORS) else text

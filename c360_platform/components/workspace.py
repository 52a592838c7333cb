"""A DuckDB of our own to compute in: little memory, the rest in a temporary folder, gone afterwards.

Belongs here: its settings, and handing it upstream values of any form. Does not belong here: the shop's
warehouse (storage.py) and what is computed.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from c360_platform.components.columns import Types, quoted
from c360_platform.components.errors import ComponentError

DEFAULT_MEMORY_MB: Final = 768
_BATCH_ROWS: Final = 61_440
# In memory nothing is compressed, which costs more than it saves for tables that are read twice. Threads that
# work together take a third more of a shared machine; other steps run beside this one.
_SETTINGS: Final = (
    "set TimeZone = 'UTC'; set preserve_insertion_order = false; set threads = 1; "
    "set temp_directory = '{folder}'; set memory_limit = '{memory_mb}MB'"
)
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\bvalue \S+|\d{6,}|\S+@\S+")


class Workspace:
    """A connection, and the folder in which it spills what does not fit into its memory."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.connection = connection
        self.folder = folder

    def run(self, sql: str) -> None:
        """One or more statements. Raises `ComponentError`, without the values that DuckDB quotes."""
        with _plain_errors():
            self.connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with _plain_errors():
            return self.connection.execute(sql).fetchall()

    def number(self, sql: str) -> int:
        """The first column of the first row."""
        return int(self.rows(sql)[0][0] or 0)

    def batches(self, sql: str) -> Any:
        """Rows as a `pyarrow.RecordBatchReader`; it must be read before the next statement."""
        with _plain_errors():
            return self.connection.sql(sql).to_arrow_reader(_BATCH_ROWS)

    def attach(self, name: str, value: object) -> Types:
        """Make an upstream value readable as the relation `name`; columns and their types.

        A pandas DataFrame, a pyarrow Table, RecordBatch or RecordBatchReader (or what exports an Arrow
        stream), or a DuckDB relation of any connection. A stream can be read once. Raises `ComponentError`
        for others.
        """
        with _plain_errors():
            self.connection.register(name, _readable(value))
            described = self.connection.execute(f"describe {quoted(name)}").fetchall()
        return {column: kind for column, kind, *_ in described}

    def detach(self, name: str) -> None:
        self.connection.unregister(name)


@contextmanager
def workspace(*, memory_mb: int = DEFAULT_MEMORY_MB) -> Iterator[Workspace]:
    """An empty workspace; what it held is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="c360-component-", ignore_cleanup_errors=True) as folder:
        connection = duckdb.connect(":memory:")
        try:
            connection.execute(_SETTINGS.format(folder=folder, memory_mb=memory_mb))
            yield Workspace(connection, Path(folder))
        finally:
            connection.close()


def _readable(value: object) -> Any:
    import pyarrow as pa

    if isinstance(value, duckdb.DuckDBPyRelation):
        return value.to_arrow_reader(_BATCH_ROWS)
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    if isinstance(value, (pa.Table, pa.RecordBatchReader)):
        return value
    if type(value).__module__.split(".")[0] == "pandas" and hasattr(value, "columns"):
        return value
    if hasattr(value, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(value)
    raise ComponentError(
        f"its value is a {type(value).__module__}.{type(value).__qualname__}: give a pandas DataFrame, a "
        "pyarrow Table or RecordBatchReader, a DuckDB relation, or name the warehouse table with `table`"
    )


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        said = _LITERAL.sub("…", str(error).split("\n", 1)[0])
        raise ComponentError(f"DuckDB could not compute it: {said}") from None

"""The sandbox's state: one SQLite file in the tables of `schema.sql`.

Belongs here: opening the file, short transactions, reading, bulk inserts, settings. Does not belong here:
what a row means to Klaviyo or Zendesk; handlers and the world generator know that.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

_BUSY_TIMEOUT_SECONDS: Final = 30.0


class SandboxError(RuntimeError):
    """The sandbox cannot run; the message says what to do."""


class StoreError(SandboxError):
    """The sandbox's file cannot be used; the message names it and says what to do."""


class Store:
    """A SQLite file opened (or created) at `path`; safe to share between threads and to reopen.

    Each thread has a connection of its own; readers never wait (write-ahead log), writers take turns.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writing = threading.RLock()
        self._closed = False
        schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._connection()
            connection.execute("pragma journal_mode = wal")
            connection.executescript(schema)
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise StoreError(
                f"cannot open the sandbox's state {self.path}: {error}; "
                "check the directory, or delete the file to start with an empty sandbox"
            ) from None

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query; columns by name or position."""
        return self._connection().execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        found: sqlite3.Row | None = self._connection().execute(sql, parameters).fetchone()
        return found

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        found = self.row(sql, parameters)
        return None if found is None else found[0]

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed on the way out, rolled back on an exception. May be nested."""
        with self._writing:
            connection = self._connection()
            if connection.in_transaction:
                yield connection
                return
            connection.execute("begin immediate")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """One statement in a transaction of its own; the number of rows it touched."""
        with self.transaction() as connection:
            return connection.execute(sql, parameters).rowcount

    def insert(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, replace: bool = False
    ) -> int:
        """Insert many rows in one transaction; with `replace`, rows of the same key are replaced."""
        marks = ", ".join("?" * len(columns))
        verb = "insert or replace" if replace else "insert"
        with self.transaction() as connection:
            sql = f"{verb} into {table} ({', '.join(columns)}) values ({marks})"
            return connection.executemany(sql, rows).rowcount

    def setting(self, key: str, default: str | None = None) -> str | None:
        """A stored setting, or `default`."""
        found = self.value("select value from setting where key = ?", (key,))
        return default if found is None else str(found)

    def set_setting(self, key: str, value: str | None) -> None:
        """Store a setting; None removes it."""
        if value is None:
            self.execute("delete from setting where key = ?", (key,))
        else:
            self.execute("insert or replace into setting (key, value) values (?, ?)", (key, value))

    def is_empty(self) -> bool:
        """True when no profile, ticket or list was ever written."""
        tables = ("kl_profile", "kl_list", "kl_event", "zd_ticket", "zd_user")
        return all(self.value(f"select 1 from {table} limit 1") is None for table in tables)

    def close(self) -> None:
        """Close every thread's connection; the write-ahead log is folded into the file."""
        self._closed = True
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            return found
        if self._closed:
            raise StoreError(f"the sandbox's state {self.path} is closed")
        # Closing is done by whichever thread stops the sandbox, hence check_same_thread=False.
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("pragma synchronous = normal")  # safe in WAL mode when a process is killed
        connection.execute("pragma cache_size = -65536")
        connection.execute("pragma temp_store = memory")
        self._local.connection = connection
        self._connections.append(connection)
        return connection

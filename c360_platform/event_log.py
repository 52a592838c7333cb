"""Dagster's SQLite event log with connections that stay open.

Belongs here: how connections to the log's files are made. Does not belong here: what is stored in them; that
is Dagster's. Named in a home's dagster.yaml (instance.py).

Dagster makes a new SQLAlchemy engine for every event: every statement is compiled again, every commit waits
for the disk, and closing the last connection copies the write-ahead log back. A build with five hundred
checks spends more on that than on building. Open connections change neither the files nor their format: a
plain Dagster reads them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as db
from dagster._core.storage.event_log import SqliteEventLogStorage

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

# One file per run, and one for all: a daemon or a UI that looks at many runs keeps only the latest open.
MOST_OPEN_FILES = 8
BUSY_TIMEOUT_SECONDS = 60


class OpenSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log; one engine and one connection per file, for as long as it is in use."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(*args, **kwargs)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> OpenSqliteEventLogStorage:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = db.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=db.pool.QueuePool,
                pool_size=1,
                max_overflow=1,
                connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            db.event.listen(engine, "connect", _relax)
        self._engines[shard] = engine  # the latest last
        while len(self._engines) > MOST_OPEN_FILES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        """Whether the log of all runs has a table; none ever goes, so only a missing one is looked for again.

        Dagster asks before every check that it stores, with a connection of its own each time, because it
        also asks while it holds the log's.
        """
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close every file, then what the parent holds."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


def _relax(connection: Any, _record: Any) -> None:
    """No wait for the disk at every commit: a power cut may cost the log's last second, not its integrity."""
    connection.execute("pragma synchronous = normal")

"""Streams what people did in Klaviyo and Zendesk from DuckDB into the sandbox's SQLite tables.

Belongs here: clearing and filling the tables of `schema.sql`. Does not belong here: what the rows say; that
are temporary tables of the same names and columns, made by `sql/klaviyo.sql` and `sql/zendesk.sql`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3

    import duckdb

_FILLED: Final = (
    *("kl_metric", "kl_list", "kl_list_member", "kl_profile", "kl_prediction"),
    "kl_event",
    *("zd_organization", "zd_user", "zd_ticket", "zd_satisfaction_rating", "zd_survey_response"),
    *("zd_ticket_event", "zd_ticket_metric_event", "zd_object"),
)
_EMPTIED: Final = (
    *("kl_import_job", "kl_import_error", "kl_import_profile", "kl_import_fate", "kl_pending", "kl_hidden"),
    *("kl_profile_alias", "kl_list_suppression", "kl_sms_consent", "kl_suppression_job"),
    *("kl_segment", "kl_segment_member", "kl_flow", "kl_flow_action"),
    *("kl_tag_group", "kl_tag", "kl_tagging"),
)
_CHUNK: Final = 20_000


def fill_sandbox(warehouse: duckdb.DuckDBPyConnection, sandbox: sqlite3.Connection) -> dict[str, int]:
    """Replace the sandbox's records by those of the temporary tables; rows by 'sandbox.<table>'.

    Runs in the caller's transaction of the SQLite file. Indexes are dropped and built again afterwards, which
    is several times faster than keeping them up to date.
    """
    indexes = sandbox.execute(
        "select name, sql from sqlite_master where type = 'index' and sql is not null"
    ).fetchall()
    for name, _ in indexes:
        sandbox.execute(f"drop index {name}")
    for table in (*_EMPTIED, *_FILLED):
        sandbox.execute(f"delete from {table}")
    rows = {f"sandbox.{table}": _copy(warehouse, sandbox, table) for table in _FILLED}
    for _, definition in indexes:
        sandbox.execute(definition)
    return rows


def _copy(warehouse: duckdb.DuckDBPyConnection, sandbox: sqlite3.Connection, table: str) -> int:
    """Copy one table in the order of its first column, which is how SQLite stores it."""
    columns = [row[1] for row in sandbox.execute(f"pragma table_info({table})")]
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    warehouse.execute(f"select {names} from temp.{table} order by {columns[0]}")
    return sandbox.executemany(
        f"insert into {table} ({names}) values ({marks})", _fetched(warehouse)
    ).rowcount


def _fetched(warehouse: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while chunk := warehouse.fetchmany(_CHUNK):
        yield from chunk

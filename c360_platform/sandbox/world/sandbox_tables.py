"""Streams what people did in Klaviyo and Zendesk from DuckDB into the sandbox's SQLite tables.

Belongs here: clearing and filling the tables of `schema.sql`. Does not belong here: what the rows say (`sql/`).
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def fill_sandbox(warehouse: duckdb.DuckDBPyConnection, sandbox: sqlite3.Connection) -> dict[str, int]:
    """Replace the sandbox's records by those of the temporary tables; rows by 'sandbox.<table>'."""
    return {}

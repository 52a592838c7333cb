"""Rows in the warehouse that a complete reading of Klaviyo no longer shows, marked as gone.

Belongs here: comparing a complete reading with the warehouse. Does not belong here: the reading itself.
Klaviyo has no feed of what is deleted, merged or lifted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from dlt_pipelines.tables import Table

_ROWS_PER_QUERY: Final = 1000

Key = tuple[str, ...]


def known_keys(pipeline: Any, table: Table, not_gone: str) -> list[Key]:
    """The keys of a table's rows that satisfy the SQL condition `not_gone`; none before its first load."""
    with pipeline.sql_client() as client:
        name = client.make_qualified_table_name(table.name)
        try:
            columns = ", ".join(table.primary_key)
            with client.execute_query(f"select {columns} from {name} where {not_gone}") as rows:
                return [tuple(row) for row in rows.fetchall()]
        except DatabaseUndefinedRelation:
            return []


def rows_marked_gone(
    pipeline: Any, table: Table, gone: Collection[Key], mark: Mapping[str, Any]
) -> Iterator[pa.Table]:
    """The rows of these keys as they are in the warehouse, with the columns of `mark` replaced."""
    wanted = sorted(gone)
    first = table.primary_key[0]
    with pipeline.sql_client() as client:
        name = client.make_qualified_table_name(table.name)
        for start in range(0, len(wanted), _ROWS_PER_QUERY):
            keys = set(wanted[start : start + _ROWS_PER_QUERY])
            values = sorted({key[0] for key in keys})
            marks = ", ".join(["%s"] * len(values))
            with client.execute_query(f"select * from {name} where {first} in ({marks})", *values) as rows:
                columns = [column[0] for column in rows.description]
                found = [dict(zip(columns, row, strict=True)) for row in rows.fetchall()]
            # a warehouse that an older version filled may lack a column that this load adds
            records = [
                {column: row.get(column) for column in table.schema.names} | dict(mark)
                for row in found
                if tuple(row[column] for column in table.primary_key) in keys
            ]
            yield pa.Table.from_pylist(records, table.schema)

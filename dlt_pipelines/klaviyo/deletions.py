"""Profiles that are gone from Klaviyo: which ones, and their last rows marked as deleted.

Belongs here: comparing a complete reading with the warehouse. Does not belong here: the reading itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from dlt_pipelines.klaviyo.decoding import PROFILES

_ROWS_PER_QUERY: Final = 1000


def rows_of_deleted_profiles(pipeline: Any, present: set[str]) -> Iterator[pa.Table]:
    """Rows of `profiles` in the warehouse whose id is not in `present`, with `is_deleted` set."""
    columns = ", ".join(PROFILES.schema.names)
    with pipeline.sql_client() as client:
        table = client.make_qualified_table_name(PROFILES.name)
        try:
            with client.execute_query(
                f"select id from {table} where not coalesce(is_deleted, false)"
            ) as rows:
                gone = [profile_id for (profile_id,) in rows.fetchall() if profile_id not in present]
        except DatabaseUndefinedRelation:
            return
        for start in range(0, len(gone), _ROWS_PER_QUERY):
            ids = gone[start : start + _ROWS_PER_QUERY]
            marks = ", ".join(["%s"] * len(ids))
            with client.execute_query(f"select {columns} from {table} where id in ({marks})", *ids) as rows:
                records = [dict(zip(PROFILES.schema.names, row, strict=True)) for row in rows.fetchall()]
            yield pa.Table.from_pylist([{**row, "is_deleted": True} for row in records], PROFILES.schema)

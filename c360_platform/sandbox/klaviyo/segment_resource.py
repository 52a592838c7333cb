"""How a segment looks in an answer.

Belongs here: rows of `kl_segment` as JSON:API resources. Does not belong here: reading or writing them.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import times
from c360_platform.sandbox.klaviyo.endpoint import Call
from c360_platform.sandbox.klaviyo.paging import Fields

_NAMES: Final = (
    *("name", "definition", "created", "updated", "is_active", "is_processing", "is_starred"),
    "profile_count",
)


def segment_resource(
    call: Call,
    row: sqlite3.Row,
    *,
    profile_count: int | None = None,
    exact: bool = False,
    is_processing: bool = False,
) -> dict[str, Any]:
    """The resource of a row of `kl_segment`; with `exact`, as in answers to writes, times have microseconds.

    Recorded both ways: `is_processing` is true in the answer to a creation, and false soon after it although
    the members come only minutes later.
    """
    fields = Fields(call.params, "segment", _NAMES)
    time = times.iso_exact if exact else times.iso
    values = {
        "name": row["name"],
        "definition": orjson.Fragment(row["definition"]),
        "created": time(row["created_at"]),
        "updated": time(row["updated_at"]),
        "is_active": bool(row["is_active"]),
        "is_processing": is_processing,
        "is_starred": bool(row["is_starred"]),
    }
    if profile_count is not None:
        values["profile_count"] = profile_count
    link = call.link(f"/api/segments/{row['id']}/")
    return {
        "type": "segment",
        "id": row["id"],
        "attributes": {name: value for name, value in values.items() if fields.wants(name)},
        "relationships": {
            name: {"links": {"self": f"{link}relationships/{name}/", "related": f"{link}{name}/"}}
            for name in ("profiles", "tags", "flow-triggers")
        },
        "links": {"self": link},
    }

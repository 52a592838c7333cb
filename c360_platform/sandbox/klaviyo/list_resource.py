"""How a list looks in an answer.

Belongs here: rows of `kl_list` as JSON:API resources. Does not belong here: reading or writing them.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from c360_platform.sandbox.klaviyo import times
from c360_platform.sandbox.klaviyo.endpoint import Call
from c360_platform.sandbox.klaviyo.paging import Fields

_NAMES: Final = ("name", "created", "updated", "opt_in_process", "profile_count")


def list_resource(
    call: Call, row: sqlite3.Row, *, profile_count: int | None = None, exact: bool = False
) -> dict[str, Any]:
    """The resource of a row of `kl_list`; with `exact`, as in answers to writes, times have microseconds."""
    fields = Fields(call.params, "list", _NAMES)
    time = times.iso_exact if exact else times.iso
    values = {
        "name": row["name"],
        "created": time(row["created_at"]),
        "updated": time(row["updated_at"]),
        "opt_in_process": row["opt_in_process"],
    }
    if profile_count is not None:
        values["profile_count"] = profile_count
    link = call.link(f"/api/lists/{row['id']}/")
    return {
        "type": "list",
        "id": row["id"],
        "attributes": {name: value for name, value in values.items() if fields.wants(name)},
        "relationships": {
            name: {"links": {"self": f"{link}relationships/{name}/", "related": f"{link}{name}/"}}
            for name in ("profiles", "tags", "flow-triggers")
        },
        "links": {"self": link},
    }

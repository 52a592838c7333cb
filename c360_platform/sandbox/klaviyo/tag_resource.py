"""How tags and tag groups look in an answer.

Belongs here: rows of `kl_tag` and `kl_tag_group` as JSON:API resources. Does not belong here: reading or
writing them.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from c360_platform.sandbox.klaviyo.endpoint import Call
from c360_platform.sandbox.klaviyo.paging import Fields

_TAGGED: Final = ("lists", "segments", "campaigns", "flows")


def tag_resource(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    """The resource of a row of `kl_tag`."""
    fields = Fields(call.params, "tag", ("name",))
    link = call.link(f"/api/tags/{row['id']}/")
    links = {
        name: {"links": {"self": f"{link}relationships/{name}/", "related": f"{link}{name}/"}}
        for name in ("tag-group", *_TAGGED)
    }
    group = {"data": {"type": "tag-group", "id": row["group_id"]}, **links["tag-group"]}
    return {
        "type": "tag",
        "id": row["id"],
        "attributes": {"name": row["name"]} if fields.wants("name") else {},
        "relationships": {**links, "tag-group": group},
        "links": {"self": link},
    }


def tag_group_resource(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    """The resource of a row of `kl_tag_group`."""
    fields = Fields(call.params, "tag-group", ("name", "exclusive", "default"))
    values = {"name": row["name"], "exclusive": bool(row["exclusive"]), "default": bool(row["is_default"])}
    link = call.link(f"/api/tag-groups/{row['id']}/")
    return {
        "type": "tag-group",
        "id": row["id"],
        "attributes": {name: value for name, value in values.items() if fields.wants(name)},
        "relationships": {
            "tags": {"links": {"self": f"{link}relationships/tags/", "related": f"{link}tags/"}}
        },
        "links": {"self": link},
    }

"""Tag groups: every account has a default one, and at most 50.

Belongs here: `/api/tag-groups`. Does not belong here: tags (`tags`) and what they are put on (`taggings`).

Of an exclusive group, a resource can have one tag only. The default group is made when it is first needed and
cannot be deleted; deleting another takes its tags along.
"""

from __future__ import annotations

import sqlite3
from typing import Final
from uuid import uuid4

from c360_platform.sandbox.klaviyo import errors
from c360_platform.sandbox.klaviyo.bodies import check_model
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.filters import TEXT_OPERATORS, FilterField, conditions
from c360_platform.sandbox.klaviyo.paging import Collection, read_page
from c360_platform.sandbox.klaviyo.tag_resource import tag_group_resource, tag_resource
from c360_platform.sandbox.limits import S

MAX_TAG_GROUPS: Final = 50
_DEFAULT_NAME: Final = "Ungrouped Tags"
_PATH: Final = "/api/tag-groups"
_FILTERS: Final = {
    "name": FilterField(TEXT_OPERATORS, "g.name"),
    "exclusive": FilterField(("equals",), "g.exclusive", "boolean"),
    "default": FilterField(("equals",), "g.is_default", "boolean"),
}
_GROUPS: Final = Collection(
    "g.*", "kl_tag_group as g", "g.id", {"id": "g.id", "name": "g.name"}, "id", 25, 25
)


def endpoints() -> list[Endpoint]:
    read, write = ("tags:read",), ("tags:read", "tags:write")
    one = f"{_PATH}/{{id}}"
    return [
        Endpoint("GET", _PATH, get_tag_groups, S, read),
        Endpoint("POST", _PATH, create_tag_group, S, write),
        Endpoint("GET", one, get_tag_group, S, read),
        Endpoint("PATCH", one, update_tag_group, S, write),
        Endpoint("DELETE", one, delete_tag_group, S, write),
        Endpoint("GET", f"{one}/tags", get_tags_of_group, S, read),
        Endpoint("GET", f"{one}/relationships/tags", get_tag_ids_of_group, S, read),
    ]


def get_tag_groups(call: Call) -> Answer:
    default_group(call)
    page = read_page(call, _GROUPS, conditions(call.params.get("filter"), _FILTERS))
    return Answer(body={"data": [tag_group_resource(call, row) for row in page.rows], "links": page.links})


def get_tag_group(call: Call) -> Answer:
    return _answer(call, _group(call), 200)


def create_tag_group(call: Call) -> Answer:
    attributes = check_model(call.body(), "tag_group_create_query", "TagGroupCreateQuery")["data"][
        "attributes"
    ]
    default_group(call)
    if call.store.value("select count(*) from kl_tag_group") >= MAX_TAG_GROUPS:
        raise errors.invalid(f"An account cannot have more than {MAX_TAG_GROUPS} tag groups.")
    group_id = str(uuid4())
    row = (group_id, attributes["name"], int(bool(attributes.get("exclusive"))))
    call.store.insert("kl_tag_group", ("id", "name", "exclusive"), [row])
    return _answer(call, _group(call, group_id), 201)


def update_tag_group(call: Call) -> Answer:
    """204: the specification has no body here. Only the name can be changed."""
    group_id = _group(call)["id"]
    data = check_model(call.body(), "tag_group_update_query", "TagGroupUpdateQuery")["data"]
    if data["id"] != group_id:
        raise errors.invalid("The id in the body must be the id in the path.", "/data/id")
    call.store.execute(
        "update kl_tag_group set name = ? where id = ?", (data["attributes"]["name"], group_id)
    )
    return Answer(204)


def delete_tag_group(call: Call) -> Answer:
    row = _group(call)
    if row["is_default"]:
        raise errors.invalid("The default tag group cannot be deleted.")
    with call.store.transaction() as connection:
        connection.execute(
            "delete from kl_tagging where tag_id in (select id from kl_tag where group_id = ?)", (row["id"],)
        )
        connection.execute("delete from kl_tag where group_id = ?", (row["id"],))
        connection.execute("delete from kl_tag_group where id = ?", (row["id"],))
    return Answer(204)


def get_tags_of_group(call: Call) -> Answer:
    data = [tag_resource(call, row) for row in _tags(call)]
    return Answer(body={"data": data, "links": {"self": call.self_link(), "next": None, "prev": None}})


def get_tag_ids_of_group(call: Call) -> Answer:
    data = [{"type": "tag", "id": row["id"]} for row in _tags(call)]
    return Answer(body={"data": data, "links": {"self": call.self_link(), "next": None, "prev": None}})


def default_group(call: Call) -> str:
    """The id of the default group, made when there is none yet."""
    with call.store.transaction() as connection:
        row = connection.execute("select id from kl_tag_group where is_default").fetchone()
        if row is not None:
            return str(row["id"])
        group_id = str(uuid4())
        connection.execute(
            "insert into kl_tag_group (id, name, is_default) values (?, ?, 1)", (group_id, _DEFAULT_NAME)
        )
    return group_id


def _group(call: Call, group_id: str | None = None) -> sqlite3.Row:
    wanted = group_id or call.path_params["id"]
    row = call.store.row("select * from kl_tag_group where id = ?", (wanted,))
    if row is None:
        raise errors.not_found(f"A tag-group with id {wanted} does not exist.")
    return row


def _tags(call: Call) -> list[sqlite3.Row]:
    return call.store.rows("select * from kl_tag where group_id = ? order by id", (_group(call)["id"],))


def _answer(call: Call, row: sqlite3.Row, status: int) -> Answer:
    return Answer(status, {"data": tag_group_resource(call, row), "links": {"self": call.self_link()}})

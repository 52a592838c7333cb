"""Tags: names that are put on lists, segments and flows.

Belongs here: `/api/tags` and which group a tag is in. Does not belong here: groups (`tag_groups`), putting
tags on something (`taggings`). An account has at most 500 tags.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final
from uuid import uuid4

from c360_platform.sandbox.klaviyo import errors
from c360_platform.sandbox.klaviyo.bodies import check_model
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.errors import ApiError, Problem
from c360_platform.sandbox.klaviyo.filters import TEXT_OPERATORS, FilterField, conditions
from c360_platform.sandbox.klaviyo.paging import Collection, includes, read_page
from c360_platform.sandbox.klaviyo.tag_groups import default_group
from c360_platform.sandbox.klaviyo.tag_resource import tag_group_resource, tag_resource
from c360_platform.sandbox.limits import S

MAX_TAGS: Final = 500
_FILTERS: Final = {"name": FilterField(TEXT_OPERATORS, "t.name")}
_TAGS: Final = Collection("t.*", "kl_tag as t", "t.id", {"id": "t.id", "name": "t.name"}, "id", 50, 50)


def endpoints() -> list[Endpoint]:
    read, write = ("tags:read",), ("tags:read", "tags:write")
    one = "/api/tags/{id}"
    return [
        Endpoint("GET", "/api/tags", get_tags, S, read),
        Endpoint("POST", "/api/tags", create_tag, S, write),
        Endpoint("GET", one, get_tag, S, read),
        Endpoint("PATCH", one, update_tag, S, write),
        Endpoint("DELETE", one, delete_tag, S, write),
        Endpoint("GET", f"{one}/tag-group", get_group_of_tag, S, read),
        Endpoint("GET", f"{one}/relationships/tag-group", get_group_id_of_tag, S, read),
    ]


def get_tags(call: Call) -> Answer:
    wanted = includes(call.params, ("tag-group",))
    page = read_page(call, _TAGS, conditions(call.params.get("filter"), _FILTERS))
    data = [tag_resource(call, row) for row in page.rows]
    body: dict[str, Any] = {"data": data, "links": page.links}
    if wanted:
        body["included"] = _groups(call, {row["group_id"] for row in page.rows})
    return Answer(body=body)


def get_tag(call: Call) -> Answer:
    row = existing_tag(call)
    body: dict[str, Any] = {"data": tag_resource(call, row), "links": {"self": call.self_link()}}
    if includes(call.params, ("tag-group",)):
        body["included"] = _groups(call, {row["group_id"]})
    return Answer(body=body)


def create_tag(call: Call) -> Answer:
    """201; without a group the tag is in the default one."""
    data = check_model(call.body(), "tag_create_query", "TagCreateQuery")["data"]
    relation = ((data.get("relationships") or {}).get("tag-group") or {}).get("data")
    group_id = relation["id"] if relation else default_group(call)
    if call.store.value("select 1 from kl_tag_group where id = ?", (group_id,)) is None:
        detail = f"Tag Group with id {group_id} not found"
        raise ApiError(404, Problem(detail, "/data/", code="tag_service_error"))
    if call.store.value("select count(*) from kl_tag") >= MAX_TAGS:
        raise errors.invalid(f"An account cannot have more than {MAX_TAGS} tags.")
    tag_id = str(uuid4())
    call.store.insert("kl_tag", ("id", "name", "group_id"), [(tag_id, data["attributes"]["name"], group_id)])
    row = existing_tag(call, tag_id)
    return Answer(201, {"data": tag_resource(call, row), "links": {"self": call.self_link()}})


def update_tag(call: Call) -> Answer:
    """204: the specification has no body here. Only the name can be changed."""
    tag_id = existing_tag(call)["id"]
    data = check_model(call.body(), "tag_update_query", "TagUpdateQuery")["data"]
    if data["id"] != tag_id:
        raise errors.invalid("The id in the body must be the id in the path.", "/data/id")
    call.store.execute("update kl_tag set name = ? where id = ?", (data["attributes"]["name"], tag_id))
    return Answer(204)


def delete_tag(call: Call) -> Answer:
    tag_id = existing_tag(call)["id"]
    with call.store.transaction() as connection:
        connection.execute("delete from kl_tagging where tag_id = ?", (tag_id,))
        connection.execute("delete from kl_tag where id = ?", (tag_id,))
    return Answer(204)


def get_group_of_tag(call: Call) -> Answer:
    (group,) = _groups(call, {existing_tag(call)["group_id"]})
    return Answer(body={"data": group, "links": {"self": call.self_link()}})


def get_group_id_of_tag(call: Call) -> Answer:
    data = {"type": "tag-group", "id": existing_tag(call)["group_id"]}
    return Answer(body={"data": data, "links": {"self": call.self_link()}})


def existing_tag(call: Call, tag_id: str | None = None) -> sqlite3.Row:
    """The tag of the path, or of `tag_id`. Raises a 404."""
    wanted = tag_id or call.path_params["id"]
    row = call.store.row("select * from kl_tag where id = ?", (wanted,))
    if row is None:
        raise errors.not_found(f"A tag with id {wanted} does not exist.")
    return row


def _groups(call: Call, group_ids: set[str]) -> list[dict[str, Any]]:
    marks = ", ".join("?" * len(group_ids))
    rows = call.store.rows(f"select * from kl_tag_group where id in ({marks}) order by id", sorted(group_ids))
    return [tag_group_resource(call, row) for row in rows]

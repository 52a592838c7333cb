"""Lists and who is on them.

Belongs here: `/api/lists` and memberships by Klaviyo's ids. Does not belong here: memberships that come with
a bulk import (`import_work`) or a subscription, the lists of a profile (`profile_relations`), tags and flows
(`group_relations`). Being on a list says nothing about consent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import QueryParams

from c360_platform.sandbox.klaviyo import errors, ids
from c360_platform.sandbox.klaviyo.bodies import check_model
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.filters import COMPARISONS, Conditions, FilterField, conditions
from c360_platform.sandbox.klaviyo.group_relations import GROUP_RELATIONS, include_related
from c360_platform.sandbox.klaviyo.list_resource import list_resource
from c360_platform.sandbox.klaviyo.paging import Collection, additional_fields, includes, read_page
from c360_platform.sandbox.klaviyo.profile_relations import profile_not_found
from c360_platform.sandbox.klaviyo.profile_resource import COLUMNS, ProfileView
from c360_platform.sandbox.klaviyo.profile_work import profile_id_of
from c360_platform.sandbox.limits import XS, L, M, Tier

MAX_IDS: Final = 1_000
MAX_GROUPS: Final = 1_000  # lists and segments of one account together
LIST_CREATION: Final = Tier("list creation", (*M.windows, (150, 86_400)))

_KEYS: Final = ("any", "equals")
_FILTERS: Final = {
    "id": FilterField(_KEYS, "l.id"),
    "name": FilterField(_KEYS, "l.name"),
    "created": FilterField(("greater-than",), "l.created_at", "time"),
    "updated": FilterField(("greater-than",), "l.updated_at", "time"),
}
_MEMBER_FILTERS: Final = {
    "email": FilterField(_KEYS, "p.email", lower=True),
    "phone_number": FilterField(_KEYS, "p.phone_number"),
    "push_token": FilterField(_KEYS, "null"),
    "_kx": FilterField(("equals",), "null"),
    "joined_group_at": FilterField(COMPARISONS, "m.joined_at", "time"),
}
_SORTS: Final = {"id": "l.id", "name": "l.name", "created": "l.created_at", "updated": "l.updated_at"}
_LISTS: Final = Collection("l.*", "kl_list as l", "l.id", _SORTS, "id", 10, 10)
_MEMBERS: Final = Collection(
    columns=f"{COLUMNS}, m.joined_at",
    source="kl_list_member as m join kl_profile as p on p.id = m.profile_id",
    id_sql="m.profile_id",
    sorts={"joined_group_at": "m.joined_at"},
    default_sort="joined_group_at",
)


def endpoints() -> list[Endpoint]:
    read, write = ("lists:read",), ("lists:write",)
    read_members, write_members = ("lists:read", "profiles:read"), ("lists:write", "profiles:write")
    members = "/api/lists/{id}/relationships/profiles"
    return [
        Endpoint("GET", "/api/lists", get_lists, L, read),
        Endpoint("POST", "/api/lists", create_list, LIST_CREATION, write),
        Endpoint("GET", "/api/lists/{id}", get_list, _reading_tier, read),
        Endpoint("PATCH", "/api/lists/{id}", update_list, M, write),
        Endpoint("DELETE", "/api/lists/{id}", delete_list, M, write),
        Endpoint("GET", "/api/lists/{id}/profiles", get_members, L, read_members),
        Endpoint("GET", members, get_member_ids, L, read_members),
        Endpoint("POST", members, add_members, M, write_members),
        Endpoint("DELETE", members, remove_members, M, write_members),
    ]


def get_lists(call: Call) -> Answer:
    additional_fields(call.params, "list", ())  # profile_count is for a single list only
    wanted = includes(call.params, GROUP_RELATIONS)
    page = read_page(call, _LISTS, conditions(call.params.get("filter"), _FILTERS))
    data = [list_resource(call, row) for row in page.rows]
    body: dict[str, Any] = {"data": data, "links": page.links}
    if wanted:
        body["included"] = include_related(call, data, wanted)
    return Answer(body=body)


def get_list(call: Call) -> Answer:
    row = _list(call)
    count = None
    if "profile_count" in additional_fields(call.params, "list", ("profile_count",)):
        count = call.store.value("select count(*) from kl_list_member where list_id = ?", (row["id"],))
    wanted = includes(call.params, GROUP_RELATIONS)
    data = list_resource(call, row, profile_count=count)
    body: dict[str, Any] = {"data": data, "links": {"self": call.self_link()}}
    if wanted:
        body["included"] = include_related(call, [data], wanted)
    return Answer(body=body)


def create_list(call: Call) -> Answer:
    attributes = check_model(call.body(), "list_create_query", "ListCreateQuery")["data"]["attributes"]
    name = _name(attributes)
    groups = call.store.value("select (select count(*) from kl_list) + (select count(*) from kl_segment)")
    if groups >= MAX_GROUPS:
        raise errors.invalid(f"An account cannot have more than {MAX_GROUPS} lists and segments.")
    now_us = call.clock.now_us()
    list_id = ids.short_id()
    call.store.insert(
        "kl_list",
        ("id", "name", "opt_in_process", "created_at", "updated_at"),
        [(list_id, name, attributes.get("opt_in_process") or "double_opt_in", now_us, now_us)],
    )
    data = list_resource(call, _list(call, list_id), exact=True)
    return Answer(201, {"data": data, "links": {"self": call.self_link()}})


def update_list(call: Call) -> Answer:
    row = _list(call)
    data = check_model(call.body(), "list_partial_update_query", "ListPartialUpdateQuery")["data"]
    if data["id"] != row["id"]:
        raise errors.invalid("The id in the body must be the id in the path.", "/data/id")
    attributes = data["attributes"]
    name = _name(attributes) if "name" in attributes else row["name"]
    call.store.execute(
        "update kl_list set name = ?, opt_in_process = ?, updated_at = ? where id = ?",
        (name, attributes.get("opt_in_process") or row["opt_in_process"], call.clock.now_us(), row["id"]),
    )
    data = list_resource(call, _list(call), exact=True)
    return Answer(body={"data": data, "links": {"self": call.self_link()}})


def delete_list(call: Call) -> Answer:
    row = _list(call)
    with call.store.transaction() as connection:
        for table in ("kl_list_member", "kl_list_suppression"):
            connection.execute(f"delete from {table} where list_id = ?", (row["id"],))
        connection.execute("delete from kl_tagging where kind = 'list' and resource_id = ?", (row["id"],))
        connection.execute("delete from kl_list where id = ?", (row["id"],))
    return Answer(204)


def get_members(call: Call) -> Answer:
    page = read_page(call, _MEMBERS, _members(call))
    view = ProfileView(call.params, call.base)
    data = [view.resource(row, joined_at=row["joined_at"]) for row in page.rows]
    return Answer(body={"data": data, "links": page.links})


def get_member_ids(call: Call) -> Answer:
    page = read_page(call, _MEMBERS, _members(call))
    data = [{"type": "profile", "id": row["id"]} for row in page.rows]
    return Answer(body={"data": data, "links": page.links})


def add_members(call: Call) -> Answer:
    """204; adding a member again changes nothing."""
    list_id = _list(call)["id"]
    profile_ids = _profile_ids(call, "list_members_add_query", "ListMembersAddQuery")
    with call.store.transaction() as connection:
        now_us = call.clock.now_us()
        profile_ids = [profile_id_of(call.store, profile_id, now_us) for profile_id in profile_ids]
        for profile_id in profile_ids:
            if connection.execute("select 1 from kl_profile where id = ?", (profile_id,)).fetchone() is None:
                raise profile_not_found(profile_id)
        connection.executemany(
            "insert or ignore into kl_list_member (list_id, profile_id, joined_at) values (?, ?, ?)",
            [(list_id, profile_id, now_us) for profile_id in profile_ids],
        )
    return Answer(204)


def remove_members(call: Call) -> Answer:
    """204, also for profiles that are not on the list."""
    list_id = _list(call)["id"]
    profile_ids = _profile_ids(call, "list_members_delete_query", "ListMembersDeleteQuery")
    with call.store.transaction() as connection:
        connection.executemany(
            "delete from kl_list_member where list_id = ? and profile_id = ?",
            [(list_id, profile_id) for profile_id in profile_ids],
        )
    return Answer(204)


def _list(call: Call, list_id: str | None = None) -> sqlite3.Row:
    wanted = list_id or call.path_params["id"]
    row = call.store.row("select * from kl_list where id = ?", (wanted,))
    if row is None:
        raise errors.not_found(f"A list with id `{wanted}` does not exist.")
    return row


def _name(attributes: Mapping[str, Any]) -> str:
    name = str(attributes.get("name") or "").strip()
    if not name:
        raise errors.invalid("'name' must not be empty.", "/data/attributes/name")
    return name


def _members(call: Call) -> Conditions:
    list_id = _list(call)["id"]
    found = conditions(call.params.get("filter"), _MEMBER_FILTERS)
    found.add("m.list_id = ?", list_id)
    return found


def _profile_ids(call: Call, module: str, model: str) -> list[str]:
    data = check_model(call.body(), module, model)["data"]
    if not 1 <= len(data) <= MAX_IDS:
        raise errors.invalid(f"The number of profiles must be between 1 and {MAX_IDS}, not {len(data)}.")
    return [entry["id"] for entry in data]


def _reading_tier(params: QueryParams) -> Tier:
    return XS if "profile_count" in params.get("additional-fields[list]", "") else L

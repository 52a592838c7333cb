"""Segments: profiles that meet conditions.

Belongs here: `/api/segments` and reading members. Does not belong here: what a definition means
(`segment_definition`), when members are worked out (`segment_work`), tags and flows (`group_relations`).

100 creations and 100 updates a day. Recorded: a filter on `is_starred` is accepted and finds everything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.datastructures import QueryParams

from c360_platform.sandbox.klaviyo import errors, ids
from c360_platform.sandbox.klaviyo.bodies import check_model, raise_if_any
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.filters import COMPARISONS, Conditions, FilterField, conditions
from c360_platform.sandbox.klaviyo.group_relations import GROUP_RELATIONS, include_related
from c360_platform.sandbox.klaviyo.lags import lags_in
from c360_platform.sandbox.klaviyo.lists import MAX_GROUPS
from c360_platform.sandbox.klaviyo.paging import Collection, additional_fields, includes, read_page
from c360_platform.sandbox.klaviyo.profile_resource import COLUMNS, ProfileView
from c360_platform.sandbox.klaviyo.segment_definition import POINTER, definition_problems
from c360_platform.sandbox.klaviyo.segment_resource import segment_resource
from c360_platform.sandbox.klaviyo.segment_work import refresh_segments
from c360_platform.sandbox.limits import XS, L, S, Tier

SEGMENT_CREATION: Final = Tier("segment creation", (*XS.windows, (100, 86_400)))
SEGMENT_UPDATE: Final = Tier("segment update", (*XS.windows, (100, 86_400)))

_KEYS: Final = ("any", "equals")
_FILTERS: Final = {
    "id": FilterField(_KEYS, "s.id"),
    "name": FilterField(_KEYS, "s.name"),
    "created": FilterField(("greater-than",), "s.created_at", "time"),
    "updated": FilterField(("greater-than",), "s.updated_at", "time"),
    "is_active": FilterField(_KEYS, "s.is_active", "boolean"),
    "is_starred": FilterField(("equals",), "s.is_starred", "boolean", condition="(1 or {comparison})"),
}
_SORTS: Final = {"id": "s.id", "name": "s.name", "created": "s.created_at", "updated": "s.updated_at"}
_SEGMENTS: Final = Collection("s.*", "kl_segment as s", "s.id", _SORTS, "id", 10, 10)
_MEMBER_FILTERS: Final = {
    "profile_id": FilterField(_KEYS, "p.id"),
    "email": FilterField(_KEYS, "p.email", lower=True),
    "phone_number": FilterField(_KEYS, "p.phone_number"),
    "push_token": FilterField(_KEYS, "null"),
    "_kx": FilterField(("equals",), "null"),
    "joined_group_at": FilterField(COMPARISONS, "m.joined_at", "time"),
}
_MEMBERS: Final = Collection(
    columns=f"{COLUMNS}, m.joined_at",
    source="kl_segment_member as m join kl_profile as p on p.id = m.profile_id",
    id_sql="m.profile_id",
    sorts={"joined_group_at": "m.joined_at"},
    default_sort="joined_group_at",
)


def endpoints() -> list[Endpoint]:
    read, write, read_members = ("segments:read",), ("segments:write",), ("profiles:read", "segments:read")
    one = "/api/segments/{id}"
    return [
        Endpoint("GET", "/api/segments", get_segments, L, read),
        Endpoint("POST", "/api/segments", create_segment, SEGMENT_CREATION, write),
        Endpoint("GET", one, get_segment, _reading_tier, read),
        Endpoint("PATCH", one, update_segment, SEGMENT_UPDATE, write),
        Endpoint("DELETE", one, delete_segment, S, write),
        Endpoint("GET", f"{one}/profiles", get_members, L, read_members),
        Endpoint("GET", f"{one}/relationships/profiles", get_member_ids, L, read_members),
    ]


def get_segments(call: Call) -> Answer:
    additional_fields(call.params, "segment", ())  # profile_count is for a single segment only
    wanted = includes(call.params, GROUP_RELATIONS)
    page = read_page(call, _SEGMENTS, conditions(call.params.get("filter"), _FILTERS))
    data = [segment_resource(call, row) for row in page.rows]
    body: dict[str, Any] = {"data": data, "links": page.links}
    if wanted:
        body["included"] = include_related(call, data, wanted)
    return Answer(body=body)


def get_segment(call: Call) -> Answer:
    row = _segment(call)
    wanted = includes(call.params, GROUP_RELATIONS)
    count = None
    if "profile_count" in additional_fields(call.params, "segment", ("profile_count",)):
        refresh_segments(call.store, call.clock.now_us(), row["id"])
        counting = "select count(*) from kl_segment_member where segment_id = ?"
        count = call.store.value(counting, (row["id"],))
    data = segment_resource(call, row, profile_count=count)
    body: dict[str, Any] = {"data": data, "links": {"self": call.self_link()}}
    if wanted:
        body["included"] = include_related(call, [data], wanted)
    return Answer(body=body)


def create_segment(call: Call) -> Answer:
    """201; the members come after the lag of `segment_members`."""
    attributes = check_model(call.body(), "segment_create_query", "SegmentCreateQuery")["data"]["attributes"]
    _check(call, attributes)
    groups = call.store.value("select (select count(*) from kl_list) + (select count(*) from kl_segment)")
    if groups >= MAX_GROUPS:
        raise errors.invalid(f"An account cannot have more than {MAX_GROUPS} lists and segments.")
    now_us, segment_id = call.clock.now_us(), ids.short_id()
    call.store.insert(
        "kl_segment",
        ("id", "name", "definition", "is_starred", "created_at", "updated_at", "due_at"),
        [
            (
                *(segment_id, attributes["name"].strip(), _normal(attributes["definition"])),
                *(int(bool(attributes.get("is_starred"))), now_us, now_us, now_us + _lag_us(call)),
            )
        ],
    )
    return _written(call, segment_id, 201)


def update_segment(call: Call) -> Answer:
    """200. A new definition empties the segment until its members are worked out again."""
    row = _segment(call)
    data = check_model(call.body(), "segment_partial_update_query", "SegmentPartialUpdateQuery")["data"]
    if data["id"] != row["id"]:
        raise errors.invalid("The id in the body must be the id in the path.", "/data/id")
    attributes = data["attributes"]
    _check(call, attributes)
    is_active = attributes.get("is_active")
    if is_active is False and len(attributes) > 1:
        detail = "When a segment is deactivated, 'is_active' must be the only attribute."
        raise errors.invalid(detail, "/data/attributes/is_active")
    now_us = call.clock.now_us()
    new = {
        "name": (attributes.get("name") or row["name"]).strip(),
        "is_starred": int(bool(attributes.get("is_starred", row["is_starred"]))),
        "is_active": row["is_active"] if is_active is None else int(is_active),
        "definition": row["definition"],
        "due_at": row["due_at"],
        "updated_at": now_us,
    }
    if attributes.get("definition") is not None:
        new |= {"definition": _normal(attributes["definition"]), "due_at": now_us + _lag_us(call)}
        new["is_active"] = 1
    call.store.execute(
        f"update kl_segment set {', '.join(f'{name} = ?' for name in new)} where id = ?",
        (*new.values(), row["id"]),
    )
    if new["due_at"] > now_us and "definition" in attributes:
        call.store.execute("delete from kl_segment_member where segment_id = ?", (row["id"],))
    return _written(call, row["id"], 200)


def delete_segment(call: Call) -> Answer:
    row = _segment(call)
    with call.store.transaction() as connection:
        connection.execute("delete from kl_segment_member where segment_id = ?", (row["id"],))
        connection.execute("delete from kl_tagging where kind = 'segment' and resource_id = ?", (row["id"],))
        connection.execute("delete from kl_segment where id = ?", (row["id"],))
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


def _check(call: Call, attributes: Mapping[str, Any]) -> None:
    if "name" in attributes and not str(attributes["name"] or "").strip():
        raise errors.invalid("'name' must not be empty.", "/data/attributes/name")
    if attributes.get("definition") is not None:
        with call.store.transaction() as connection:
            raise_if_any(definition_problems(connection, attributes["definition"], POINTER))


def _normal(definition: Mapping[str, Any]) -> str:
    """As it is answered: a membership without a timeframe has a null one."""
    groups = [
        {"conditions": [_normal_condition(condition) for condition in group["conditions"]]}
        for group in definition["condition_groups"]
    ]
    return orjson.dumps({"condition_groups": groups}).decode()


def _normal_condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    if condition["type"] == "profile-group-membership" and condition["is_member"]:
        return {"timeframe_filter": None, **condition}
    return dict(condition)


def _lag_us(call: Call) -> int:
    return int(lags_in(call.store).segment_members * 1_000_000)


def _segment(call: Call, segment_id: str | None = None) -> sqlite3.Row:
    wanted = segment_id or call.path_params["id"]
    row = call.store.row("select * from kl_segment where id = ?", (wanted,))
    if row is None:
        raise errors.not_found(f"A segment with id `{wanted}` does not exist.")
    return row


def _written(call: Call, segment_id: str, status: int) -> Answer:
    data = segment_resource(call, _segment(call, segment_id), exact=True, is_processing=True)
    return Answer(status, {"data": data, "links": {"self": call.self_link()}})


def _members(call: Call) -> Conditions:
    segment_id = _segment(call)["id"]
    refresh_segments(call.store, call.clock.now_us(), segment_id)
    found = conditions(call.params.get("filter"), _MEMBER_FILTERS)
    found.add("m.segment_id = ?", segment_id)
    return found


def _reading_tier(params: QueryParams) -> Tier:
    return XS if "profile_count" in params.get("additional-fields[segment]", "") else L

"""Flows: what is sent when something happens. Made from code, listed, switched on and off; they never run.

Belongs here: `/api/flows`. Does not belong here: definitions (`flow_definition`), single actions and messages
(`flow_actions`), tags (`group_relations`). 100 creations a day.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import errors, ids
from c360_platform.sandbox.klaviyo.bodies import check_model, raise_if_any
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.filters import COMPARISONS, TEXT_OPERATORS, FilterField, conditions
from c360_platform.sandbox.klaviyo.flow_actions import include_actions
from c360_platform.sandbox.klaviyo.flow_definition import (
    TRIGGERS,
    UNCONFIGURED,
    definition_problems,
    with_ids,
    with_status,
)
from c360_platform.sandbox.klaviyo.flow_resource import flow_resource
from c360_platform.sandbox.klaviyo.group_relations import include_related
from c360_platform.sandbox.klaviyo.paging import Collection, additional_fields, includes, read_page
from c360_platform.sandbox.limits import XS, S, Tier

FLOW_CREATION: Final = Tier("flow creation", (*XS.windows, (100, 86_400)))
_STATUSES: Final = ("draft", "manual", "live")
_TIMES: Final = ("equals", *COMPARISONS)
_FILTERS: Final = {
    "id": FilterField(("any",), "f.id"),
    "name": FilterField(TEXT_OPERATORS, "f.name"),
    "status": FilterField(("equals",), "f.status", "enum"),
    "archived": FilterField(("equals",), "f.archived", "boolean"),
    "created": FilterField(_TIMES, "f.created_at", "time"),
    "updated": FilterField(_TIMES, "f.updated_at", "time"),
    "trigger_type": FilterField(("equals",), "f.trigger_type", "enum"),
}
_SORTS: Final = {
    **{name: f"f.{name}" for name in ("id", "name", "status", "trigger_type")},
    "created": "f.created_at",
    "updated": "f.updated_at",
}
_FLOWS: Final = Collection("f.*", "kl_flow as f", "f.id", _SORTS, "id", 50, 50)
_INCLUDES: Final = ("flow-actions", "tags")


def endpoints() -> list[Endpoint]:
    read, write, one = ("flows:read",), ("flows:write",), "/api/flows/{id}"
    return [
        Endpoint("GET", "/api/flows", get_flows, S, read),
        Endpoint("POST", "/api/flows", create_flow, FLOW_CREATION, write),
        Endpoint("GET", one, get_flow, S, read),
        Endpoint("PATCH", one, update_flow, S, write),
        Endpoint("DELETE", one, delete_flow, S, write),
    ]


def get_flows(call: Call) -> Answer:
    wanted = includes(call.params, _INCLUDES)
    page = read_page(call, _FLOWS, conditions(call.params.get("filter"), _FILTERS))
    data = [flow_resource(call, row) for row in page.rows]
    body: dict[str, Any] = {"data": data, "links": page.links}
    if wanted:
        body["included"] = _included(call, data, wanted)
    return Answer(body=body)


def get_flow(call: Call) -> Answer:
    row = _flow(call)
    wanted = includes(call.params, _INCLUDES)
    asked = additional_fields(call.params, "flow", ("definition",))
    data = flow_resource(call, row, definition=_definition(call, row) if asked else None)
    body: dict[str, Any] = {"data": data, "links": {"self": call.self_link()}}
    if wanted:
        body["included"] = _included(call, [data], wanted)
    return Answer(body=body)


def create_flow(call: Call) -> Answer:
    """201 with the new definition; the flow is a draft."""
    attributes = check_model(call.body(), "flow_create_query", "FlowCreateQuery")["data"]["attributes"]
    additional_fields(call.params, "flow", ("definition",))
    name, definition = attributes["name"].strip(), attributes["definition"]
    if not name:
        raise errors.invalid("'name' must not be empty.", "/data/attributes/name")
    now_us, flow_id = call.clock.now_us(), ids.short_id()
    with call.store.transaction() as connection:
        raise_if_any(definition_problems(connection, definition))
        entry_id, actions = with_ids(definition)
        trigger = definition["triggers"][0] if definition["triggers"] else {}
        stored = {
            "triggers": definition["triggers"],
            "profile_filter": definition.get("profile_filter"),
            "entry_action_id": entry_id,
            "reentry_criteria": definition.get("reentry_criteria"),
        }
        connection.execute(
            "insert into kl_flow (id, name, status, trigger_type, trigger_id, definition, created_at, "
            "updated_at) values (?, ?, 'draft', ?, ?, ?, ?, ?)",
            (
                *(flow_id, name, TRIGGERS.get(str(trigger.get("type")), UNCONFIGURED), trigger.get("id")),
                *(orjson.dumps(stored).decode(), now_us, now_us),
            ),
        )
        connection.executemany(
            "insert into kl_flow_action (id, flow_id, position, definition, created_at, updated_at) "
            "values (?, ?, ?, ?, ?, ?)",
            [
                (action["id"], flow_id, position, orjson.dumps(action).decode(), now_us, now_us)
                for position, action in enumerate(actions)
            ],
        )
    row = _flow(call, flow_id)
    data = flow_resource(call, row, definition=_definition(call, row), exact=True)
    return Answer(201, {"data": data, "links": {"self": call.self_link()}})


def update_flow(call: Call) -> Answer:
    """200. Only the status can be changed, with it that of every action that has one."""
    flow_id = _flow(call)["id"]
    data = check_model(call.body(), "flow_update_query", "FlowUpdateQuery")["data"]
    if data["id"] != flow_id:
        raise errors.invalid("The id in the body must be the id in the path.", "/data/id")
    status = data["attributes"]["status"]
    if status not in _STATUSES:
        detail = f"'status' must be one of {', '.join(_STATUSES)}."
        raise errors.invalid(detail, "/data/attributes/status")
    now_us = call.clock.now_us()
    with call.store.transaction() as connection:
        connection.execute(
            "update kl_flow set status = ?, updated_at = ? where id = ?", (status, now_us, flow_id)
        )
        rows = connection.execute("select id, definition from kl_flow_action where flow_id = ?", (flow_id,))
        for row in rows.fetchall():
            action = with_status(orjson.loads(row["definition"]), status)
            connection.execute(
                "update kl_flow_action set definition = ?, updated_at = ? where id = ?",
                (orjson.dumps(action).decode(), now_us, row["id"]),
            )
    data = flow_resource(call, _flow(call), exact=True)
    return Answer(body={"data": data, "links": {"self": call.self_link()}})


def delete_flow(call: Call) -> Answer:
    flow_id = _flow(call)["id"]
    with call.store.transaction() as connection:
        connection.execute("delete from kl_flow_action where flow_id = ?", (flow_id,))
        connection.execute("delete from kl_tagging where kind = 'flow' and resource_id = ?", (flow_id,))
        connection.execute("delete from kl_flow where id = ?", (flow_id,))
    return Answer(204)


def _flow(call: Call, flow_id: str | None = None) -> sqlite3.Row:
    wanted = flow_id or call.path_params["id"]
    row = call.store.row("select * from kl_flow where id = ?", (wanted,))
    if row is None:
        raise errors.not_found(f"A flow with id {wanted} does not exist.")
    return row


def _definition(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    stored = orjson.loads(row["definition"])
    rows = call.store.rows(
        "select definition from kl_flow_action where flow_id = ? order by position", (row["id"],)
    )
    definition = {
        "triggers": stored["triggers"],
        "profile_filter": stored["profile_filter"],
        "actions": [orjson.loads(action["definition"]) for action in rows],
        "entry_action_id": stored["entry_action_id"],
    }
    if stored["reentry_criteria"] is not None:
        definition["reentry_criteria"] = stored["reentry_criteria"]
    return definition


def _included(call: Call, data: list[dict[str, Any]], wanted: set[str]) -> list[dict[str, Any]]:
    included = include_related(call, data, wanted)
    if "flow-actions" in wanted:
        included += include_actions(call, data)
    return included

"""The actions of flows, and the messages that some of them send.

Belongs here: `/api/flow-actions`, `/api/flow-messages` and the actions below `/api/flows/{id}`. Does not
belong here: flows (`flows`). Inserting an action into an existing flow is not served.

Recorded: the filter `action_type` takes names such as TIME_DELAY, although definitions say `time-delay`; an
id that is no number answers 400, not 404.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import errors
from c360_platform.sandbox.klaviyo.bodies import check_model, raise_if_any
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.filters import (
    COMPARISONS,
    TEXT_OPERATORS,
    Conditions,
    FilterField,
    conditions,
)
from c360_platform.sandbox.klaviyo.flow_definition import action_problems
from c360_platform.sandbox.klaviyo.flow_resource import action_resource, flow_resource, message_resource
from c360_platform.sandbox.klaviyo.paging import Collection, includes, read_page
from c360_platform.sandbox.limits import S

_TYPE: Final = "upper(replace(json_extract(a.definition, '$.type'), '-', '_'))"
_STATUS: Final = "coalesce(json_extract(a.definition, '$.data.status'), '')"
_TIMES: Final = ("equals", *COMPARISONS)
_FILTERS: Final = {
    "id": FilterField(("any",), "a.id"),
    "action_type": FilterField(("any", "equals"), _TYPE, "enum"),
    "status": FilterField(("equals",), _STATUS, "enum"),
    "created": FilterField(_TIMES, "a.created_at", "time"),
    "updated": FilterField(_TIMES, "a.updated_at", "time"),
}
_ACTIONS: Final = Collection(
    columns="a.*",
    source="kl_flow_action as a",
    id_sql="a.id",
    sorts={
        "id": "a.id",
        "action_type": _TYPE,
        "status": _STATUS,
        "created": "a.created_at",
        "updated": "a.updated_at",
    },
    default_sort="id",
    default_size=50,
    max_size=50,
)
# An action sends one message, which lives in its definition.
_MESSAGE_ID: Final = "json_extract(a.definition, '$.data.message.id')"
_MESSAGE_NAME: Final = "coalesce(json_extract(a.definition, '$.data.message.name'), '')"
_MESSAGE_FILTERS: Final = {
    "id": FilterField(("any",), _MESSAGE_ID),
    "name": FilterField(TEXT_OPERATORS, _MESSAGE_NAME),
    "created": _FILTERS["created"],
    "updated": _FILTERS["updated"],
}
_MESSAGES: Final = Collection(
    columns=f"a.*, {_MESSAGE_ID} as message_id",
    source="kl_flow_action as a",
    id_sql=_MESSAGE_ID,
    sorts={
        "id": _MESSAGE_ID,
        "name": _MESSAGE_NAME,
        "created": "a.created_at",
        "updated": "a.updated_at",
    },
    default_sort="id",
    default_size=50,
    max_size=50,
)


def endpoints() -> list[Endpoint]:
    read, write = ("flows:read",), ("flows:write",)
    action, message = "/api/flow-actions/{id}", "/api/flow-messages/{id}"
    return [
        Endpoint("GET", "/api/flows/{id}/flow-actions", get_actions, S, read),
        Endpoint("GET", "/api/flows/{id}/relationships/flow-actions", get_action_ids, S, read),
        Endpoint("GET", action, get_action, S, read),
        Endpoint("PATCH", action, update_action, S, write),
        Endpoint("DELETE", action, delete_action, S, write),
        Endpoint("GET", f"{action}/flow", get_flow_of_action, S, read),
        Endpoint("GET", f"{action}/relationships/flow", get_flow_id_of_action, S, read),
        Endpoint("GET", f"{action}/flow-messages", get_messages, S, read),
        Endpoint("GET", f"{action}/relationships/flow-messages", get_message_ids, S, read),
        Endpoint("GET", message, get_message, S, read),
        Endpoint("GET", f"{message}/flow-action", get_action_of_message, S, read),
        Endpoint("GET", f"{message}/relationships/flow-action", get_action_id_of_message, S, read),
    ]


def get_actions(call: Call) -> Answer:
    page = read_page(call, _ACTIONS, _of_flow(call))
    return Answer(body={"data": [action_resource(call, row) for row in page.rows], "links": page.links})


def get_action_ids(call: Call) -> Answer:
    page = read_page(call, _ACTIONS, _of_flow(call))
    data = [{"type": "flow-action", "id": row["id"]} for row in page.rows]
    return Answer(body={"data": data, "links": page.links})


def get_action(call: Call) -> Answer:
    row = _action(call)
    wanted = includes(call.params, ("flow", "flow-messages"))
    body: dict[str, Any] = {"data": action_resource(call, row), "links": {"self": call.self_link()}}
    if wanted:
        included = [_flow_of(call, row)] if "flow" in wanted else []
        if "flow-messages" in wanted:
            included += _messages(call, row)
        body["included"] = included
    return Answer(body=body)


def update_action(call: Call) -> Answer:
    """200. The definition is replaced; its type and the links between actions stay as they are."""
    row = _action(call)
    data = check_model(call.body(), "flow_action_update_query", "FlowActionUpdateQuery")["data"]
    if data["id"] != row["id"]:
        raise errors.invalid("The id in the body must be the id in the path.", "/data/id")
    sent, held = data["attributes"]["definition"], orjson.loads(row["definition"])
    pointer = "/data/attributes/definition"
    raise_if_any(list(action_problems(sent, pointer)))
    if sent["type"] != held["type"]:
        raise errors.invalid("The type of an action cannot be changed.", f"{pointer}/type")
    new = {**held, "data": {**(held.get("data") or {}), **(sent.get("data") or {})}}
    message = (held.get("data") or {}).get("message")
    if message and new["data"].get("message"):
        new["data"]["message"] = {**new["data"]["message"], "id": message["id"]}
    call.store.execute(
        "update kl_flow_action set definition = ?, updated_at = ? where id = ?",
        (orjson.dumps(new).decode(), call.clock.now_us(), row["id"]),
    )
    return Answer(body={"data": action_resource(call, _action(call)), "links": {"self": call.self_link()}})


def delete_action(call: Call) -> Answer:
    """204; what led to the action leads to its successor."""
    row = _action(call)
    following = (orjson.loads(row["definition"]).get("links") or {}).get("next")
    with call.store.transaction() as connection:
        connection.execute("delete from kl_flow_action where id = ?", (row["id"],))
        others = connection.execute(
            "select id, definition from kl_flow_action where flow_id = ?", (row["flow_id"],)
        ).fetchall()
        for other in others:
            action = orjson.loads(other["definition"])
            links = {
                name: following if target == row["id"] else target
                for name, target in (action.get("links") or {}).items()
            }
            connection.execute(
                "update kl_flow_action set definition = ? where id = ?",
                (orjson.dumps({**action, "links": links}).decode(), other["id"]),
            )
        flow = connection.execute("select definition from kl_flow where id = ?", (row["flow_id"],)).fetchone()
        definition = orjson.loads(flow["definition"])
        if definition["entry_action_id"] == row["id"]:
            definition["entry_action_id"] = following
            connection.execute(
                "update kl_flow set definition = ? where id = ?",
                (orjson.dumps(definition).decode(), row["flow_id"]),
            )
    return Answer(204)


def get_flow_of_action(call: Call) -> Answer:
    return Answer(body={"data": _flow_of(call, _action(call)), "links": {"self": call.self_link()}})


def get_flow_id_of_action(call: Call) -> Answer:
    data = {"type": "flow", "id": _action(call)["flow_id"]}
    return Answer(body={"data": data, "links": {"self": call.self_link()}})


def get_messages(call: Call) -> Answer:
    page = read_page(call, _MESSAGES, _of_action(call))
    data = [message for row in page.rows for message in _messages(call, row)]
    return Answer(body={"data": data, "links": page.links})


def get_message_ids(call: Call) -> Answer:
    page = read_page(call, _MESSAGES, _of_action(call))
    data = [{"type": "flow-message", "id": row["message_id"]} for row in page.rows]
    return Answer(body={"data": data, "links": page.links})


def get_message(call: Call) -> Answer:
    (message,) = _messages(call, _action_of_message(call))
    includes(call.params, ("flow-action", "template"))
    return Answer(body={"data": message, "links": {"self": call.self_link()}})


def get_action_of_message(call: Call) -> Answer:
    data = action_resource(call, _action_of_message(call))
    return Answer(body={"data": data, "links": {"self": call.self_link()}})


def get_action_id_of_message(call: Call) -> Answer:
    data = {"type": "flow-action", "id": _action_of_message(call)["id"]}
    return Answer(body={"data": data, "links": {"self": call.self_link()}})


def include_actions(call: Call, flows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Names the actions in the flows' relationships; gives their resources for `included`."""
    included = []
    for flow in flows:
        rows = call.store.rows(
            "select * from kl_flow_action where flow_id = ? order by position", (flow["id"],)
        )
        identifiers = [{"type": "flow-action", "id": row["id"]} for row in rows]
        relations = flow["relationships"]
        relations["flow-actions"] = {"data": identifiers, **relations["flow-actions"]}
        included += [action_resource(call, row) for row in rows]
    return included


def _action(call: Call) -> sqlite3.Row:
    action_id = call.path_params["id"]
    if not action_id.isdigit():
        raise errors.invalid(f"Invalid Flow Action ID: '{action_id}'", "/data/id")
    row = call.store.row("select * from kl_flow_action where id = ?", (action_id,))
    if row is None:
        raise errors.not_found(f"A flow-action with id {action_id} does not exist.")
    return row


def _action_of_message(call: Call) -> sqlite3.Row:
    message_id = call.path_params["id"]
    row = call.store.row(
        "select * from kl_flow_action where json_extract(definition, '$.data.message.id') = ?", (message_id,)
    )
    if row is None:
        raise errors.not_found(f"A flow-message with id {message_id} does not exist.")
    return row


def _messages(call: Call, row: sqlite3.Row) -> list[dict[str, Any]]:
    message = message_resource(call, row)
    return [] if message is None else [message]


def _flow_of(call: Call, action: sqlite3.Row) -> dict[str, Any]:
    (row,) = call.store.rows("select * from kl_flow where id = ?", (action["flow_id"],))
    return flow_resource(call, row)


def _of_action(call: Call) -> Conditions:
    action_id = _action(call)["id"]
    found = conditions(call.params.get("filter"), _MESSAGE_FILTERS)
    found.add("a.id = ?", action_id)
    found.add(f"{_MESSAGE_ID} is not null")
    return found


def _of_flow(call: Call) -> Conditions:
    flow_id = call.path_params["id"]
    if call.store.value("select 1 from kl_flow where id = ?", (flow_id,)) is None:
        raise errors.not_found(f"A flow with id {flow_id} does not exist.")
    found = conditions(call.params.get("filter"), _FILTERS)
    found.add("a.flow_id = ?", flow_id)
    return found

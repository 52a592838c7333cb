"""How flows, their actions and their messages look in an answer.

Belongs here: rows of `kl_flow` and `kl_flow_action` as JSON:API resources. Does not belong here: reading or
writing them.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import times
from c360_platform.sandbox.klaviyo.endpoint import Call
from c360_platform.sandbox.klaviyo.paging import Fields

_NAMES: Final = ("name", "status", "archived", "created", "updated", "trigger_type", "definition")
_CHANNELS: Final = {"send-email": "Email", "send-sms": "SMS", "send-push-notification": "Mobile Push"}


def flow_resource(
    call: Call, row: sqlite3.Row, *, definition: dict[str, Any] | None = None, exact: bool = False
) -> dict[str, Any]:
    """The resource of a row of `kl_flow`, with its definition when it is asked for."""
    fields = Fields(call.params, "flow", _NAMES)
    time = times.iso_exact if exact else times.iso
    values = {
        "name": row["name"],
        "status": row["status"],
        "archived": bool(row["archived"]),
        "created": time(row["created_at"]),
        "updated": time(row["updated_at"]),
        "trigger_type": row["trigger_type"],
    }
    if definition is not None:
        values["definition"] = definition
    link = call.link(f"/api/flows/{row['id']}/")
    return {
        "type": "flow",
        "id": row["id"],
        "attributes": {name: value for name, value in values.items() if fields.wants(name)},
        "relationships": _links(link, "flow-actions", "tags"),
        "links": {"self": link},
    }


def action_resource(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    """The resource of a row of `kl_flow_action`."""
    fields = Fields(call.params, "flow-action", ("created", "updated", "definition"))
    values = {
        "created": times.iso(row["created_at"]),
        "updated": times.iso(row["updated_at"]),
        "definition": orjson.Fragment(row["definition"]),
    }
    link = call.link(f"/api/flow-actions/{row['id']}/")
    relations = _links(link, "flow", "flow-messages")
    flow = {"data": {"type": "flow", "id": row["flow_id"]}, **relations["flow"]}
    return {
        "type": "flow-action",
        "id": row["id"],
        "attributes": {name: value for name, value in values.items() if fields.wants(name)},
        "relationships": {**relations, "flow": flow},
        "links": {"self": link},
    }


def message_resource(call: Call, row: sqlite3.Row) -> dict[str, Any] | None:
    """The message that an action sends, which lives in its definition; None for other actions."""
    action = orjson.loads(row["definition"])
    message = (action.get("data") or {}).get("message")
    if action["type"] not in _CHANNELS or not message:
        return None
    fields = Fields(call.params, "flow-message", ("channel", "definition", "created", "updated"))
    values = {
        "channel": _CHANNELS[action["type"]],
        "definition": message,
        "created": times.iso(row["created_at"]),
        "updated": times.iso(row["updated_at"]),
    }
    link = call.link(f"/api/flow-messages/{message['id']}/")
    relations = _links(link, "flow-action", "template", "image")
    parent = {"data": {"type": "flow-action", "id": row["id"]}, **relations["flow-action"]}
    relations["flow-action"] = parent
    if message.get("template_id"):
        template = {"type": "template", "id": message["template_id"]}
        relations["template"] = {"data": template, **relations["template"]}
    return {
        "type": "flow-message",
        "id": message["id"],
        "attributes": {name: value for name, value in values.items() if fields.wants(name)},
        "relationships": relations,
        "links": {"self": link},
    }


def _links(link: str, *names: str) -> dict[str, Any]:
    return {
        name: {"links": {"self": f"{link}relationships/{name}/", "related": f"{link}{name}/"}}
        for name in names
    }

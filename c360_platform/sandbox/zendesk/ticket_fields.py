"""Ticket fields: the names behind the ids in `custom_fields`.

The system fields are the ones every account has. Custom ones are objects of the collection `ticket_fields`,
each at least `{type, title}`.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.protocol import PREFIX, get, not_found, origin, path_id

_SYSTEM: Final = (
    ("subject", "Subject"),
    ("description", "Description"),
    ("status", "Status"),
    ("tickettype", "Type"),
    ("priority", "Priority"),
    ("group", "Group"),
    ("assignee", "Assignee"),
)
_ACCOUNT_OPENED: Final = "2020-01-01T00:00:00Z"


def routes() -> list[Route]:
    """`/ticket_fields` and `/ticket_fields/{id}`."""
    return [*get("/ticket_fields", _list), *get("/ticket_fields/{id:int}", _one)]


def _list(request: Request) -> dict[str, Any]:
    fields = _fields(request)
    return {
        "ticket_fields": fields,
        "meta": {"has_more": False},
        "links": {"next": None, "prev": None},
        "next_page": None,
        "previous_page": None,
        "count": len(fields),
    }


def _one(request: Request) -> dict[str, Any]:
    wanted = path_id(request)
    for field in _fields(request):
        if field["id"] == wanted:
            return {"ticket_field": field}
    raise not_found()


def _fields(request: Request) -> list[dict[str, Any]]:
    system = [
        {"id": number, "type": kind, "title": title, "removable": False}
        for number, (kind, title) in enumerate(_SYSTEM, start=1)
    ]
    rows = request.app.state.store.rows(
        "select id, body from zd_object where collection = 'ticket_fields' order by id"
    )
    custom = [orjson.loads(row["body"]) | {"id": row["id"]} for row in rows]
    base = f"{origin(request)}{PREFIX}/ticket_fields"
    return [
        {
            "active": True,
            "raw_title": field["title"],
            "description": "",
            "position": position,
            "required": False,
            "removable": True,
            "created_at": _ACCOUNT_OPENED,
            "updated_at": _ACCOUNT_OPENED,
            **field,
            "url": f"{base}/{field['id']}.json",
        }
        for position, field in enumerate([*system, *custom])
    ]

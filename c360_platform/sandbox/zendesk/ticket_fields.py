"""Ticket fields: the names behind the ids in `custom_fields`.

The system fields are the ones every account has. Custom ones are the JSON array in the store's setting
`zendesk.ticket_fields`, each at least `{id, type, title}`.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.protocol import get, origin

_SYSTEM: Final = (
    ("subject", "Subject"),
    ("description", "Description"),
    ("status", "Status"),
    ("tickettype", "Type"),
    ("priority", "Priority"),
    ("group", "Group"),
    ("assignee", "Assignee"),
)


def routes() -> list[Route]:
    """`/ticket_fields`."""
    return get("/ticket_fields", _fields)


def _fields(request: Request) -> dict[str, Any]:
    system = [
        {"id": number, "type": kind, "title": title, "removable": False}
        for number, (kind, title) in enumerate(_SYSTEM, start=1)
    ]
    custom = orjson.loads(request.app.state.store.setting("zendesk.ticket_fields") or "[]")
    base = origin(request)
    fields = [
        {"active": True, "raw_title": field["title"], "removable": True, **field}
        | {"url": f"{base}/api/v2/ticket_fields/{field['id']}.json"}
        for field in [*system, *custom]
    ]
    return {
        "ticket_fields": fields,
        "meta": {"has_more": False},
        "links": {"next": None, "prev": None},
        "count": len(fields),
    }

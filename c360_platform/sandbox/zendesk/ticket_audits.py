"""Audits and comments of one ticket: its ticket events as the ticket's own pages show them.

A deleted ticket has neither (404), though the export of ticket events keeps its events.
"""

from __future__ import annotations

from sqlite3 import Row
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.lists import listed
from c360_platform.sandbox.zendesk.positions import Body, Table, read_body
from c360_platform.sandbox.zendesk.protocol import get
from c360_platform.sandbox.zendesk.tickets import present_ticket

_OF_EVERY_CHANGE: Final = {"id", "type", "event_type", "previous_value"}
_EVENTS: Final = Table("zd_ticket_event", time=None)


def routes() -> list[Route]:
    """`/tickets/{id}/audits` and `/tickets/{id}/comments`."""
    return [
        *get("/tickets/{id:int}/audits", _audits),
        *get("/tickets/{id:int}/comments", _comments),
    ]


def _audits(request: Request) -> Body:
    ticket = present_ticket(request)
    return listed(request, "audits", _EVENTS, _audit, where="ticket_id = ?", parameters=(ticket["id"],))


def _audit(row: Row) -> Body:
    event = read_body(row)
    return {
        "id": event["id"],
        "ticket_id": event.get("ticket_id"),
        "created_at": event.get("created_at"),
        "author_id": event.get("updater_id"),
        "metadata": {"system": event.get("system", {}), "custom": {}},
        "via": _via(event),
        "events": [_told(child) for child in event.get("child_events", [])],
    }


def _told(child: dict[str, Any]) -> dict[str, Any]:
    """A child event as an audit tells it: with a `type`, and a change by `field_name` and `value`."""
    kind = child.get("event_type")
    told = {"type": kind, **{name: value for name, value in child.items() if name != "via"}}
    if isinstance(child.get("via"), dict):  # the export has words for it, an audit an object
        told["via"] = child["via"]
    if kind != "Change":
        return told
    members = {name: value for name, value in told.items() if name not in _OF_EVERY_CHANGE}
    fields = members.pop("custom_ticket_fields", members)
    name, value = next(iter(fields.items()), (None, None))
    return {name: told.get(name) for name in ("id", "type", "previous_value")} | {
        "field_name": name,
        "value": value,
    }


def _comments(request: Request) -> Body:
    """All of a ticket's comments, oldest first, on one page (assumed)."""
    ticket = present_ticket(request)
    rows = request.app.state.store.rows(
        "select id, body from zd_ticket_event where ticket_id = ? order by id", (ticket["id"],)
    )
    comments = [
        child
        for row in rows
        for child in read_body(row).get("child_events", [])
        if child.get("event_type") == "Comment"
    ]
    return {
        "comments": comments,
        "count": len(comments),
        "next_page": None,
        "previous_page": None,
        "meta": {"has_more": False},
        "links": {"next": None, "prev": None},
    }


def _via(event: dict[str, Any]) -> dict[str, Any]:
    """Exported events name the channel in words, audits as an object."""
    return {"channel": str(event.get("via", "web")).lower(), "source": {"from": {}, "to": {}, "rel": None}}

"""Ticket events: one row per change of a ticket, by the time-based export.

Comments come only with `include=comment_events`; without it a child event says that there is one and
whether it is public.
"""

from __future__ import annotations

from sqlite3 import Row
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.exports import time_export
from c360_platform.sandbox.zendesk.positions import RowToBody, Table, read_body, stored_body
from c360_platform.sandbox.zendesk.protocol import get

_EVENTS = Table("zd_ticket_event", time="occurred_at / 1000000")


def routes() -> list[Route]:
    """`/incremental/ticket_events`."""
    return get("/incremental/ticket_events", _by_time, export=True)


def _by_time(request: Request) -> dict[str, Any]:
    return time_export(request, "ticket_events", _EVENTS, _to_event(request))


def _to_event(request: Request) -> RowToBody:
    if "comment_events" in request.query_params.get("include", "").split(","):
        return stored_body

    def without_comments(row: Row) -> dict[str, Any]:
        body = read_body(row)
        body["child_events"] = [_hidden(child) for child in body.get("child_events", [])]
        return body

    return without_comments


def _hidden(child: dict[str, Any]) -> dict[str, Any]:
    """A comment without its text; any other child event as it is."""
    if child.get("event_type") != "Comment":
        return child
    kept = {name: child[name] for name in ("id", "via") if name in child}
    return {**kept, "comment_present": True, "comment_public": bool(child.get("public", True))}

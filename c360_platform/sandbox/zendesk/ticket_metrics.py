"""Ticket metrics: as a list, newest first, without archived (closed) and deleted tickets; and of one ticket.

Clients that need all of them take the metric sets from the ticket export.
"""

from __future__ import annotations

from sqlite3 import Row
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.lists import (
    CursorPage,
    asks_for_cursor,
    cursor_page,
    list_page_size,
    offset_page,
)
from c360_platform.sandbox.zendesk.positions import Body, decode
from c360_platform.sandbox.zendesk.protocol import get, not_found
from c360_platform.sandbox.zendesk.tickets import present_ticket

_LISTED: Final = (
    "select id, generated_at as time, metric_set from zd_ticket where metric_set <> '{}'"
    " and coalesce(json_extract(body, '$.status'), '') not in ('closed', 'deleted')"
)


def routes() -> list[Route]:
    """`/ticket_metrics` and `/tickets/{id}/metrics`."""
    return [*get("/ticket_metrics", _metrics), *get("/tickets/{id:int}/metrics", _of_ticket)]


def _metrics(request: Request) -> Body:
    if not asks_for_cursor(request):
        return offset_page(request, "ticket_metrics", f"{_LISTED} order by id desc", (), _metric_set)
    size = list_page_size(request)
    after = request.query_params.get("page[after]")
    before_id = 2**62 if after is None else decode(after)[1]
    rows = request.app.state.store.rows(
        f"{_LISTED} and id < ? order by id desc limit ?", (before_id, size + 1)
    )
    page = CursorPage(rows[:size], len(rows) > size, lambda row: (row["time"], row["id"]))
    return cursor_page(request, "ticket_metrics", page, _metric_set)


def _of_ticket(request: Request) -> Body:
    ticket = present_ticket(request)
    if ticket["metric_set"] == "{}":
        raise not_found()
    return {"ticket_metric": _metric_set(ticket)}


def _metric_set(row: Row) -> msgspec.Raw:
    return msgspec.Raw(row["metric_set"].encode())

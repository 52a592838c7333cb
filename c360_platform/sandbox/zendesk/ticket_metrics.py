"""Ticket metrics as a list: newest first, without archived (closed) and deleted tickets, 100 a page.

Clients that need all of them take the metric sets from the ticket export.
"""

from __future__ import annotations

from sqlite3 import Row
from typing import Any

import orjson
from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.paging import CursorPage, cursor_page, decode_position, list_page_size
from c360_platform.sandbox.zendesk.protocol import get


def routes() -> list[Route]:
    """`/ticket_metrics`."""
    return get("/ticket_metrics", _metrics)


def _metrics(request: Request) -> dict[str, Any]:
    size = list_page_size(request)
    after = request.query_params.get("page[after]")
    before_id = 2**62 if after is None else decode_position(after)[1]
    rows = request.app.state.store.rows(
        "select id, generated_at as time, metric_set from zd_ticket where id < ? and metric_set <> '{}'"
        " and coalesce(json_extract(body, '$.status'), '') not in ('closed', 'deleted')"
        " order by id desc limit ?",
        (before_id, size + 1),
    )
    page = CursorPage(rows[:size], len(rows) > size, lambda row: (row["time"], row["id"]))
    return cursor_page(request, "ticket_metrics", page, _metric_set)


def _metric_set(row: Row) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(row["metric_set"])
    return body

"""Ticket metric events (reply time, wait times, SLA breaches), one-second resolution, many per second.

With `page[size]` the answer is paged by cursor, without it the export is time-based.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.paging import (
    Table,
    cursor_page,
    moment,
    select_page,
    stored_body,
    time_export,
)
from c360_platform.sandbox.zendesk.protocol import get, invalid_value

_EVENTS = Table("zd_ticket_metric_event", time="occurred_at / 1000000")


def routes() -> list[Route]:
    """`/incremental/ticket_metric_events`."""
    return get("/incremental/ticket_metric_events", _events, export=True)


def _events(request: Request) -> dict[str, Any]:
    if "page[size]" not in request.query_params:
        return time_export(request, "ticket_metric_events", _EVENTS, stored_body)
    start = moment(request, "start_time")
    if start is None:
        raise invalid_value("start_time is required", status=400)
    page = select_page(request, _EVENTS, f"{_EVENTS.time} >= ?", (start,))
    return cursor_page(request, "ticket_metric_events", page, stored_body)

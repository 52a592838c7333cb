"""Ticket metric events (reply time, wait times, SLA breaches), one-second resolution, many per second.

With `page[size]` the answer is paged by cursor, without it the export is time-based. A metric event that no
longer counts is exported with `deleted: true`.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.exports import export_cutoff, time_export
from c360_platform.sandbox.zendesk.lists import asks_for_cursor, cursor_page, select_page
from c360_platform.sandbox.zendesk.positions import Body, Table, moment, stored_body
from c360_platform.sandbox.zendesk.protocol import get, invalid_value

_EVENTS: Final = Table("zd_ticket_metric_event", time="occurred_at / 1000000")


def routes() -> list[Route]:
    """`/incremental/ticket_metric_events`."""
    return get("/incremental/ticket_metric_events", _events, export=True)


def _events(request: Request) -> Body:
    if not asks_for_cursor(request):
        return time_export(request, "ticket_metric_events", _EVENTS, stored_body, recent=True)
    start = moment(request, "start_time")
    if start is None:
        raise invalid_value("start_time is required", status=400)
    where = f"{_EVENTS.time} >= ? and {_EVENTS.time} <= ?"
    page = select_page(request, _EVENTS, where, (start, export_cutoff(request)))
    return cursor_page(request, "ticket_metric_events", page, stored_body)

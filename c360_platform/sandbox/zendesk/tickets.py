"""Tickets: the cursor export, with metric sets on request, and the older time-based export.

Both are ordered by `generated_timestamp`, which system changes move too; `updated_at` only moves with
changes by people and may be older than `start_time`. Deleted tickets are exported with status `deleted`.
"""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Row
from typing import Any

import orjson
from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.paging import Table, cursor_export, time_export
from c360_platform.sandbox.zendesk.protocol import get, origin

_TICKETS = Table("zd_ticket", time="generated_at", columns="id, body, metric_set")


def routes() -> list[Route]:
    """`/incremental/tickets/cursor` and `/incremental/tickets`."""
    return [
        *get("/incremental/tickets/cursor", _by_cursor, export=True),
        *get("/incremental/tickets", _by_time, export=True),
    ]


def _by_cursor(request: Request) -> dict[str, Any]:
    return cursor_export(request, "tickets", _TICKETS, _to_ticket(request))


def _by_time(request: Request) -> dict[str, Any]:
    return time_export(request, "tickets", _TICKETS, _to_ticket(request))


def _to_ticket(request: Request) -> Callable[[Row], dict[str, Any]]:
    base = origin(request)
    with_metrics = "metric_sets" in request.query_params.get("include", "").split(",")

    def ticket(row: Row) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(row["body"])
        body["url"] = f"{base}/api/v2/tickets/{row['id']}.json"
        body["generated_timestamp"] = row["time"]
        body["fields"] = body.get("custom_fields", [])  # Zendesk sends the same list twice
        metric_set = orjson.loads(row["metric_set"]) if with_metrics else None
        if metric_set:
            body["metric_set"] = metric_set
        return body

    return ticket

"""Tickets: the cursor export, with metric sets on request, the older time-based export, the list, one ticket.

Exports are ordered by `generated_timestamp`, which system changes move too; `updated_at` only moves with
changes by people and may be older than `start_time`. Exports contain deleted tickets with status `deleted`;
everywhere else they are gone. Every active ticket field stands in every ticket, so a new one appears in all
of them at once without moving any.
"""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Row
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.exports import cursor_export, time_export
from c360_platform.sandbox.zendesk.lists import listed
from c360_platform.sandbox.zendesk.positions import Body, Table, body_members
from c360_platform.sandbox.zendesk.protocol import (
    PREFIX,
    TICKETS_INDEX,
    get,
    not_found,
    origin,
    path_id,
)

_COLUMNS: Final = "id, generated_at, body, metric_set"
_EXPORTED: Final = Table("zd_ticket", time="generated_at", columns=_COLUMNS)
_BY_ID: Final = Table("zd_ticket", time=None, columns=_COLUMNS)
_DELETED: Final = "json_extract(body, '$.status') is 'deleted'"
_NO_FIELDS: Final = msgspec.Raw(b"[]")
_PRESENT: Final = f"not ({_DELETED})"


def routes() -> list[Route]:
    """Both exports, the list, its count, and one ticket."""
    return [
        *get("/incremental/tickets/cursor", _by_cursor, export=True),
        *get("/incremental/tickets", _by_time, export=True),
        *get("/tickets", _list, limit=TICKETS_INDEX),
        *get("/tickets/count", _count),
        *get("/tickets/{id:int}", _one),
    ]


def present_ticket(request: Request) -> Row:
    """The ticket whose id is in the path; 404 when it does not exist or was deleted."""
    row: Row | None = request.app.state.store.row(
        f"select {_COLUMNS} from zd_ticket where id = ? and {_PRESENT}", (path_id(request),)
    )
    if row is None:
        raise not_found()
    return row


def ticket_body(request: Request) -> Callable[[Row], Body]:
    """What a row of `zd_ticket` looks like to this client; `include=metric_sets` adds its metric set."""
    base = f"{origin(request)}{PREFIX}/tickets"
    with_metrics = "metric_sets" in request.query_params.get("include", "").split(",")
    fields = [
        row["id"]
        for row in request.app.state.store.rows(
            "select id from zd_object where collection = 'ticket_fields'"
            " and coalesce(json_extract(body, '$.active'), true) order by id"
        )
    ]

    def ticket(row: Row) -> Body:
        body = body_members(row)
        body["url"] = f"{base}/{row['id']}.json"
        body["generated_timestamp"] = row["generated_at"]
        body["custom_fields"] = _with_all(fields, body.get("custom_fields", _NO_FIELDS))
        body["fields"] = body["custom_fields"]  # Zendesk sends the same list twice
        if with_metrics and row["metric_set"] != "{}":
            body["metric_set"] = msgspec.Raw(row["metric_set"].encode())
        return body

    return ticket


def _by_cursor(request: Request) -> Body:
    return cursor_export(request, "tickets", _EXPORTED, ticket_body(request), deleted=_DELETED)


def _by_time(request: Request) -> Body:
    return time_export(request, "tickets", _EXPORTED, ticket_body(request))


def _list(request: Request) -> Body:
    return listed(request, "tickets", _BY_ID, ticket_body(request), where=_PRESENT)


def _count(request: Request) -> Body:
    store = request.app.state.store
    return {"count": counted(request, store.value(f"select count(*) from zd_ticket where {_PRESENT}"))}


def counted(request: Request, value: int) -> Body:
    """The `count` of a count endpoint; Zendesk refreshes large ones once a day, the sandbox always."""
    return {"value": value, "refreshed_at": request.app.state.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")}


def _one(request: Request) -> Body:
    return {"ticket": ticket_body(request)(present_ticket(request))}


class _Value(msgspec.Struct):
    id: int


_VALUES: Final = msgspec.json.Decoder(list[_Value])


def _with_all(fields: list[int], values: msgspec.Raw) -> msgspec.Raw:
    """The values of custom fields, and null for every field that has none yet."""
    known = {value.id for value in _VALUES.decode(values)} if fields else set()
    absent = [{"id": field, "value": None} for field in fields if field not in known]
    if not absent:
        return values
    first, more = bytes(values).rstrip().removesuffix(b"]"), msgspec.json.encode(absent)[1:]
    return msgspec.Raw(first + (b"," if known else b"") + more)

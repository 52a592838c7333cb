"""Zendesk's three ways through a long answer: cursor exports, time-based exports, cursor pagination.

Belongs here: parameters, positions and the envelope of a page. Does not belong here: what a row looks like.

A cursor is a position `(time, id)` in an ordered table, never a count of rows: a row that changes gets a
later time and so appears again after every cursor handed out before.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from sqlite3 import Row
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.requests import Request

from c360_platform.sandbox.zendesk.protocol import invalid_page, invalid_value, now_s, origin

EXPORT_PAGE: Final = 1000
LIST_PAGE: Final = 100
_EXPORT_DELAY_SECONDS: Final = 60  # exports leave out the last minute
_TOO_RECENT: Final = "Too recent start_time. Use a start_time older than 5 minutes"

Body = dict[str, Any]
RowToBody = Callable[[Row], Body]


@dataclass(frozen=True, slots=True)
class Table:
    """A store table ordered by `(time, id)`; `time` is an SQL expression of whole seconds."""

    name: str
    time: str
    columns: str = "id, body"


def stored_body(row: Row) -> Body:
    """The row as it was stored."""
    body: Body = orjson.loads(row["body"])
    return body


def cursor_export(request: Request, key: str, table: Table, to_body: RowToBody) -> Body:
    """A page of a cursor-based incremental export.

    The first call gives `start_time`, later ones `cursor`. `after_cursor` is never null; a client stops at
    `end_of_stream` and keeps the cursor for its next run. `per_page` is at most 1000, also when it asks for
    more (assumed), and 1000 when absent.
    """
    query = request.query_params
    cutoff = now_s(request) - _EXPORT_DELAY_SECONDS
    if (cursor := query.get("cursor")) is not None:
        position = _decode(cursor)
    else:
        position = (_start_time(request, cutoff), -1)
    per_page = _page_size(query.get("per_page"), EXPORT_PAGE)
    rows = _after(request, table, position, cutoff, per_page + 1)
    page = rows[:per_page]
    if page:
        position = (page[-1]["time"], page[-1]["id"])
    after = _encode(position)
    kept = {name: query[name] for name in ("include", "per_page") if name in query}
    return {
        key: [to_body(row) for row in page],
        "after_url": f"{origin(request)}{request.url.path}?{urlencode({'cursor': after, **kept})}",
        "after_cursor": after,
        "before_url": None,
        "before_cursor": None,
        "end_of_stream": len(rows) <= per_page,
    }


def time_export(request: Request, key: str, table: Table, to_body: RowToBody) -> Body:
    """A page of a time-based incremental export.

    The next page starts at `end_time`, the time of the last row, so pages repeat rows of that second, and
    more than a page of rows in one second cannot be passed. An empty page has no `end_time` (assumed).
    """
    query = request.query_params
    cutoff = now_s(request) - _EXPORT_DELAY_SECONDS
    per_page = _page_size(query.get("per_page"), EXPORT_PAGE)
    rows = _after(request, table, (_start_time(request, cutoff), -1), cutoff, per_page)
    end_time = rows[-1]["time"] if rows else None
    kept = {name: query[name] for name in ("include", "per_page") if name in query}
    link = f"{origin(request)}{request.url.path}?{urlencode({'start_time': end_time, **kept})}"
    return {
        key: [to_body(row) for row in rows],
        "count": len(rows),
        "end_of_stream": len(rows) < per_page,
        "end_time": end_time,
        "next_page": link if rows else None,
    }


def cursor_page(request: Request, key: str, page: CursorPage, to_body: RowToBody) -> Body:
    """The envelope of cursor pagination (`page[size]`, `page[after]`) around rows already chosen.

    Zendesk pages by offset when `page[size]` is absent; here such a request gets the first cursor page.
    """
    after = _encode(page.position(page.rows[-1])) if page.rows else None
    before = _encode(page.position(page.rows[0])) if page.rows else None
    meta: Body = {"has_more": page.has_more}
    if page.rows:
        meta |= {"after_cursor": after, "before_cursor": before}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page[after]"]
    link = f"{origin(request)}{request.url.path}?{urlencode([*kept, ('page[after]', after)])}"
    return {
        key: [to_body(row) for row in page.rows],
        "meta": meta,
        "links": {"next": link if page.has_more else None, "prev": None},
    }


@dataclass(frozen=True, slots=True)
class CursorPage:
    """Rows of one page, whether more follow, and how a row's position is read."""

    rows: Sequence[Row]
    has_more: bool
    position: Callable[[Row], tuple[Any, Any]]


def select_page(
    request: Request, table: Table, where: str, parameters: Sequence[Any], *, maximum: int = LIST_PAGE
) -> CursorPage:
    """The rows of `table` that satisfy `where`, in order of `(time, id)`, from `page[after]` on."""
    size = list_page_size(request, maximum)
    after = request.query_params.get("page[after]")
    position = (-1, -1) if after is None else _decode(after)
    rows = request.app.state.store.rows(
        f"select {table.columns}, {table.time} as time from {table.name}"
        f" where ({table.time}, id) > (?, ?) and {where} order by {table.time}, id limit ?",
        (*position, *parameters, size + 1),
    )
    return CursorPage(rows[:size], len(rows) > size, lambda row: (row["time"], row["id"]))


def list_page_size(request: Request, maximum: int = LIST_PAGE) -> int:
    """`page[size]`, 1 to `maximum`; the maximum when absent. 400 otherwise."""
    text = request.query_params.get("page[size]")
    if text is None:
        return maximum
    if not text.isdigit() or not 1 <= int(text) <= maximum:
        raise invalid_page(f"page[size] must be between 1 and {maximum}")
    return int(text)


def decode_position(cursor: str) -> tuple[int, Any]:
    """The position that a cursor stands for; 400 when it is none of ours."""
    return _decode(cursor)


def moment(request: Request, name: str) -> int | None:
    """A time parameter as whole seconds since 1970: an integer, a float or ISO 8601; None when absent."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return int(float(text))
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise invalid_value(f"{name} is not a time: use seconds since 1970", status=400) from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def _start_time(request: Request, cutoff: int) -> int:
    start = moment(request, "start_time")
    if start is None:
        raise invalid_value("start_time or cursor is required", status=400)
    if start > cutoff:
        raise invalid_value(_TOO_RECENT)
    return start


def _after(request: Request, table: Table, position: tuple[int, Any], cutoff: int, limit: int) -> list[Row]:
    rows: list[Row] = request.app.state.store.rows(
        f"select {table.columns}, {table.time} as time from {table.name}"
        f" where ({table.time}, id) > (?, ?) and {table.time} <= ? order by {table.time}, id limit ?",
        (*position, cutoff, limit),
    )
    return rows


def _page_size(text: str | None, maximum: int) -> int:
    if text is None:
        return maximum
    if not text.isdigit() or int(text) < 1:
        raise invalid_value(f"per_page must be between 1 and {maximum}", status=400)
    return min(int(text), maximum)


def _encode(position: tuple[Any, Any]) -> str:
    return base64.b64encode(f"{position[0]}.0||{position[1]}|".encode()).decode()


def _decode(cursor: str) -> tuple[int, Any]:
    try:
        time, _, rest = base64.b64decode(cursor, validate=True).decode().partition(".0||")
        identifier = rest.removesuffix("|")
        # Some ids are numbers and some text; text of digits that is no number keeps its leading zeros.
        is_number = identifier.lstrip("-").isdigit() and str(int(identifier)) == identifier
        return int(time), int(identifier) if is_number else identifier
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise invalid_page("the cursor is not valid") from None

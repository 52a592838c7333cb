"""Zendesk's incremental exports: by cursor, and the older ones by time.

Belongs here: parameters, envelopes, and what exports do that surprises readers. Does not belong here: what a
row looks like, and lists (`lists`).

Source: "Incremental Exports" and "Using the Incremental Export API". Exports leave out the last minute.
"""

from __future__ import annotations

from sqlite3 import Row
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request

from c360_platform.sandbox.zendesk.positions import (
    Body,
    Position,
    RowToBody,
    Table,
    decode,
    encode,
    moment,
)
from c360_platform.sandbox.zendesk.protocol import (
    ZendeskError,
    gateway_timeout,
    invalid_value,
    now_s,
    origin,
)
from c360_platform.sandbox.zendesk.settings import ZendeskSettings, read_settings

EXPORT_PAGE: Final = 1000
_EXPORT_DELAY_SECONDS: Final = 60
_TOO_RECENT: Final = "Too recent start_time. Use a start_time older than 5 minutes"


def cursor_export(
    request: Request, key: str, table: Table, to_body: RowToBody, *, deleted: str | None = None
) -> Body:
    """A page of a cursor-based incremental export.

    The first call gives `start_time`, later ones `cursor`. `after_cursor` is never null; a client stops at
    `end_of_stream` and keeps the cursor for its next run. `per_page` is at most 1000, also when it asks for
    more (assumed), and 1000 when absent. `deleted` is the SQL condition of rows that `exclude_deleted=true`
    leaves out.
    """
    query, settings = request.query_params, read_settings(request.app.state.store)
    cutoff = export_cutoff(request)
    cursor = query.get("cursor")
    if cursor is None:
        position: Position = (_start_time(request, cutoff, settings), -1)
    else:
        position = _resume(cursor, settings, cutoff)
    per_page = _page_size(query.get("per_page"))
    where = f"{table.time} <= {cutoff}"
    if deleted is not None and query.get("exclude_deleted") == "true":
        where += f" and not ({deleted})"
    rows = table.after(request, position, where, (), per_page + 1)
    page, more = rows[:per_page], len(rows) > per_page
    if cursor is not None and page and settings.repeated_rows:
        repeated = table.up_to(request, position, where, min(settings.repeated_rows, per_page - 1))
        kept_rows = per_page - len(repeated)
        more = more or len(page) > kept_rows
        page = [*repeated, *page[:kept_rows]]
    _time_out(page, settings)
    if page:
        position = (page[-1]["time"], page[-1]["id"])
    after = encode(position)
    kept = _kept(request)
    return {
        key: [to_body(row) for row in page],
        "after_url": f"{origin(request)}{request.url.path}?{urlencode({'cursor': after, **kept})}",
        "after_cursor": after,
        "before_url": None,
        "before_cursor": None,
        "end_of_stream": not more,
    }


def time_export(
    request: Request, key: str, table: Table, to_body: RowToBody, *, recent: bool = False
) -> Body:
    """A page of a time-based incremental export.

    The next page starts at `end_time`, the time of the last row, so pages repeat rows of that second, and
    more than a page of rows in one second cannot be passed. An empty page has no `end_time` (assumed).
    `recent` exports answer a too recent `start_time` with an empty page (assumed: Singer's tap asks so).
    """
    settings = read_settings(request.app.state.store)
    cutoff = export_cutoff(request)
    per_page = _page_size(request.query_params.get("per_page"))
    start = _start_time(request, cutoff, settings, recent=recent)
    rows = table.after(request, (start, -1), f"{table.time} <= {cutoff}", (), per_page)
    _time_out(rows, settings)
    end_time = rows[-1]["time"] if rows else None
    link = f"{origin(request)}{request.url.path}?{urlencode({'start_time': end_time, **_kept(request)})}"
    return {
        key: [to_body(row) for row in rows],
        "count": len(rows),
        "end_of_stream": len(rows) < per_page,
        "end_time": end_time,
        "next_page": link if rows else None,
    }


def export_cutoff(request: Request) -> int:
    """The last second that exports contain."""
    return now_s(request) - _EXPORT_DELAY_SECONDS


def _start_time(request: Request, cutoff: int, settings: ZendeskSettings, *, recent: bool = False) -> int:
    start = moment(request, "start_time")
    if start is None:
        raise invalid_value("start_time or cursor is required", status=400)
    if start > cutoff and not recent:
        raise ZendeskError(422, _TOO_RECENT) if settings.too_recent_as_text else invalid_value(_TOO_RECENT)
    return start


def _resume(cursor: str, settings: ZendeskSettings, cutoff: int) -> Position:
    """The position of a cursor; 422 when it is too old to be known (assumed, as its words are)."""
    position = decode(cursor)
    if settings.cursor_age_seconds is not None and position[0] < cutoff - settings.cursor_age_seconds:
        raise invalid_value("The cursor has expired. Start again with start_time")
    return position


def _page_size(text: str | None) -> int:
    if text is None:
        return EXPORT_PAGE
    if not text.isdecimal() or int(text) < 1:
        raise invalid_value(f"per_page must be between 1 and {EXPORT_PAGE}", status=400)
    return min(int(text), EXPORT_PAGE)


def _time_out(page: list[Row], settings: ZendeskSettings) -> None:
    if settings.slow_page_rows is not None and len(page) > settings.slow_page_rows:
        raise gateway_timeout()


def _kept(request: Request) -> dict[str, Any]:
    """The parameters that links to further pages keep."""
    names = ("include", "per_page", "exclude_deleted")
    return {name: request.query_params[name] for name in names if name in request.query_params}

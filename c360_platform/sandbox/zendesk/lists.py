"""Zendesk's lists: cursor pagination where `page[size]` asks for it, offset pagination otherwise.

Belongs here: parameters, limits and envelopes of list pages. Does not belong here: what a row looks like, and
exports (`exports`).

Source: "Pagination". Offsets reach 10,000 rows and no further; rows that change meanwhile move pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request

from c360_platform.sandbox.zendesk.positions import Body, RowToBody, Table, decode, encode
from c360_platform.sandbox.zendesk.protocol import ZendeskError, invalid_page, invalid_value, origin

LIST_PAGE: Final = 100
_DEEPEST_OFFSET: Final = 10_000


@dataclass(frozen=True, slots=True)
class CursorPage:
    """Rows of one page, whether more follow, and how a row's position is read."""

    rows: Sequence[Row]
    has_more: bool
    position: Callable[[Row], tuple[Any, Any]]


def listed(
    request: Request,
    key: str,
    table: Table,
    to_body: RowToBody,
    *,
    where: str = "true",
    parameters: Sequence[Any] = (),
) -> Body:
    """A page of the rows of `table` that satisfy `where`, in order of `(time, id)`, by cursor or offset."""
    if asks_for_cursor(request):
        return cursor_page(request, key, select_page(request, table, where, parameters), to_body)
    chosen = f"{table.query(where)} order by {table.order}"
    return offset_page(request, key, chosen, parameters, to_body)


def asks_for_cursor(request: Request) -> bool:
    """Whether the client wants cursor pagination."""
    return "page[size]" in request.query_params or "page[after]" in request.query_params


def cursor_page(request: Request, key: str, page: CursorPage, to_body: RowToBody) -> Body:
    """The envelope of cursor pagination (`page[size]`, `page[after]`) around rows already chosen."""
    after = encode(page.position(page.rows[-1])) if page.rows else None
    before = encode(page.position(page.rows[0])) if page.rows else None
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


def select_page(request: Request, table: Table, where: str, parameters: Sequence[Any]) -> CursorPage:
    """The rows of `table` that satisfy `where`, in order of `(time, id)`, from `page[after]` on."""
    size = list_page_size(request)
    after = request.query_params.get("page[after]")
    position = (-1, -1) if after is None else decode(after)
    rows = table.after(request, position, where, parameters, size + 1)
    return CursorPage(rows[:size], len(rows) > size, lambda row: (row["time"], row["id"]))


def offset_page(
    request: Request, key: str, chosen: str, parameters: Sequence[Any], to_body: RowToBody
) -> Body:
    """A page by `page` and `per_page` of the rows of the ordered query `chosen`."""
    number, size = _page_number(request), _per_page(request)
    if number * size > _DEEPEST_OFFSET:
        raise _too_deep()
    store = request.app.state.store
    rows = store.rows(f"{chosen} limit ? offset ?", (*parameters, size, (number - 1) * size))
    count = store.value(f"select count(*) from ({chosen})", parameters)
    return {key: [to_body(row) for row in rows]} | offset_links(request, number, size, count)


def offset_links(request: Request, number: int, size: int, count: int) -> Body:
    """`count`, `next_page` and `previous_page` of page `number`."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]

    def link(page: int) -> str:
        return f"{origin(request)}{request.url.path}?{urlencode([*kept, ('page', page)])}"

    return {
        "count": count,
        "next_page": link(number + 1) if number * size < count else None,
        "previous_page": link(number - 1) if number > 1 else None,
    }


def list_page_size(request: Request, maximum: int = LIST_PAGE) -> int:
    """`page[size]`, 1 to `maximum`; the maximum when absent. 400 otherwise."""
    text = request.query_params.get("page[size]")
    if text is None:
        return maximum
    if not text.isdecimal() or not 1 <= int(text) <= maximum:
        raise invalid_page(f"page[size] must be between 1 and {maximum}")
    return int(text)


def _page_number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    if not text.isdecimal() or int(text) < 1:
        raise invalid_value("page must be a number from 1 on", status=400)
    return int(text)


def _per_page(request: Request) -> int:
    text = request.query_params.get("per_page")
    if text is None:
        return LIST_PAGE
    if not text.isdecimal() or int(text) < 1:
        raise invalid_value(f"per_page must be between 1 and {LIST_PAGE}", status=400)
    return min(int(text), LIST_PAGE)


def _too_deep() -> ZendeskError:
    """Source: the answer as clients report it."""
    title = (
        "Pagination requests using Offset Pagination are limited to page 100 or up to 10000 records "
        "(page * per_page)"
    )
    detail = "There are limits to the page depth in Offset Pagination. Please switch to Cursor Pagination"
    problem = {"code": "InvalidPaginationDepth", "title": title, "detail": detail}
    return ZendeskError(400, {"errors": [problem]})

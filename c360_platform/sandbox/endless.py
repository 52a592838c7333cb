"""Pages that never come to an end.

Belongs here: rewriting the envelope of a page, in the three forms that the two services have. Does not belong
here: carrying out requests (`misbehaviour`).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson

from c360_platform.sandbox.faults import CURSORS, pairs

_COUNTED: Final = b"sandbox-page"

Page = dict[str, Any]


def page_of(body: bytes) -> Page | None:
    """The page in an answer; None when there is none, as in an error."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    is_page = isinstance(found, dict) and any(name in found for name in ("links", "meta", "end_of_stream"))
    return found if is_page and not isinstance(found.get("data"), dict) else None


def repeat(page: Page, url: str) -> None:
    """Make the next page the one that `url` asked for."""
    asked = dict(pairs(urlsplit(url).query.encode()))
    cursor = next((asked[name] for name in CURSORS if name in asked), None)
    _point(page, url, cursor or _following(page)[0])
    if page.get("end_time") is not None and "start_time" in asked:
        page["end_time"] = int(float(asked["start_time"]))


def empty(page: Page, url: str, asked: str | None) -> None:
    """Take the rows away and point to a cursor that was never seen: the API's own beside a number.

    `asked` is the cursor that the client sent, as `true_cursor` does not see it. Pages that go on by time
    have no cursor; they only lose their rows.
    """
    for name, value in page.items():
        if isinstance(value, list):
            page[name] = []
    cursor, link = _following(page)
    parameter = _parameter(page)
    if parameter is None:
        page["end_of_stream"] = False
        return
    number, sent = _counted(asked)
    fresh = base64.urlsafe_b64encode(b"%b %d %b" % (_COUNTED, number + 1, (cursor or sent).encode())).decode()
    address, _, query = (link or url).partition("?")
    kept = [pair for pair in pairs(query.encode()) if pair[0] != parameter]
    _point(page, f"{address}?{urlencode([*kept, (parameter, fresh)])}", fresh)


def true_cursor(asked: str | None) -> str | None:
    """The API's own cursor in one that `empty` made up; None for none."""
    return _counted(asked)[1] or None


def _counted(asked: str | None) -> tuple[int, str]:
    try:
        mark, number, cursor = base64.urlsafe_b64decode(asked or "").split(b" ", 2)
    except (binascii.Error, ValueError):
        return 0, asked or ""
    return (int(number), cursor.decode()) if mark == _COUNTED else (0, asked or "")


def _parameter(page: Page) -> str | None:
    """The parameter by which this kind of page is continued."""
    if "after_cursor" in page:
        return "cursor"
    if "has_more" in (page.get("meta") or {}):
        return "page[after]"
    return "page[cursor]" if "links" in page else None


def _following(page: Page) -> tuple[str | None, str | None]:
    """Cursor and link of the next page."""
    link = page.get("after_url") or (page.get("links") or {}).get("next")
    cursors = [value for name, value in pairs(urlsplit(link or "").query.encode()) if name in CURSORS]
    return (cursors[0] if cursors else None), link


def _point(page: Page, link: str, cursor: str | None) -> None:
    if "links" in page:
        page["links"]["next"] = link
    if "has_more" in (page.get("meta") or {}):
        page["meta"] |= {"has_more": True, "after_cursor": cursor}
    if "after_cursor" in page:
        page |= {"after_cursor": cursor, "after_url": link}
    if "next_page" in page:
        page["next_page"] = link
    if "end_of_stream" in page:
        page["end_of_stream"] = False

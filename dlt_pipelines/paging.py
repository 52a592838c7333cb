"""Noticing that pages would never end.

Belongs here: what every paged answer has in common. Does not belong here: how a page is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dlt_pipelines.errors import SourceProtocolError
from dlt_pipelines.journal import Journal

# A long answer may have a gap, but not a long one.
MOST_PAGES_WITHOUT_PROGRESS: Final = 20


class PageGuard:
    """Follows one reading of a path, named in messages as `name`, through all packages of a load.

    Both checks raise `SourceProtocolError`. What was stored of how far the source was read stays as it is.
    """

    def __init__(self, name: str, journal: Journal, *cursors: str | None) -> None:
        self._name = name
        self._journal = journal
        self._rejections = journal.rejections
        self._seen: set[str | None] = {None, "", *cursors}
        self._last: tuple[Any, ...] = ()

    def rows(self, rows: Sequence[Any]) -> None:
        """Check that a page that is not the last one brings something new."""
        now = (len(rows), rows[0].id, rows[-1].id) if rows else ()
        is_new = (bool(rows) and now != self._last) or self._journal.rejections > self._rejections
        self._last, self._rejections = now, self._journal.rejections
        idle = 0 if is_new else self._journal.idle_pages[self._name] + 1
        self._journal.idle_pages[self._name] = idle
        if idle > MOST_PAGES_WITHOUT_PROGRESS:
            raise SourceProtocolError(
                f"{self._name} gives page after page without new rows: they would never end"
            )

    def cursor(self, cursor: str | None) -> str:
        """The cursor of the next page, which must be a new one."""
        if not cursor or cursor in self._seen:
            raise SourceProtocolError(f"{self._name} repeats its cursor: the pages would never end")
        self._seen.add(cursor)
        return cursor

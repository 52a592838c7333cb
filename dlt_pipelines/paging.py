"""Noticing that pages would never end.

Belongs here: what every paged answer has in common. Does not belong here: how a page is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dlt_pipelines.errors import SourceProtocolError

# A long answer may have a gap, but not a long one.
MOST_PAGES_WITHOUT_PROGRESS: Final = 20


class PageGuard:
    """Follows one reading of a path, named in messages as `name`.

    Both checks raise `SourceProtocolError`. What was stored of how far the source was read stays as it is.
    """

    def __init__(self, name: str, *cursors: str | None) -> None:
        self._name = name
        self._seen: set[str | None] = {None, "", *cursors}
        self._last: tuple[Any, ...] = ()
        self._idle = 0

    def rows(self, rows: Sequence[Any]) -> None:
        """Check that a page that is not the last one brings something new."""
        now = (len(rows), rows[0].id, rows[-1].id) if rows else ()
        self._idle = self._idle + 1 if now == self._last or not rows else 0
        self._last = now
        if self._idle > MOST_PAGES_WITHOUT_PROGRESS:
            raise SourceProtocolError(
                f"{self._name} gives page after page without new rows: they would never end"
            )

    def cursor(self, cursor: str | None) -> str:
        """The cursor of the next page, which must be a new one."""
        if not cursor or cursor in self._seen:
            raise SourceProtocolError(f"{self._name} repeats its cursor: the pages would never end")
        self._seen.add(cursor)
        return cursor

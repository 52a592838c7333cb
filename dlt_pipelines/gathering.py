"""Small pages put together before dlt gets them, because each thing that it is given has a price.

Belongs here: that. Does not belong here: what pages hold.

dlt works out a table's schema anew for every Arrow table that it is given, some milliseconds each time: more
than decoding a page costs. What a source remembers is stored when it reads a page; that the page comes to
dlt a little later changes nothing, because dlt commits what is remembered with all that came before the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import pyarrow as pa

# A few thousand rows make that price small; more would only fill the memory.
_ROWS: Final = 10_000
_BYTES: Final = 32 * 2**20


def gathered(pages: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in the same order in fewer tables, at least one if there was one."""
    for tables in gathered_together({"": page} for page in pages):
        yield tables[""]


def gathered_together(pages: Iterable[Mapping[str, pa.Table]]) -> Iterator[dict[str, pa.Table]]:
    """The same for pages that each have rows of several tables, always the same ones."""
    waiting: list[Mapping[str, pa.Table]] = []
    rows = size = 0
    for page in pages:
        waiting.append(page)
        rows += max(table.num_rows for table in page.values())
        size += sum(table.nbytes for table in page.values())
        if rows >= _ROWS or size >= _BYTES:
            yield _joined(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield _joined(waiting)


def _joined(pages: list[Mapping[str, pa.Table]]) -> dict[str, pa.Table]:
    return {name: pa.concat_tables(page[name] for page in pages) for name in pages[0]}

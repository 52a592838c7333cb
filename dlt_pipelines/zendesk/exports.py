"""What a load remembers of Zendesk's exports, and reading on from there.

Belongs here: cursors and times in dlt's state, page budgets. Does not belong here: requests, tables.

A position is stored before its page is handed on; dlt commits both together or neither.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import dlt

from dlt_pipelines.errors import SourceRejected
from dlt_pipelines.journal import Journal
from dlt_pipelines.transport import Decoder
from dlt_pipelines.zendesk import settings
from dlt_pipelines.zendesk.client import E, T, ZendeskClient
from dlt_pipelines.zendesk.tables import Ticket, User

logger = logging.getLogger(__name__)


def by_cursor(
    client: ZendeskClient,
    resource: str,
    decoder: Decoder[E],
    journal: Journal,
    *,
    first_moment: int,
    budget: int,
) -> Iterator[E]:
    """Pages of a cursor export from where the last load stopped, `budget` at most; at least one, if empty."""
    state = dlt.current.resource_state()
    state["caught_up"] = True
    pages = _pages_by_cursor(client, resource, decoder, state, first_moment)
    rejections = journal.rejections
    for page in islice(pages, budget):
        # An empty page within the stream is read again: a service that hands out cursors for nothing must not
        # take the one along that leads to the next rows.
        if page.rows or page.end_of_stream or journal.rejections > rejections:
            state["cursor"] = page.after_cursor
        rejections = journal.rejections
        state["caught_up"] = page.end_of_stream
        if page.rows:
            state["newest"] = _changed_at(page.rows[-1])
        position = _end(client) if page.end_of_stream else _moment(state.get("newest"))
        journal.page(resource, len(page.rows), position=position, now=client.now())
        yield page


def by_time(
    pages: Callable[[int], Iterator[T]],
    table: str,
    client: ZendeskClient,
    journal: Journal,
    *,
    first_moment: int,
    budget: int,
) -> Iterator[T]:
    """Pages of a time-based export from the second where the last load stopped, `budget` at most.

    They repeat that second, and the first seconds of each page repeat the last of the one before.
    """
    state = dlt.current.resource_state()
    state["caught_up"] = True
    start: int = state.get("end_time", first_moment)
    for page in islice(pages(start), budget):
        if page.end_time is not None:
            state["end_time"] = page.end_time
        state["caught_up"] = page.end_of_stream or page.end_time is None
        position = _end(client) if state["caught_up"] else _moment(state.get("end_time"))
        journal.page(table, len(page.rows), position=position, now=client.now())
        yield page


def _pages_by_cursor(
    client: ZendeskClient, resource: str, decoder: Decoder[E], state: dict[str, Any], first_moment: int
) -> Iterator[E]:
    """Pages after the stored cursor; when Zendesk no longer knows it, from an hour before its last row."""
    cursor: str | None = state.get("cursor")
    if cursor is not None:
        try:
            yield from client.cursor_export(resource, decoder, cursor=cursor)
        except SourceRejected:
            if state["cursor"] != cursor:  # pages came already: it is not the stored cursor that is refused
                raise
            logger.warning("Zendesk no longer knows the cursor of %s: reading again by time", resource)
            first_moment = state.get("newest", first_moment) - settings.LOST_CURSOR_LOOKBACK_SECONDS
        else:
            return
    yield from client.cursor_export(resource, decoder, start_time=first_moment)


def _changed_at(row: Ticket | User) -> int:
    """Seconds since 1970 of the change for which an export lists a row."""
    if isinstance(row, Ticket):
        return row.generated_timestamp or 0
    return int(row.updated_at.timestamp()) if row.updated_at else 0


def _end(client: ZendeskClient) -> datetime:
    """Up to when a stream was read that was read to its end."""
    return client.now() - settings.EXPORT_DELAY


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None

"""Reading Zendesk: its three ways through a long answer, as iterators of decoded pages.

Belongs here: paths, parameters, when an answer ends. Does not belong here: tables, and remembering how far
a load got; the resources in the package's `__init__` do that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from dlt_pipelines.errors import SourceProtocolError, SourceRejected, SourceUnavailable
from dlt_pipelines.journal import Journal
from dlt_pipelines.pacing import Pacer, scaled, shared_pacer
from dlt_pipelines.paging import PageGuard
from dlt_pipelines.transport import Decoder, Service, Transport
from dlt_pipelines.zendesk import settings
from dlt_pipelines.zendesk.answers import Meta, TicketFieldPage

logger = logging.getLogger(__name__)

_SERVICE: Final = Service(
    name="Zendesk",
    unauthorized=(
        "check the agent's e-mail and the API token (Admin Center > Apps and integrations > Zendesk API); "
        "token access must be on"
    ),
    forbidden="exports and ratings need an administrator's API token",
)
_GATEWAY_TIMEOUT: Final = frozenset({504})


class ExportPage(Protocol):
    """A page of a cursor export."""

    @property
    def rows(self) -> Sequence[Any]: ...

    after_cursor: str | None
    end_of_stream: bool


class TimePage(Protocol):
    """A page of a time-based export."""

    @property
    def rows(self) -> Sequence[Any]: ...

    end_time: int | None
    end_of_stream: bool


class ListPage(Protocol):
    """A page of cursor pagination."""

    @property
    def rows(self) -> Sequence[Any]: ...

    meta: Meta


E = TypeVar("E", bound=ExportPage)
T = TypeVar("T", bound=TimePage)
L = TypeVar("L", bound=ListPage)


class ZendeskClient:
    """A session with one Zendesk account.

    Its exports share `exports_per_minute` calls, in this process with every other client of the account.
    """

    def __init__(
        self,
        base_url: str,
        email: str,
        api_token: str,
        journal: Journal,
        *,
        exports_per_minute: int = settings.EXPORTS_PER_MINUTE,
    ) -> None:
        self._journal = journal
        self._transport = Transport(_SERVICE, base_url, journal, auth=(f"{email}/token", api_token))
        account = ("zendesk", self._transport.host)
        self._exports = shared_pacer((*account, "exports"), ((exports_per_minute, 60),))
        share = exports_per_minute / settings.EXPORTS_PER_MINUTE
        self._calls = shared_pacer(
            (*account, "calls"), scaled(((settings.CALLS_PER_MINUTE, 60),), max(1, share))
        )

    def now(self) -> datetime:
        """Zendesk's time; ours before its first answer."""
        return self._transport.now() or datetime.now(UTC)

    def cursor_export(
        self,
        resource: str,
        decoder: Decoder[E],
        *,
        cursor: str | None = None,
        start_time: int = 0,
    ) -> Iterator[E]:
        """Pages of `/incremental/{resource}/cursor.json` after `cursor`, or from `start_time` on.

        The last page says `end_of_stream`; its cursor is where the next load goes on. Tickets bring their
        metric sets. A page that Zendesk's gateway cannot deliver in time is asked for again in halves.
        """
        path = f"/api/v2/incremental/{resource}/cursor.json"
        per_page = settings.EXPORT_PAGE
        guard = PageGuard(f"Zendesk GET {path}", self._journal, cursor)
        while True:
            params: dict[str, Any] = {"per_page": per_page}
            if resource == "tickets":
                params["include"] = "metric_sets"
            if cursor:
                params["cursor"] = cursor
            else:
                params["start_time"] = start_time
            may_shrink = per_page > settings.SMALLEST_EXPORT_PAGE
            try:
                page = self._transport.get(
                    path,
                    params,
                    decoder,
                    pacer=self._exports,
                    raise_at_once=_GATEWAY_TIMEOUT if may_shrink else frozenset(),
                )
            except SourceUnavailable as error:
                if error.status not in _GATEWAY_TIMEOUT or not may_shrink:
                    raise
                per_page = max(settings.SMALLEST_EXPORT_PAGE, per_page // 2)
                continue
            except SourceRejected as error:
                if error.status == 422 and not cursor:
                    return  # start_time within the last minute: nothing is there yet
                raise
            if not page.end_of_stream:
                guard.rows(page.rows)
            yield page
            if page.end_of_stream:
                return
            cursor = guard.cursor(page.after_cursor)

    def time_export(self, resource: str, decoder: Decoder[T], start_time: int, **params: str) -> Iterator[T]:
        """Pages of `/incremental/{resource}.json` from `start_time` on; each begins with the last second of
        the one before.

        Raises `SecondTooFull` when a page holds nothing but one second: its rows cannot be passed this way.
        """
        path = f"/api/v2/incremental/{resource}.json"
        while True:
            asked = {"start_time": start_time, "per_page": settings.EXPORT_PAGE, **params}
            try:
                page = self._transport.get(path, asked, decoder, pacer=self._exports)
            except SourceRejected as error:
                if error.status == 422:
                    return  # start_time within the last minute: nothing is there yet
                raise
            if not page.end_of_stream and page.end_time is not None and page.end_time <= start_time:
                raise SecondTooFull(
                    f"Zendesk GET {path}: more than a page of rows in second {start_time}, the export cannot "
                    "pass it"
                )
            yield page
            if page.end_of_stream or page.end_time is None:
                return
            start_time = page.end_time

    def metric_events(self, decoder: Decoder[L], start_time: int) -> Iterator[L]:
        """Ticket metric events from `start_time` on by cursor, a tenth as many a page as the export has."""
        params = {"start_time": start_time, "page[size]": settings.LIST_PAGE}
        yield from self._list("/api/v2/incremental/ticket_metric_events.json", params, decoder, self._exports)

    def ticket_fields(self, decoder: Decoder[TicketFieldPage]) -> Iterator[TicketFieldPage]:
        """All ticket fields, the account's own included."""
        yield from self._list("/api/v2/ticket_fields.json", {"page[size]": settings.LIST_PAGE}, decoder)

    def satisfaction_ratings(self, decoder: Decoder[L], start_time: int) -> Iterator[L]:
        """Ratings offered since `start_time` (seconds since 1970)."""
        params = {"start_time": start_time, "page[size]": settings.LIST_PAGE}
        yield from self._list("/api/v2/satisfaction_ratings.json", params, decoder)

    def survey_responses(self, decoder: Decoder[L], start_time: int) -> Iterator[L]:
        """Survey responses created since `start_time` (seconds since 1970); none when the plan has none."""
        params = {"filter[created_at_start]": start_time * 1000, "page[size]": settings.SURVEY_PAGE}
        try:
            yield from self._list("/api/v2/guide/survey_responses", params, decoder)
        except SourceRejected as error:
            if error.status != 404:
                raise
            logger.warning("Zendesk has no CSAT survey responses on this plan: the table stays empty")

    def _list(
        self, path: str, params: dict[str, Any], decoder: Decoder[L], pacer: Pacer | None = None
    ) -> Iterator[L]:
        guard = PageGuard(f"Zendesk GET {path}", self._journal)
        while True:
            page = self._transport.get(path, params, decoder, pacer=pacer or self._calls)
            if page.meta.has_more:
                guard.rows(page.rows)
            yield page
            if not page.meta.has_more:
                return
            params = {**params, "page[after]": guard.cursor(page.meta.after_cursor)}


class SecondTooFull(SourceProtocolError):  # noqa: N818
    """More rows in one second than a page of a time-based export holds."""

"""Reading Zendesk: its three ways through a long answer, as iterators of decoded pages.

Belongs here: paths, parameters, when an answer ends. Does not belong here: tables, and remembering how far
a load got; the resources in the package's `__init__` do that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from dlt_pipelines.errors import SourceProtocolError, SourceRejected, SourceUnavailable
from dlt_pipelines.transport import Pacer, Service, Transport
from dlt_pipelines.zendesk import settings
from dlt_pipelines.zendesk.decoding import Meta, OrganizationPage

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


class ListPage(Protocol):
    """A page of cursor pagination."""

    meta: Meta


E = TypeVar("E", bound=ExportPage)
L = TypeVar("L", bound=ListPage)


class ZendeskClient:
    """A session with one Zendesk account; all exports of a client share its ten calls a minute."""

    def __init__(self, base_url: str, email: str, api_token: str) -> None:
        self._transport = Transport(_SERVICE, base_url, auth=(f"{email}/token", api_token))
        self._exports = Pacer(settings.EXPORTS_PER_MINUTE, 60, self._transport.sleep)

    def cursor_export(
        self,
        resource: str,
        decoder: msgspec.json.Decoder[E],
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
        seen = {cursor}
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
            yield page
            if page.end_of_stream:
                return
            cursor = _next(page.after_cursor, seen, path)

    def organizations(
        self, decoder: msgspec.json.Decoder[OrganizationPage], start_time: int
    ) -> Iterator[OrganizationPage]:
        """Pages of the time-based export from `start_time` on.

        A page begins with the last second of the one before.
        """
        path = "/api/v2/incremental/organizations.json"
        while True:
            params = {"start_time": start_time, "per_page": settings.EXPORT_PAGE}
            try:
                page = self._transport.get(path, params, decoder, pacer=self._exports)
            except SourceRejected as error:
                if error.status == 422:
                    return  # start_time within the last minute: nothing is there yet
                raise
            yield page
            if page.end_of_stream or page.end_time is None:
                return
            if page.end_time <= start_time:
                raise SourceProtocolError(
                    f"Zendesk GET {path}: more than a page of organizations changed in second {start_time}, "
                    "the export cannot pass it"
                )
            start_time = page.end_time

    def satisfaction_ratings(self, decoder: msgspec.json.Decoder[L], start_time: int) -> Iterator[L]:
        """Ratings offered since `start_time` (seconds since 1970)."""
        params = {"start_time": start_time, "page[size]": settings.LIST_PAGE}
        yield from self._list("/api/v2/satisfaction_ratings.json", params, decoder)

    def survey_responses(self, decoder: msgspec.json.Decoder[L], start_time: int) -> Iterator[L]:
        """Survey responses created since `start_time` (seconds since 1970); none when the plan has none."""
        params = {"filter[created_at_start]": start_time * 1000, "page[size]": settings.SURVEY_PAGE}
        try:
            yield from self._list("/api/v2/guide/survey_responses", params, decoder)
        except SourceRejected as error:
            if error.status != 404:
                raise
            logger.warning("Zendesk has no CSAT survey responses on this plan: the table stays empty")

    def _list(self, path: str, params: dict[str, Any], decoder: msgspec.json.Decoder[L]) -> Iterator[L]:
        seen: set[str | None] = {None}
        while True:
            page = self._transport.get(path, params, decoder)
            yield page
            if not page.meta.has_more:
                return
            params = {**params, "page[after]": _next(page.meta.after_cursor, seen, path)}


def _next(cursor: str | None, seen: set[str | None], path: str) -> str:
    """The cursor of the next page, which must be a new one."""
    if cursor is None or cursor in seen:
        raise SourceProtocolError(f"Zendesk GET {path} repeats its cursor: the pages would never end")
    seen.add(cursor)
    return cursor

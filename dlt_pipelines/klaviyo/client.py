"""Reading Klaviyo: its collections as iterators of decoded pages.

Belongs here: paths, filters, paging, limits. Does not belong here: tables, and remembering how far a load
got (`reading`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from dlt_pipelines.errors import SourceProtocolError, SourceRejected
from dlt_pipelines.journal import Journal
from dlt_pipelines.klaviyo import answers, settings
from dlt_pipelines.klaviyo.answers import Page
from dlt_pipelines.pacing import Pace, Paces, Windows, scaled, shared_pacer
from dlt_pipelines.pages import PageDecoder
from dlt_pipelines.paging import PageGuard
from dlt_pipelines.transport import Service, Transport

R = TypeVar("R", bound=msgspec.Struct)

_SERVICE: Final = Service(
    name="Klaviyo",
    unauthorized="the private API key is not accepted, check it or create one (Settings > API keys)",
    forbidden="the private API key needs profiles:read, events:read, metrics:read and lists:read",
)
_PROFILES: Final = "/api/profiles"
_EVENTS: Final = "/api/events"
_SUPPRESSED_AT: Final = (
    "subscriptions.email.marketing.suppression.timestamp",
    "subscriptions.email.marketing.list_suppressions.timestamp",
)
_PROFILE_PARAMS: Final = {
    "page[size]": settings.PROFILE_PAGE,
    "additional-fields[profile]": "subscriptions",
}
_TABLES: Final[Mapping[type[msgspec.Struct], str]] = {
    answers.ProfileResource: "profiles",
    answers.ResourceId: "profiles",
    answers.PredictedResource: "profile_predictions",
    answers.EventResource: "events",
    answers.MetricResource: "metrics",
    answers.ListResource: "lists",
    answers.MemberResource: "list_members",
}


class KlaviyoClient:
    """A session with one Klaviyo account, which uses `rate_share` of what Klaviyo's limits allow.

    `paces` counts its calls together with those of others; without it, they count within this process.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        journal: Journal,
        *,
        rate_share: float = 1.0,
        paces: Paces | None = None,
    ) -> None:
        headers = {
            "Authorization": f"Klaviyo-API-Key {api_key}",
            "revision": settings.REVISION,
            "Accept": "application/vnd.api+json",
        }
        self._journal = journal
        self._transport = Transport(_SERVICE, base_url, journal, headers=headers)
        self._rate_share = rate_share
        self._paces = paces or self._own_pace

    def now(self) -> datetime:
        """Klaviyo's time. Metrics are read for it when nothing else was: times are compared with its own."""
        if self._transport.now() is None:
            _ = self.metrics
        return self._transport.now() or datetime.now(UTC)

    def profiles_updated_after(self, moment: datetime) -> Iterator[Page[answers.ProfileResource]]:
        """Profiles with `updated` after `moment`, oldest change first.

        Not among them: profiles that only unsubscribed, were suppressed or joined a list; none of that moves
        `updated`.
        """
        params = {
            **_PROFILE_PARAMS,
            "filter": f"greater-than(updated,{iso(moment)})",
            "sort": "updated",
        }
        pages = self._pages(_PROFILES, params, answers.ProfileResource)
        return _in_order(pages, lambda profile: profile.attributes.updated, _PROFILES)

    def profiles_suppressed_since(self, moment: datetime) -> Iterator[Page[answers.ProfileResource]]:
        """Profiles with a suppression (an unsubscription is one) since `moment`, in no order.

        A profile comes twice when it has one for all lists and one for a single list.
        """
        for field in _SUPPRESSED_AT:
            params = {**_PROFILE_PARAMS, "filter": f"greater-or-equal({field},{iso(moment)})"}
            yield from self._pages(_PROFILES, params, answers.ProfileResource)

    def profiles_by_id(self, ids: Sequence[str]) -> Iterator[Page[answers.ProfileResource]]:
        """These profiles, as far as they exist; a hundred a call."""
        for start in range(0, len(ids), settings.PROFILE_PAGE):
            quoted = ",".join(f'"{each}"' for each in ids[start : start + settings.PROFILE_PAGE])
            params = {**_PROFILE_PARAMS, "filter": f"any(id,[{quoted}])"}
            yield from self._pages(_PROFILES, params, answers.ProfileResource)

    def profile_ids(self) -> Iterator[Page[answers.ResourceId]]:
        """The ids of all profiles, in their order, which stays stable while profiles change."""
        params = {"page[size]": settings.PROFILE_PAGE, "fields[profile]": "updated", "sort": "id"}
        return self._pages(_PROFILES, params, answers.ResourceId)

    def predictions(self, created_after: datetime | None) -> Iterator[Page[answers.PredictedResource]]:
        """What Klaviyo computes about profiles created after a moment (None: all), oldest profile first."""
        params = {
            "page[size]": settings.PROFILE_PAGE,
            "additional-fields[profile]": "predictive_analytics",
            "fields[profile]": "created,predictive_analytics",
            "sort": "created",
        }
        if created_after is not None:
            params["filter"] = f"greater-than(created,{iso(created_after)})"
        pages = self._pages(
            _PROFILES,
            params,
            answers.PredictedResource,
            settings.PREDICTIONS_LIMIT,
            bucket=f"{_PROFILES} with predictive_analytics",
        )
        return _in_order(pages, lambda profile: profile.attributes.created, _PROFILES)

    def events(
        self, since: datetime, until: datetime, *, with_end: bool = True
    ) -> Iterator[Page[answers.EventResource]]:
        """Events dated from `since` to `until` (itself `with_end`), oldest first."""
        before = "less-or-equal" if with_end else "less-than"
        params = {
            "page[size]": settings.EVENT_PAGE,
            "filter": f"greater-or-equal(datetime,{iso(since)}),{before}(datetime,{iso(until)})",
            "sort": "datetime",
        }
        pages = self._pages(_EVENTS, params, answers.EventResource, settings.EVENTS_LIMIT)
        return _in_order(pages, lambda event: event.attributes.datetime, _EVENTS)

    @cached_property
    def metrics(self) -> list[answers.MetricResource]:
        """All metrics, read once."""
        pages = self._pages("/api/metrics", {}, answers.MetricResource, settings.METRICS_LIMIT)
        return [metric for page in pages for metric in page.data]

    @cached_property
    def lists(self) -> list[answers.ListResource]:
        """All lists, read once."""
        pages = self._pages("/api/lists", {"page[size]": settings.LIST_PAGE}, answers.ListResource)
        return [each for page in pages for each in page.data]

    def members(self, list_id: str) -> Iterator[Page[answers.MemberResource]]:
        """Members of a list with the time they joined; none when the list is gone by now."""
        params = {"page[size]": settings.MEMBER_PAGE, "fields[profile]": "joined_group_at"}
        path, bucket = f"/api/lists/{list_id}/profiles", "/api/lists/{id}/profiles"
        try:
            yield from self._pages(path, params, answers.MemberResource, bucket=bucket)
        except SourceRejected as error:
            if error.status != 404:
                raise

    def _pages(
        self,
        path: str,
        params: dict[str, Any],
        resource: type[R],
        limit: Windows = settings.COMMON_LIMIT,
        *,
        bucket: str | None = None,
    ) -> Iterator[Page[R]]:
        decoder = PageDecoder(Page[resource], _TABLES[resource], self._journal)  # type: ignore[valid-type]
        guard = PageGuard(f"Klaviyo GET {path}", self._journal)
        pacer = self._paces(f"GET {bucket or path}", scaled(limit, self._rate_share))
        while True:
            page: Page[R] = self._transport.get(path, params, decoder, pacer=pacer)
            if page.links.next is None:
                yield page
                return
            guard.rows(page.data)
            yield page
            # Only the cursor is taken from the link: credentials go to the configured host alone.
            cursor = parse_qs(urlsplit(page.links.next).query).get("page[cursor]", [""])[0]
            params = {**params, "page[cursor]": guard.cursor(cursor)}

    def _own_pace(self, limit: str, windows: Windows) -> Pace:
        return shared_pacer(("klaviyo", self._transport.host, limit), windows)


def iso(moment: datetime) -> str:
    """A moment as a filter takes it: UTC, whole seconds, with Z (a plus sign would arrive as a space)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _in_order(
    pages: Iterator[Page[R]], clock: Callable[[R], datetime | None], path: str
) -> Iterator[Page[R]]:
    """The pages as they are; raises when they are not sorted, because then a cursor would skip rows."""
    latest: datetime | None = None
    for page in pages:
        for moment in filter(None, (clock(page.data[0]), clock(page.data[-1])) if page.data else ()):
            if latest is not None and moment < latest:
                raise SourceProtocolError(f"Klaviyo GET {path} did not answer in the order asked for")
            latest = moment
        yield page

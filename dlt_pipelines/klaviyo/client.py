"""Reading Klaviyo: its collections as iterators of decoded pages.

Belongs here: paths, filters, paging. Does not belong here: tables, and remembering how far a load got; the
resources in the package's `__init__` do that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from dlt_pipelines.errors import SourceProtocolError, SourceRejected
from dlt_pipelines.klaviyo import settings
from dlt_pipelines.klaviyo.decoding import EventResource, NamedResource, Page, ProfileResource
from dlt_pipelines.transport import Service, Transport

R = TypeVar("R")

_SERVICE: Final = Service(
    name="Klaviyo",
    unauthorized="the private API key is not accepted, check it or create one (Settings > API keys)",
    forbidden="the private API key needs profiles:read, events:read, metrics:read and lists:read",
)
_PROFILES: Final = "/api/profiles"
_EVENTS: Final = "/api/events"
_SUPPRESSED_AT: Final = "subscriptions.email.marketing.suppression.timestamp"
_PROFILE_PARAMS: Final = {
    "page[size]": settings.PROFILE_PAGE,
    "additional-fields[profile]": "subscriptions",
}


class KlaviyoClient:
    """A session with one Klaviyo account."""

    def __init__(self, base_url: str, api_key: str) -> None:
        headers = {
            "Authorization": f"Klaviyo-API-Key {api_key}",
            "revision": settings.REVISION,
            "Accept": "application/vnd.api+json",
        }
        self._transport = Transport(_SERVICE, base_url, headers=headers)

    def profiles_updated_after(self, moment: datetime) -> Iterator[Page[ProfileResource]]:
        """Profiles with `updated` after `moment`, oldest change first.

        Not among them: profiles that only unsubscribed, were suppressed or joined a list; none of that moves
        `updated`.
        """
        params = {
            **_PROFILE_PARAMS,
            "filter": f"greater-than(updated,{iso(moment)})",
            "sort": "updated",
        }
        pages = self._pages(_PROFILES, params, ProfileResource)
        return _in_order(pages, lambda profile: profile.attributes.updated, _PROFILES)

    def profiles_suppressed_since(self, moment: datetime) -> Iterator[Page[ProfileResource]]:
        """Profiles with a suppression (an unsubscription is one) since `moment`, in no order."""
        params = {**_PROFILE_PARAMS, "filter": f"greater-or-equal({_SUPPRESSED_AT},{iso(moment)})"}
        return self._pages(_PROFILES, params, ProfileResource)

    def all_profiles(self) -> Iterator[Page[ProfileResource]]:
        """Every profile, ordered by id, which stays stable while profiles change."""
        return self._pages(_PROFILES, {**_PROFILE_PARAMS, "sort": "id"}, ProfileResource)

    def events(self, since: datetime, until: datetime) -> Iterator[Page[EventResource]]:
        """Events dated from `since` to `until` (inclusive), oldest first."""
        params = {
            "page[size]": settings.EVENT_PAGE,
            "filter": f"greater-or-equal(datetime,{iso(since)}),less-or-equal(datetime,{iso(until)})",
            "sort": "datetime",
        }
        pages = self._pages(_EVENTS, params, EventResource)
        return _in_order(pages, lambda event: event.attributes.datetime, _EVENTS)

    @cached_property
    def metrics(self) -> list[NamedResource]:
        """All metrics, read once."""
        return [metric for page in self._pages("/api/metrics", {}, NamedResource) for metric in page.data]

    @cached_property
    def lists(self) -> list[NamedResource]:
        """All lists, read once."""
        pages = self._pages("/api/lists", {"page[size]": settings.LIST_PAGE}, NamedResource)
        return [each for page in pages for each in page.data]

    def members(self, list_id: str) -> Iterator[Page[ProfileResource]]:
        """Members of a list with the time they joined; none when the list is gone by now."""
        params = {"page[size]": settings.MEMBER_PAGE, "fields[profile]": "joined_group_at"}
        try:
            yield from self._pages(f"/api/lists/{list_id}/profiles", params, ProfileResource)
        except SourceRejected as error:
            if error.status != 404:
                raise

    def _pages(self, path: str, params: dict[str, Any], resource: type[R]) -> Iterator[Page[R]]:
        decoder: msgspec.json.Decoder[Page[R]] = msgspec.json.Decoder(Page[resource])  # type: ignore[valid-type]
        seen: set[str] = set()
        while True:
            page = self._transport.get(path, params, decoder)
            yield page
            if page.links.next is None:
                return
            # Only the cursor is taken from the link: credentials go to the configured host alone.
            cursor = parse_qs(urlsplit(page.links.next).query).get("page[cursor]", [""])[0]
            if not cursor or cursor in seen:
                raise SourceProtocolError(f"Klaviyo GET {path} repeats its cursor: the pages would never end")
            seen.add(cursor)
            params = {**params, "page[cursor]": cursor}


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

"""The pages that the floor and the dict peer read: the requests of the platform's sources, bare.

Belongs here: subjects, paths, parameters and where the next page is. Does not belong here: what becomes of a
page. It shares no code with `dlt_pipelines`, so that making that faster moves nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
import requests

ZENDESK_EMAIL: Final = "bench@shop.example"
ZENDESK_TOKEN: Final = "demo_bench"  # noqa: S105 - the sandbox accepts any that begins so
KLAVIYO_KEY: Final = "pk_demo_bench"

_SINCE: Final = "2000-01-01T00:00:00Z"
_PATHS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "tickets": (
        "/api/v2/incremental/tickets/cursor.json",
        {"per_page": 1000, "include": "metric_sets", "start_time": 0},
    ),
    "profiles": (
        "/api/profiles",
        {
            "page[size]": 100,
            "additional-fields[profile]": "subscriptions",
            "filter": f"greater-than(updated,{_SINCE})",
            "sort": "updated",
        },
    ),
    "events": (
        "/api/events",
        {"page[size]": 1000, "filter": f"greater-or-equal(datetime,{_SINCE})", "sort": "datetime"},
    ),
}
SUBJECTS: Final = tuple(_PATHS)


class _Links(msgspec.Struct):
    next: str | None = None


class _Position(msgspec.Struct):
    """Where the next page is, in the envelopes of Zendesk and of Klaviyo."""

    after_cursor: str | None = None
    end_of_stream: bool = True
    links: _Links | None = None


_POSITION: Final = msgspec.json.Decoder(_Position)


def pages(subject: str, base_url: str) -> Iterator[bytes]:
    """The answers, one after the other, over one connection."""
    path, first = _PATHS[subject]
    params = dict(first)
    with requests.Session() as session:
        if subject == "tickets":
            session.auth = (f"{ZENDESK_EMAIL}/token", ZENDESK_TOKEN)
        else:
            session.headers.update(
                {"Authorization": f"Klaviyo-API-Key {KLAVIYO_KEY}", "revision": "2026-10-15"}
            )
        while True:
            answer = session.get(base_url + path, params=params, timeout=60)
            answer.raise_for_status()
            yield answer.content
            following = _following(answer.content)
            if following is None:
                return
            params = {name: value for name, value in params.items() if name != "start_time"} | following


def _following(content: bytes) -> dict[str, str] | None:
    position = _POSITION.decode(content)
    if position.links is None:
        return None if position.end_of_stream else {"cursor": position.after_cursor or ""}
    if position.links.next is None:
        return None
    return {"page[cursor]": parse_qs(urlsplit(position.links.next).query)["page[cursor]"][0]}

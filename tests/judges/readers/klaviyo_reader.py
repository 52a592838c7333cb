"""Reads a Klaviyo account with Klaviyo's SDK in model mode; prints a line per record: `[stream, record]`.

Every answer passes the SDK's own models on its way, so an answer that does not fit them ends the reading.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from klaviyo_api import KlaviyoAPI


def _pages(call: Callable[..., Any], **arguments: Any) -> Iterator[Any]:
    cursor = None
    while True:
        page = call(page_cursor=cursor, **arguments)
        yield from page.data
        link = page.links.next
        if link is None:
            return
        cursor = parse_qs(urlsplit(link).query)["page[cursor]"][0]


def _streams(klaviyo: Any) -> Iterator[tuple[str, Any]]:
    additional = ["subscriptions", "predictive_analytics"]
    lists = list(_pages(klaviyo.Lists.get_lists))
    yield (
        "profiles",
        _pages(klaviyo.Profiles.get_profiles, page_size=100, additional_fields_profile=additional),
    )
    yield "events", _pages(klaviyo.Events.get_events, page_size=1000)
    yield "metrics", _pages(klaviyo.Metrics.get_metrics)
    yield "lists", lists
    for one in lists:
        members = list(_pages(lambda one=one, **rest: klaviyo.Lists.get_profiles_for_list(one.id, **rest)))
        yield "list members", [{"id": f"{one.id} {member.id}"} for member in members]
    yield "accounts", klaviyo.Accounts.get_accounts().data


def main() -> None:
    url, key = sys.argv[1:]
    klaviyo = KlaviyoAPI(key, test_host=url)
    for stream, records in _streams(klaviyo):
        for record in records:
            body = record if isinstance(record, dict) else record.to_dict()
            sys.stdout.write(json.dumps([stream, body], default=str) + "\n")


main()

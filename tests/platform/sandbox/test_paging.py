"""Readers that page while others write: whatever happens meanwhile, nobody is passed over.

Every collection is read page by page with some page size, while rows change, vanish and come between two
pages. A row that is there from the first page to the last is read; where the order follows changes, it is
read in its last version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import Http

Page = tuple[list[tuple[int, int]], bool]
BASE = 1_767_225_600  # 2026-01-01
BASIC = {"Authorization": "Basic YWdlbnRAc2hvcC5leGFtcGxlL3Rva2VuOmRlbW8="}  # agent@shop.example/token:demo


@dataclass(frozen=True)
class Row:
    """What a test knows of a row: its number, its version, and the second of its last change."""

    number: int
    version: int
    second: int


@dataclass(frozen=True)
class Collection:
    """A paged collection: its store table, how a row is written, and how pages are read.

    `pages` gives the (number, version) of each page's rows, and whether more follow. `follows_changes` says
    that a change moves a row behind every cursor that was handed out before.
    """

    name: str
    table: str
    write: Callable[[Row], tuple[list[str], tuple[Any, ...]]]
    pages: Callable[[Http, int], Iterator[Page]]
    follows_changes: bool


def klaviyo_pages(http: Http, path: str, read: Callable[[Any], tuple[int, int]]) -> Iterator[Page]:
    following: str | None = path
    while following:
        page = http.json("GET", following)
        following = page["links"]["next"] and page["links"]["next"].removeprefix(http.url)
        yield [read(one) for one in page["data"]], following is not None


def klaviyo_profiles(sort: str) -> Collection:
    def write(row: Row) -> tuple[list[str], tuple[Any, ...]]:
        at = row.second * 1_000_000 + row.number % 7  # several in one second, not all at one instant
        columns = ["id", "email", "created_at", "updated_at", "properties"]
        created = (BASE + row.number % 3) * 1_000_000
        values = (
            f"01P{row.number:06d}",
            f"p{row.number}@shop.example",
            created,
            at,
            json.dumps({"v": row.version}),
        )
        return columns, values

    def pages(http: Http, size: int) -> Iterator[Page]:
        query = {"page[size]": size, "sort": sort}
        if sort == "updated":
            query["filter"] = "greater-than(updated,2025-12-31T00:00:00Z)"
        return klaviyo_pages(
            http,
            f"/api/profiles?{urlencode(query)}",
            lambda one: (int(one["id"][3:]), one["attributes"]["properties"]["v"]),
        )

    return Collection(f"profiles by {sort}", "kl_profile", write, pages, follows_changes=sort == "updated")


def klaviyo_events() -> Collection:
    def write(row: Row) -> tuple[list[str], tuple[Any, ...]]:
        columns = [
            "id",
            "uuid",
            "profile_id",
            "metric_id",
            "unique_id",
            "occurred_at",
            "received_at",
            "properties",
        ]
        values = (f"E{row.number:010d}", "u", "P", "M", f"E{row.number}", row.second, row.second * 1_000_000)
        return columns, (*values, json.dumps({"v": row.version}))

    def pages(http: Http, size: int) -> Iterator[Page]:
        return klaviyo_pages(
            http,
            f"/api/events?{urlencode({'page[size]': size, 'sort': 'datetime'})}",
            lambda one: (int(one["id"][1:]), one["attributes"]["event_properties"]["v"]),
        )

    return Collection("events by datetime", "kl_event", write, pages, follows_changes=True)


def zendesk_body(row: Row, **more: Any) -> str:
    at = datetime.fromtimestamp(row.second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(
        {"id": row.number, "updated_at": at, "created_at": at, "name": str(row.version), **more}
    )


def by_cursor(path: str, key: str) -> Callable[[Http, int], Iterator[Page]]:
    def pages(http: Http, size: int) -> Iterator[Page]:
        position: dict[str, Any] = {"start_time": BASE - 1}
        while True:
            page = http.json("GET", f"/api/v2/incremental/{path}?{urlencode({**position, 'per_page': size})}")
            yield [(one["id"], int(one["name"])) for one in page[key]], not page["end_of_stream"]
            if page["end_of_stream"]:
                return
            assert page["after_cursor"]
            position = {"cursor": page["after_cursor"]}

    return pages


def by_time(path: str, key: str) -> Callable[[Http, int], Iterator[Page]]:
    def pages(http: Http, size: int) -> Iterator[Page]:
        start = BASE - 1
        while True:
            page = http.json("GET", f"/api/v2/incremental/{path}?start_time={start}&per_page={size}")
            yield [(one["id"], int(one["name"])) for one in page[key]], not page["end_of_stream"]
            if page["end_of_stream"]:
                return
            size += 5 * (page["end_time"] == start)  # a second with more rows than a page
            start = page["end_time"]

    return pages


def by_list(path: str, key: str) -> Callable[[Http, int], Iterator[Page]]:
    def pages(http: Http, size: int) -> Iterator[Page]:
        query = f"page[size]={size}"
        after = ""
        while True:
            page = http.json("GET", f"/api/v2/{path}&{query}{after}")
            yield [(one["id"], int(one["name"])) for one in page[key]], page["meta"]["has_more"]
            if not page["meta"]["has_more"]:
                return
            after = f"&page[after]={quote(page['meta']['after_cursor'])}"

    return pages


def timed(row: Row) -> tuple[list[str], tuple[Any, ...]]:
    return ["id", "updated_at", "body"], (row.number, row.second, zendesk_body(row))


def ticket(row: Row) -> tuple[list[str], tuple[Any, ...]]:
    columns = ["id", "generated_at", "updated_at", "body"]
    return columns, (row.number, row.second, BASE, zendesk_body(row))


def metric_event(row: Row) -> tuple[list[str], tuple[Any, ...]]:
    return ["id", "ticket_id", "occurred_at", "body"], (
        row.number,
        1,
        row.second * 1_000_000,
        zendesk_body(row),
    )


def rating(row: Row) -> tuple[list[str], tuple[Any, ...]]:
    at = (BASE + row.number % 3) * 1_000_000  # when it was offered, which never changes
    body = zendesk_body(row, score="good")
    return ["id", "created_at", "updated_at", "body"], (row.number, at, row.second * 1_000_000, body)


METRIC_EVENTS = f"incremental/ticket_metric_events?start_time={BASE - 1}"
COLLECTIONS = [
    *(klaviyo_profiles(sort) for sort in ("updated", "created", "id", "email")),
    klaviyo_events(),
    Collection("tickets by cursor", "zd_ticket", ticket, by_cursor("tickets/cursor", "tickets"), True),
    Collection("tickets by time", "zd_ticket", ticket, by_time("tickets", "tickets"), True),
    Collection("users by cursor", "zd_user", timed, by_cursor("users/cursor", "users"), True),
    Collection("organizations", "zd_organization", timed, by_time("organizations", "organizations"), True),
    Collection(
        "metric events",
        "zd_ticket_metric_event",
        metric_event,
        by_list(METRIC_EVENTS, "ticket_metric_events"),
        True,
    ),
    Collection(
        "ratings",
        "zd_satisfaction_rating",
        rating,
        by_list("satisfaction_ratings?", "satisfaction_ratings"),
        False,
    ),
]
CHANGES = st.lists(st.tuples(st.sampled_from(["change", "delete", "insert"]), st.integers(0, 30)), max_size=4)


@pytest.mark.parametrize("collection", COLLECTIONS, ids=[collection.name for collection in COLLECTIONS])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.lists(st.integers(0, 4), max_size=25),
    size=st.integers(1, 8),
    changes=st.lists(CHANGES, max_size=12),
)
def test_who_pages_while_others_write_passes_nobody_over(
    sandbox: Sandbox, collection: Collection, seconds: list[int], size: int, changes: list[Any]
) -> None:
    store = sandbox.store
    store.execute(f"delete from {collection.table}")
    rows = {number: Row(number, 0, BASE + second) for number, second in enumerate(seconds, start=1)}
    there_from_the_first = set(rows)
    clock = BASE + 10

    def write(row: Row) -> None:
        columns, values = collection.write(row)
        store.insert(collection.table, columns, [values], replace=True)
        rows[row.number] = row

    for row in list(rows.values()):
        write(row)
    http = Http(sandbox.url)
    http.headers = http.headers if collection.table.startswith("kl_") else BASIC
    read: dict[int, int] = {}
    pending = list(changes)
    for page, more in collection.pages(http, size):
        read.update(page)
        for kind, number in pending.pop(0) if pending and more else []:
            clock += number % 2  # several changes in one second, too
            if kind == "delete" and number in rows:
                identifier = collection.write(rows.pop(number))[1][0]
                store.execute(f"delete from {collection.table} where id = ?", (identifier,))
                there_from_the_first.discard(number)
            elif kind == "change" and number in rows:
                write(Row(number, rows[number].version + 1, clock))
            elif kind == "insert" and number and number not in rows:
                write(Row(number, 0, clock))

    if collection.follows_changes:
        assert {number: read.get(number) for number in rows} == {n: row.version for n, row in rows.items()}
    else:
        assert there_from_the_first <= set(read)

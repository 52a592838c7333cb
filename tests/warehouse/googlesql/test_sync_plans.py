"""BigQuery's SQL plans what DuckDB's plans: the same rows, with payloads and hashes equal byte for byte.

A shop that moves from one engine to the other sends nothing anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_platform.activation.delivery import Overrides
from c360_platform.activation.payloads import LANE_OF
from tests.platform.sync.shop import EVENTS
from tests.warehouse.googlesql.hard_values import COLUMNS, EVERY_KIND, HARD_TEXT, profiles
from tests.warehouse.googlesql.two_warehouses import Shop, both_plans, both_renderings, confirmed, same_plan

NOW = datetime(2026, 6, 30, 6, tzinfo=UTC)
SHOP = Shop(EVERY_KIND, COLUMNS, profiles(), NOW)
# What JSON has for values of HARD_TEXT: nine control characters do not travel, two separators are escaped.
WRITTEN = {
    "\x00\x01\x0b\x0e\x0f\x10\x19\x1a\x1f\x7f\x85\ufeff": "\x01\x10\x19\x7f\x85\ufeff",
    "\x1f\x1f\\\x1f\\\\\x1f": "\\\\\\",
    '"\x1b': '"',
}


def _sent(plan: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Key to attributes of what travels."""
    return {
        row["key"]: orjson.loads(row["payload"].removesuffix(","))["attributes"]
        for row in plan
        if row["operation"] in LANE_OF
    }


@pytest.fixture(scope="module")
def first() -> list[dict[str, Any]]:
    """The plan of SHOP over an empty ledger."""
    return same_plan(both_plans(SHOP))


def test_profiles_with_values_of_every_kind_are_the_same_bytes(first: list[dict[str, Any]]) -> None:
    plan, sent = first, _sent(first)
    assert len(sent) == len(HARD_TEXT) + 1
    assert {row["problem"] for row in plan if row["operation"] == "reject"} == {
        "a marketplace's relay address must not leave the warehouse",
        "the e-mail address is malformed",
        "the e-mail address is empty",
        "the e-mail address stands in more than one row",
        "the e-mail address stands in another row too, written differently (case or spaces)",
        "the row is larger than 100 KB",
        "column whole is beyond 2^53 and would be rounded: make the column text",
        "column ratio is not a finite number",
        "column money is beyond 2^53 and would be rounded: make the column text",
        "column exact is beyond 2^53 and would be rounded: make the column text",
        "column sizes has an element that is beyond 2^53 and would be rounded: make the column text",
        "column prices has an element that is beyond 2^53 and would be rounded: make the column text",
    }
    values = [value for profile in sent.values() for value in profile["properties"].values()]
    assert {type(value) for value in values} == {str, int, float, bool, list, dict}
    assert all("\u2028" not in row["payload"] for row in plan if row["operation"] in LANE_OF)
    words = {profile["properties"].get(EVERY_KIND.properties["words"]) for profile in sent.values()}
    travelling = {WRITTEN.get(text, text) for text in HARD_TEXT}
    assert words == travelling | {None}
    shares = {profile["properties"].get("The share") for profile in sent.values()}
    assert shares >= {0.5, -0.25, 0, 1e-9}


def test_changed_cleared_and_refused_profiles_are_planned_alike(first: list[dict[str, Any]]) -> None:
    refused = next(row for row in first if row["key"] == "p0@shop.example")
    rejection = {
        "sync": EVERY_KIND.name,
        "stage": "klaviyo",
        "key": refused["key"],
        "digest": refused["digest"],
        "rejected_at": NOW,
    }
    kept = [row for row in confirmed(SHOP, first) if row["key"] != refused["key"]]
    changed = [
        {**row, "first_name": None, "money": Decimal("7.70")} if n % 3 and n < len(HARD_TEXT) else row
        for n, row in enumerate(SHOP.rows)
    ]

    same_again = same_plan(both_plans(replace(SHOP, ledger={"state": confirmed(SHOP, first)})))
    later = replace(SHOP, rows=changed, ledger={"state": kept, "rejections": [rejection]})
    plan = same_plan(both_plans(later))
    retried = same_plan(both_plans(replace(later, overrides=Overrides(retry_rejected=True))))

    assert {row["operation"] for row in same_again} == {"reject"}
    assert {row["operation"] for row in plan} == {"update", "clear", "refused", "reject"}
    assert "|first_name|" in {row["cleared"] for row in plan}
    assert {row["operation"] for row in retried} == {"update", "clear", "create", "reject"}


def test_open_batches_are_written_anew_as_they_were_without_rows_that_changed(
    first: list[dict[str, Any]],
) -> None:
    placed = [{**row, "position": n} for n, row in enumerate(first, start=1)]
    first = [row for row in placed if LANE_OF.get(row["operation"]) == "import"]
    changed, gone, rejected = (row["key"] for row in first[:3])
    rows = [
        {**row, "words": "another"} if row["email"] == changed else row
        for row in SHOP.rows
        if row["email"] != gone
    ]
    positions = [row["position"] for row in first]
    batch = {
        "batch_id": "b-1",
        "sync": EVERY_KIND.name,
        "lane": "import",
        "status": "planned",
        "first_position": min(positions),
        "last_position": max(positions),
        "row_count": len(first),
        "target": "",
    }
    rejection = {"sync": EVERY_KIND.name, "stage": "klaviyo", "key": rejected, "batch_id": "b-1"}
    ledger = {"batches": [batch], "rejections": [rejection]}

    renderings = both_renderings(replace(SHOP, rows=rows, ledger=ledger, plan=first))
    plan = same_plan(both_plans(replace(SHOP, rows=rows, ledger=ledger, plan=first)))

    assert renderings["duckdb"] == renderings["bigquery"]
    assert renderings["duckdb"] == {
        row["position"]: row["payload"] for row in first if row["key"] not in (changed, gone, rejected)
    }
    assert {row["operation"] for row in plan} == {"reject"}


def test_events_are_the_same_bytes_in_the_same_order() -> None:
    columns = {
        "event_id": "varchar",
        "email": "varchar",
        "event_name": "varchar",
        "event_timestamp": "timestamptz",
        "carrier": "varchar",
        "amount": "decimal(18,2)",
        "currency": "varchar",
    }
    spec = replace(EVENTS, properties={"carrier": "Carrier"}, value="amount", value_currency="currency")
    start = datetime(2026, 2, 27, 22, 30, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {
            "event_id": f"e{n}",
            "email": f" P{n % 4}@shop.example",
            "event_name": "Package Shipped",
            "event_timestamp": start + timedelta(hours=7 * n, microseconds=n),
            "carrier": text,
            "amount": Decimal(n) / 10,
            "currency": "EUR" if n % 2 else None,
        }
        for n, text in enumerate(HARD_TEXT)
    ]
    known = rows[:3]
    strange = [
        {**rows[3], "event_id": "late", "event_timestamp": NOW + timedelta(days=400)},
        {**rows[3], "event_id": "early", "event_timestamp": datetime(1980, 1, 1, tzinfo=UTC)},
        {**rows[3], "event_id": "timeless", "event_timestamp": None},
        {**rows[3], "event_id": "nameless", "event_name": " \n"},
        {**rows[3], "event_id": "long", "event_name": "ü" * 128},
        {**rows[4], "event_id": "e4"},
    ]

    shop = Shop(spec, columns, known, NOW)
    first = same_plan(both_plans(shop))
    plans = both_plans(replace(shop, rows=rows + strange, ledger={"state": confirmed(shop, first)}))
    plan = same_plan(plans)

    assert _order_of_events(plans["duckdb"]) == _order_of_events(plans["bigquery"])
    assert len(first) == len(known)
    assert not {row["event_id"] for row in known} & {row["key"] for row in plan}
    assert {row["problem"] for row in plan if row["problem"]} == {
        "the time of the event is over a year ahead",
        "the time of the event is before 1990",
        "the time of the event is empty",
        "the metric name is empty",
        "the metric name is longer than 127 characters",
        "the event id stands in more than one row",
    }


def _order_of_events(plan: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rejected ones have no time, and the engines order nulls differently."""
    return [
        row["key"] for row in sorted(plan, key=lambda row: row["position"]) if row["operation"] == "event"
    ]


TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\\"/<\x1f\u2028u01F'), max_size=12)
ANY_ROW = st.fixed_dictionaries(
    {
        "first_name": st.none() | TEXT,
        "words": st.none() | TEXT,
        "money": st.none() | st.decimals(-(10**15), 10**15, places=2),
        "exact": st.none() | st.decimals(-(10**20), 10**20, places=9),
        "ratio": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "seen_at": st.none() | st.datetimes(timezones=st.just(UTC)),
        "tags": st.lists(TEXT, max_size=3),
    }
)


@settings(max_examples=5, deadline=None)
@given(rows=st.lists(ANY_ROW, min_size=8, max_size=16))
def test_any_profile_is_the_same_bytes(rows: list[dict[str, Any]]) -> None:
    numbered = [{"email": f"p{n}@shop.example", **row} for n, row in enumerate(rows)]

    same_plan(both_plans(replace(SHOP, rows=numbered)))

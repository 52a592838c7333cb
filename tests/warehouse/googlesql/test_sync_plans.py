"""BigQuery's SQL plans what DuckDB's plans: the same rows, with payloads and hashes equal byte for byte.

A shop that moves from one engine to the other sends nothing anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_platform.activation.spec import SyncSpec
from tests.platform.sync.shop import EVENTS, PROFILES, SEGMENT
from tests.warehouse.googlesql.equality import difference
from tests.warehouse.googlesql.two_warehouses import both_plans

NOW = datetime(2026, 6, 30, 6, tzinfo=UTC)
COLUMNS = {
    "email": "varchar",
    "first_name": "varchar",
    "phone": "varchar",
    "zip": "bigint",
    "city": "varchar",
    "words": "varchar",
    "whole": "bigint",
    "money": "decimal(18,2)",
    "exact": "decimal(38,9)",
    "ratio": "double",
    "flag": "boolean",
    "seen_at": "timestamptz",
    "opened_at": "timestamp",
    "born_on": "date",
    "tags": "varchar[]",
    "sizes": "bigint[]",
    "answers": "boolean[]",
    "days": "date[]",
    "prices": "decimal(18,2)[]",
}
EVERY_KIND = replace(
    PROFILES,
    fields={
        "first_name": "first_name",
        "phone": "phone_number",
        "city": "location.city",
        "zip": "location.zip",
    },
    properties={
        name: f"The {name}" for name in COLUMNS if name not in ("email", "first_name", "phone", "city", "zip")
    }
    | {"words": 'Words "ü" 😀 \\ /'},
)
HARD_TEXT = (
    *(
        "quote \" apostrophe ' backslash \\ \\\\ slash /",
        "<b>&amp;</b>",
        "Jürgen Größe 😀",
        "\u2028line\u2029",
        "",
    ),
    *(
        "tab\tnewline\nreturn\r\x08\x0c",
        "\x00\x01\x0b\x0e\x0f\x10\x19\x1a\x1f\x7f\x85\ufeff",
        "\\u001F \\\\u001F",
    ),
    *("\x1f\x1f\\\x1f\\\\\x1f", '"\x1b', " \t surrounded \u3000\u2028\n", "null", "{}", "\\1 $1 %s {0}"),
)
HARD = {
    "first_name": HARD_TEXT,
    "phone": (None, "", "+4917012345678", " +4917012345678\n", "0170 1234"),
    "zip": (None, 1067, -1),
    "city": HARD_TEXT,
    "words": HARD_TEXT,
    "whole": (0, -1, 2**53 - 1, -(2**53) + 1, 2**53, 7),
    "money": tuple(map(Decimal, ("0.10", "100.00", "-0.01", "0.00", "-100", "1234567890123456.78"))),
    "exact": tuple(map(Decimal, ("0.000000001", "1E+3", "-0.5", "12.340000000", "99999999999.999999999"))),
    "ratio": (
        0.0,
        -0.0,
        0.1 + 0.2,
        1e-7,
        1e15,
        1e16,
        1e20,
        1 / 3,
        100.0,
        5e-324,
        9.9e307,
        1.7e308,
        -2.5,
        1e5,
    ),
    "flag": (True, False),
    "seen_at": (
        datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC),
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
    ),
    "opened_at": (datetime.fromisoformat("2026-03-29T02:30:00.000001"), datetime.fromisoformat("0999-01-01")),
    "born_on": (date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)),
    "tags": (["b", "a"], [], ["ü", ""], list(HARD_TEXT)),
    "sizes": ([2**53, -1, 0], [], [7]),
    "answers": ([True, False], []),
    "days": ([date(2024, 2, 29), date(999, 1, 1)], []),
    "prices": ([Decimal("0.10"), Decimal("100.00"), Decimal("-1.5")], []),
}


def _profiles() -> list[dict[str, Any]]:
    """Every hard value beside others, a row of nulls, and rows that are refused."""
    longest = max(map(len, HARD.values()))
    rows = [
        {"email": f"p{n}@shop.example", **{name: values[n % len(values)] for name, values in HARD.items()}}
        for n in range(longest)
    ]
    refused = (
        None,
        " ",
        "no address",
        " Twice@shop.example\t",
        "twice@SHOP.example",
        "a@marketplace.amazon.de",
    )
    return [
        *rows,
        {"email": "nulls@shop.example"},
        *({"email": email, "words": "x"} for email in refused),
        {"email": "large@shop.example", "words": "ü" * 60_000},
    ]


def _same(plans: Mapping[Any, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The plan, after both are the same but for the order of rows, which each engine may choose."""
    duckdb, bigquery = (
        [{**row, "position": None} for row in plans[engine]] for engine in ("duckdb", "bigquery")
    )
    told = difference(duckdb, bigquery, ["key", "operation"])
    assert not told, told
    assert sorted(row["position"] for row in plans["bigquery"]) == list(range(1, len(duckdb) + 1))
    return duckdb


def _state(spec: SyncSpec, plan: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ledger's state after everything that travels of a plan was confirmed."""
    names = ("key", "payload_hash", "filled", "is_ours")
    return [
        {"sync": spec.name, "target": "", "run_id": "a", "confirmed_at": NOW, **{n: row[n] for n in names}}
        for row in plan
        if row["lane"]
    ]


def test_profiles_with_values_of_every_kind_are_the_same_bytes() -> None:
    plan = _same(both_plans(EVERY_KIND, COLUMNS, _profiles(), now=NOW))

    sent = [orjson.loads(row["payload"])["attributes"] for row in plan if row["operation"] == "create"]
    assert len(sent) > len(HARD_TEXT) - 3
    assert {row["problem"] for row in plan if row["operation"] == "reject"} >= {
        "the e-mail address is empty",
        "the e-mail address stands in more than one row",
        "the row is larger than 100 KB",
        "column whole is beyond 2^53 and would be rounded: make the column text",
        "column ratio is not a finite number",
    }
    assert {type(value) for profile in sent for value in profile["properties"].values()} == {
        *(str, int, float, bool, list)
    }


def test_changed_cleared_and_refused_profiles_are_planned_alike() -> None:
    rows = _profiles()
    first = _same(both_plans(EVERY_KIND, COLUMNS, rows, now=NOW))
    state = _state(EVERY_KIND, first)
    refused = next(row for row in first if row["operation"] == "create")
    rejection = {
        "sync": EVERY_KIND.name,
        "stage": "klaviyo",
        "key": refused["key"],
        "payload_hash": refused["payload_hash"],
        "rejected_at": NOW,
    }
    kept = [row for row in state if row["key"] != refused["key"]]
    changed = [
        row | {"first_name": None, "money": Decimal("7.70")} if n % 3 else row for n, row in enumerate(rows)
    ]

    same_again = _same(both_plans(EVERY_KIND, COLUMNS, rows, now=NOW, state=state))
    plan = _same(both_plans(EVERY_KIND, COLUMNS, changed, now=NOW, state=kept, rejections=[rejection]))

    assert {row["operation"] for row in same_again} == {"reject"}
    assert {row["operation"] for row in plan} >= {"update", "refused", "reject"}
    assert {row["lane"] for row in plan if row["operation"] == "update"} == {"import", "single"}
    assert "|first_name|" in {row["cleared"] for row in plan}


def test_lists_gain_and_lose_the_same_members() -> None:
    members = [
        "a@shop.example",
        " B@shop.example ",
        "ü@shop.example",
        None,
        "twice@shop.example",
        "twice@shop.example",
    ]
    columns, rows = {"email": "varchar"}, [{"email": email} for email in members]
    state = _state(SEGMENT, _same(both_plans(SEGMENT, columns, rows, now=NOW)))
    theirs = {**state[0], "key": "theirs@shop.example", "is_ours": False}

    plan = _same(
        both_plans(
            SEGMENT, columns, [*rows[1:], {"email": "new@shop.example"}], now=NOW, state=[*state, theirs]
        )
    )

    assert {(row["operation"], row["key"]) for row in plan if row["operation"] != "reject"} == {
        ("remove", "a@shop.example"),
        ("release", "theirs@shop.example"),
        ("add", "new@shop.example"),
    }


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

    first = _same(both_plans(spec, columns, known, now=NOW))
    plans = both_plans(spec, columns, rows + strange, now=NOW, state=_state(spec, first))
    plan = _same(plans)

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
    return [row["key"] for row in sorted(plan, key=lambda row: row["position"]) if row["lane"] == "event"]


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

    _same(both_plans(EVERY_KIND, COLUMNS, numbered, now=NOW))

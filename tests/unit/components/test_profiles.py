"""What a customer looks like: totals, strategies, the day, and what is an error."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import pytest

from c360_platform.components.contract import PROFILE
from c360_platform.components.errors import ComponentError
from c360_platform.components.plan import Source
from c360_platform.components.storage import data_frame
from c360_platform.components.workspace import workspace
from tests.unit.components.people import AS_OF, Row, arrow, profiles

CRM, MARKETING = Source("crm", "crm"), Source("marketing", "marketing")
PAYMENTS, VISITS = Source("stripe", "stripe"), Source("ga4", "ga4")
ANNA = "anna@example.com"


def payment(amount: int | str = 1000, email: str | None = ANNA, at: str = "2026-06-01", **more: Any) -> Row:
    return {"email": email, "amount": amount, "occurred_at": at, **more}


def test_every_column_says_what_the_contract_says() -> None:
    (row,), report = profiles(
        {
            CRM: [
                {
                    "email": ANNA,
                    "user_id": "u1",
                    "first_name": "Anna",
                    "last_name": "Alt",
                    "acquisition_source": "google",
                    "acquisition_medium": "cpc",
                    "created_at": "2026-01-01",
                }
            ],
            PAYMENTS: [
                payment(4990, id="p1"),
                payment(4990, id="p1"),
                payment(2501, id="p2", amount_refunded=500, at="2026-06-20"),
                payment(9900, id="p3", status="failed"),
                payment(7700, id="p4", at="2026-07-01"),
            ],
            VISITS: [
                {"user_id": "u1", "event_name": name, "session_id": session, "occurred_at": at}
                for name, session, at in [
                    ("page_view", 1, "2026-06-25T23:59:59Z"),
                    ("scroll", 1, "2026-06-25"),
                    ("page_view", 2, "2026-05-01"),
                ]
            ],
        },
        secondary_join_keys=("user_id",),
    )

    assert list(row) == [column.name for column in PROFILE]
    assert {name: value for name, value in row.items() if name != "customer_id"} == {
        "email": ANNA,
        "first_name": "Anna",
        "last_name": "Alt",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "total_revenue": Decimal("69.91"),
        "total_orders": 2,
        "avg_order_value": Decimal("34.96"),
        "total_sessions": 2,
        "total_page_views": 2,
        "acquisition_source": "google",
        "acquisition_medium": "cpc",
        "acquisition_campaign": None,
        "last_interaction_date": date(2026, 6, 25),
        "customer_lifetime_days": 180,
        "is_active": True,
    }
    stripe = report.sources[1]
    assert (stripe.rows, stripe.repeated_payments, stripe.late_rows, stripe.unpaid_rows) == (5, 1, 1, 1)


def test_the_three_strategies_differ_as_documented_and_none_changes_a_sum() -> None:
    contacts = [
        {"email": "a@x.test", "user_id": "1", "first_name": "Rich", "updated_at": "2026-01-01"},
        {"email": "b@x.test", "user_id": "1", "first_name": "Listed", "updated_at": "2026-02-01"},
    ]
    profile = [{"email": "c@x.test", "user_id": "1", "first_name": "Newest", "updated_at": "2026-03-01"}]
    bought = [payment(5000, "a@x.test", "2025-01-01"), payment(100, "a@x.test", "2025-01-02")]

    found = {}
    for strategy in ("most_recent", "merge", "highest_value"):
        (row,), _ = profiles(
            {CRM: contacts, MARKETING: profile, PAYMENTS: bought},
            secondary_join_keys=("user_id",),
            strategy=strategy,
        )
        found[strategy] = (row["email"], row["first_name"], row["total_revenue"])

    assert found == {
        "most_recent": ("c@x.test", "Newest", Decimal("51.00")),
        "merge": ("b@x.test", "Listed", Decimal("51.00")),
        "highest_value": ("a@x.test", "Rich", Decimal("51.00")),
    }


def test_a_value_of_its_own_goes_before_what_was_paid() -> None:
    contacts = [
        {"email": ANNA, "first_name": "Big", "value": 900, "updated_at": "2026-01-01"},
        {"email": ANNA, "first_name": "Small", "value": None, "updated_at": "2026-02-01"},
    ]
    (row,), _ = profiles({CRM: contacts, PAYMENTS: [payment(5000)]}, strategy="highest_value")

    assert row["first_name"] == "Big"


def test_names_are_not_put_together_from_two_records() -> None:
    contacts = [
        {"email": ANNA, "first_name": "Anna", "last_name": "Alt", "updated_at": "2026-01-01"},
        {"email": ANNA, "first_name": "A.", "last_name": None, "updated_at": "2026-02-01"},
    ]
    (row,), _ = profiles({CRM: contacts})

    assert (row["first_name"], row["last_name"]) == ("A.", None)


def test_acquisition_is_the_first_touch_and_one_whole_record() -> None:
    visits: list[Row] = [
        {"email": ANNA, "source": "google", "campaign": "brand", "occurred_at": "2026-02-01"},
        {"email": ANNA, "source": "klaviyo", "medium": "email", "occurred_at": "2026-03-01"},
        {"email": ANNA, "source": None, "medium": "none", "occurred_at": "2026-01-01"},
    ]
    (row,), _ = profiles({VISITS: [{**visit, "event_name": "x", "session_id": 1} for visit in visits]})

    assert [row[f"acquisition_{name}"] for name in ("source", "medium", "campaign")] == [
        "google",
        None,
        "brand",
    ]


@pytest.mark.parametrize(("at", "is_active"), [("2026-04-01", True), ("2026-03-31", False)])
def test_active_is_counted_in_days_up_to_the_day_itself(at: str, is_active: bool) -> None:
    (row,), _ = profiles({PAYMENTS: [payment(at=at)]}, active_customer_days=90)

    assert row["is_active"] is is_active


def test_a_past_day_can_be_built_again() -> None:
    sources: dict[Source, object] = {
        CRM: [{"email": ANNA, "created_at": "2026-06-30T23:59:59.999999Z"}, {"email": "b@x.test"}],
        PAYMENTS: [payment(at="2026-07-01T00:00:00Z"), payment(at="2026-06-30T22:00:00-02:00")],
    }
    today, _ = profiles(sources, as_of=date(2026, 7, 1))
    before, report = profiles(sources, as_of=AS_OF)

    assert sum(row["total_orders"] for row in today) == 2
    assert sum(row["total_orders"] for row in before) == 0
    assert report.sources[1].late_rows == 2


def test_what_no_source_tells_is_null_and_not_zero() -> None:
    (row,), _ = profiles({CRM: [{"email": ANNA}]})

    told = {name for name, value in row.items() if value is not None}
    assert told == {"customer_id", "email", "is_active"}


@pytest.mark.parametrize("form", ["pandas", "arrow", "batch", "reader", "relation"])
def test_any_form_of_input_gives_the_same(form: str) -> None:
    table = arrow([{"email": ANNA, "user_id": 7, "amount": 1050, "created": 1780000000}] * 3)
    relation_of = duckdb.connect()
    value = {
        "pandas": table.to_pandas,
        "arrow": lambda: table,
        "batch": lambda: table.to_batches()[0],
        "reader": table.to_reader,
        "relation": lambda: relation_of.from_arrow(table),
    }[form]()

    (row,), _ = profiles({PAYMENTS: value})

    assert (row["email"], row["total_revenue"], row["created_at"].year) == (ANNA, Decimal("31.50"), 2026)


def test_visits_can_be_read_from_ga4s_own_rows_or_be_counted_already() -> None:
    event = {
        "email": ANNA,
        "event_name": "page_view",
        "event_timestamp": 1780000000000000,
        "user_pseudo_id": "d1",
        "event_params": [
            {"key": "x", "value": {"string_value": "y", "int_value": None}},
            {"key": "ga_session_id", "value": {"string_value": None, "int_value": 7}},
        ],
        "traffic_source": '{"source": "google"}',
    }
    nested = Source(
        "ga4",
        "ga4",
        {"session_id": "event_params[ga_session_id]", "acquisition_source": "traffic_source.source"},
    )
    (row,), _ = profiles({nested: [event, event, {**event, "user_pseudo_id": "d2"}]})
    counted = [{"email": ANNA, "sessions": 2, "page_views": 3.0, "occurred_at": "2026-06-01"}] * 2
    (other,), _ = profiles({VISITS: counted})

    assert (row["total_sessions"], row["total_page_views"], row["acquisition_source"]) == (2, 3, "google")
    assert (other["total_sessions"], other["total_page_views"]) == (4, 6)


@pytest.mark.parametrize(
    ("sources", "choices", "words"),
    [
        ({CRM: []}, {}, "source crm is missing: materialize it"),
        ({CRM: arrow([{"email": ANNA}]).slice(1)}, {}, "source crm has no rows"),
        ({PAYMENTS: [{"email": ANNA}]}, {}, "source stripe: column amount for amount is not there"),
        ({CRM: [{"mail": ANNA}]}, {}, "crm: none of the join keys email is there; its columns are mail"),
        ({CRM: [{"email": ANNA}]}, {"secondary_join_keys": ("phone",)}, "join key phone is in none"),
        ({VISITS: [{"email": ANNA, "occurred_at": 1}]}, {}, "none of event_name and page_views is there"),
        ({CRM: [{"email": None}, {"email": "?"}]}, {}, "came out (crm 2 rows, 0 with a key)"),
        ({CRM: 7}, {}, "its value is a builtins.int: give a pandas DataFrame"),
        ({PAYMENTS: [payment("10"), payment("x")]}, {}, "1 of 2 amounts are no numbers"),
        (
            {PAYMENTS: [payment(currency="eur"), payment(currency="usd")]},
            {},
            "its payments are in 2 currencies, which cannot be summed: set `currency`",
        ),
        (
            {Source("crm", "crm", {"first_name": "vorname"}): [{"email": ANNA}]},
            {},
            "column vorname for first_name is not there",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_an_error_that_says_where_and_what_to_do(
    sources: dict[Source, object], choices: dict[str, Any], words: str
) -> None:
    with pytest.raises(ComponentError) as raised:
        profiles(sources, **choices)

    assert words in str(raised.value)
    assert ANNA not in str(raised.value)


def test_what_may_be_missing_is_said_in_the_report() -> None:
    gone = Source("ga4", "ga4", optional=True)
    lean = Source("crm", "crm", {"first_name": "vorname"}, optional_columns=frozenset({"first_name"}))
    (row,), report = profiles({gone: [], lean: [{"email": ANNA}]})
    _, empty = profiles({gone: []}, allow_empty=True)

    assert row["total_sessions"] is None
    assert [source.missing for source in report.sources] == [True, False]
    assert "first_name" in report.sources[1].absent_columns
    assert empty.is_empty


def test_one_currency_counts_where_there_are_several() -> None:
    (row,), report = profiles(
        {PAYMENTS: [payment(currency="EUR"), payment(900, currency="usd")]}, currency="eur"
    )

    assert (row["total_revenue"], row["total_orders"], report.sources[0].foreign_rows) == (
        Decimal("10.00"),
        1,
        1,
    )


def test_a_data_frame_keeps_money_decimal_and_counts_whole() -> None:
    with workspace(memory_mb=128) as space:
        frame = data_frame(
            space.batches("select 1::bigint as n, 1.10::decimal(18, 2) as money union all select null, null")
        )

    assert frame["n"].dtype == pd.Int64Dtype()
    assert frame["money"].sum() == Decimal("1.10")

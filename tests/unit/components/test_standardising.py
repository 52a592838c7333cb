"""Rows in a standard form: types, duplicates, and what is rejected with its reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_platform.components.errors import ComponentError
from c360_platform.components.standardising import StandardReport, standardise
from c360_platform.components.standards import CRM_CONTACTS, EVENTS, PRODUCTS, Standard
from c360_platform.components.workspace import workspace
from tests.unit.components.people import Row, arrow


def standard_form(
    form: Standard, rows: list[Row], **choices: Any
) -> tuple[list[Row], list[Row], StandardReport]:
    """Accepted rows, rejected rows, and the report."""
    with workspace(memory_mb=128) as space:
        report = standardise(space, form, arrow(rows), **choices)
        accepted, rejected = (
            space.batches(f"select * from {table} order by all").read_all().to_pylist()
            for table in ("standard", "rejected")
        )
    return accepted, rejected, report


def test_a_contact_is_its_newest_row_and_nothing_is_dropped() -> None:
    rows: list[Row] = [
        {"Id": 7, "E-Mail": " A@X.test ", "country": "de", "updated_at": "2026-01-01", "archived": "no"},
        {"Id": 7, "E-Mail": "b@x.test", "country": "AT", "updated_at": "2026-02-01", "archived": "yes"},
        {"Id": None, "E-Mail": "c@x.test", "updated_at": "2026-02-01"},
        {"Id": 8, "E-Mail": "d@x.test", "updated_at": "soon"},
    ]
    accepted, rejected, report = standard_form(CRM_CONTACTS, rows)

    assert [{name: value for name, value in row.items() if value is not None} for row in accepted] == [
        {
            "contact_id": "7",
            "email": "b@x.test",
            "country_code": "AT",
            "updated_at": datetime(2026, 2, 1, tzinfo=UTC),
            "is_archived": True,
        }
    ]
    assert [(row["reason"], row["column_name"]) for row in rejected] == [
        ("duplicate", None),
        ("missing", "contact_id"),
        ("unreadable", "updated_at"),
    ]
    assert json.loads(rejected[1]["record"])["E-Mail"] == "c@x.test"
    assert (report.rows, report.accepted, report.duplicates, report.rejected_rows) == (4, 1, 1, 2)


def test_events_of_ga4_and_of_marketing_come_out_alike() -> None:
    visit = {
        "event_name": "purchase",
        "event_timestamp": 1780000000000000,
        "user_pseudo_id": "d1",
        "event_params": '[{"key":"ga_session_id","value":{"int_value":5}}]',
        "ecommerce": '{"purchase_revenue":12.5}',
    }
    click = {
        "uuid": "k1",
        "metric_name": "Clicked Email",
        "datetime": "2026-06-01T10:00:00+02:00",
        "email": "A@x.test",
    }

    (bought,), _, _ = standard_form(EVENTS, [visit, visit])
    clicked, _, _ = standard_form(EVENTS, [click, {**click, "email": "b@x.test"}], dedupe_key=["event_id"])

    assert (bought["session_id"], bought["device_id"], bought["value"]) == ("5", "d1", Decimal("12.5000"))
    assert [(row["event_name"], row["occurred_at"].hour, row["email"]) for row in clicked] == [
        ("Clicked Email", 8, "a@x.test")
    ]


def test_a_mapped_or_required_column_must_be_there() -> None:
    with pytest.raises(ComponentError, match="column name for name is not there; its columns are id: map it"):
        standard_form(PRODUCTS, [{"id": "1"}])
    with pytest.raises(ComponentError, match="column preis for price is not there"):
        standard_form(PRODUCTS, [{"id": "1", "title": "Tea"}], columns={"price": "preis"})


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "id": st.sampled_from([None, "1", "2", " 2 "]),
                "title": st.sampled_from([None, "Tea", "  "]),
                "price": st.sampled_from([None, "1.50", "cheap", "-3"]),
                "active": st.sampled_from([None, "yes", "0", "perhaps"]),
            }
        ),
        min_size=1,
        max_size=12,
    )
)
def test_every_row_comes_out_once(rows: list[Row]) -> None:
    accepted, rejected, report = standard_form(PRODUCTS, rows)
    again, _, _ = standard_form(PRODUCTS, rows[::-1])

    assert len(accepted) + len(rejected) == len(rows) == report.rows
    assert len({row["product_id"] for row in accepted}) == len(accepted)
    assert accepted == again

"""Profiles: from a mart over the real wire into Klaviyo, and nothing more than needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from c360_platform.activation.errors import SyncHeld
from tests.platform.sync.shop import PROFILES, Shop, person


def test_a_first_run_makes_klaviyo_equal_to_the_mart(shop: Shop) -> None:
    shop.profiles(
        [
            person(
                1,
                first_name='Änne "Ann" 🌻',
                phone="+4917012345678",
                city="Köln",
                last_order_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                birth_date=date(1980, 5, 6),
                categories=["sleep", "energy"],
                note="line one\nline two\\ 'quoted' {json}",
            ),
            person(
                2, phone="0170 1234"
            ),  # no number that Klaviyo would keep: the rest of the row goes through
        ]
    )

    report = shop.run(PROFILES)

    assert (report.planned, report.sent, report.confirmed) == (2, 2, 2)
    assert (report.rejected, report.unchanged, report.pending) == (0, 0, 0)
    assert report.by_operation == {"create": 2}
    found = shop.klaviyo_profiles()
    first = found["person1@shop.example"]
    assert (first["first_name"], first["phone_number"]) == ('Änne "Ann" 🌻', "+4917012345678")
    assert first["location"]["city"] == "Köln"
    assert first["properties"] == {
        "LTV": 1.5,
        "Total Orders": 1,
        "Is VIP": False,
        "Last Order At": "2026-01-02T03:04:05+00:00",
        "Birth Date": "1980-05-06",
        "Preferred Categories": ["sleep", "energy"],
        "Note": "line one\nline two\\ 'quoted' {json}",
    }
    assert found["person2@shop.example"]["phone_number"] is None
    assert found["person2@shop.example"]["properties"] == {"LTV": 2.5, "Total Orders": 2, "Is VIP": True}


def test_a_second_run_makes_no_call_and_one_changed_row_sends_one_row(shop: Shop) -> None:
    people = [person(number) for number in range(1, 41)]
    shop.profiles(people)
    shop.run(PROFILES)
    shop.calls()

    again = shop.run(PROFILES)
    assert shop.calls() == {}
    assert (again.planned, again.unchanged, again.requests) == (0, 40, 0)

    people[6]["lifetime_revenue"] = "99.99"
    people[7]["ratio"] = 0.5  # not mapped
    shop.profiles(people)
    assert shop.calls() == {}
    changed = shop.run(PROFILES)

    assert (changed.sent, changed.unchanged, changed.by_operation) == (1, 39, {"update": 1})
    assert shop.imported_rows() == [40, 1]
    assert shop.klaviyo_profiles()["person7@shop.example"]["properties"]["LTV"] == 99.99


def test_case_34_values_that_became_null_are_cleared(shop: Shop) -> None:
    shop.profiles(
        [
            person(1, city="Köln", phone="+4917012345678", note="x"),
            person(2, city="Ulm", note="y", categories=["a"]),
            person(3),
        ]
    )
    shop.run(PROFILES)
    shop.profiles(
        [
            person(1, first_name=None, phone=None, note="x"),
            person(2, city="Ulm", note=None, categories=[]),
            person(3),
        ]
    )

    report = shop.run(PROFILES)

    assert report.by_operation == {"update": 1, "clear": 1}
    found = shop.klaviyo_profiles()
    first = found["person1@shop.example"]
    assert (first["first_name"], first["phone_number"], first["location"]["city"]) == (None, None, None)
    assert first["properties"]["Note"] == "x"
    assert not {"Note", "Preferred Categories"} & set(found["person2@shop.example"]["properties"])
    assert found["person2@shop.example"]["location"]["city"] == "Ulm"


def test_rows_that_cannot_be_sent_are_kept_with_a_reason_and_the_others_go_through(shop: Shop) -> None:
    profiles = replace(PROFILES, properties={**PROFILES.properties, "ratio": "Ratio"})
    bad: list[dict[str, Any]] = [
        {"email": None},
        {"email": "no address"},
        {"email": "alias1@marketplace.amazon.de"},
        person(2, email="Twice@shop.example"),
        person(3, email="twice@shop.example "),
        person(4, ratio=float("nan")),
        person(5, note="ü" * 60_000),
    ]
    shop.profiles([*bad, person(1)])

    report = shop.run(profiles)

    assert (report.confirmed, report.rejected) == (1, 7)
    assert set(shop.klaviyo_profiles()) == {"person1@shop.example"}
    reasons = shop.rejections()
    assert reasons == {
        "": "the e-mail address is empty",
        "no address": "the e-mail address is malformed",
        "alias1@marketplace.amazon.de": "a marketplace's relay address must not leave the warehouse",
        "twice@shop.example": "the e-mail address stands in another row too, written differently "
        "(case or spaces)",
        "person4@shop.example": "column ratio is not a finite number",
        "person5@shop.example": "the row is larger than 100 KB",
    }
    shop.calls()

    again = shop.run(profiles)
    assert (again.planned, again.rejected, again.unchanged, shop.calls()) == (0, 7, 1, {})
    assert len(shop.ledger("select * from c360_sync.rejections")) == len(reasons)

    shop.profiles([person(1), person(4, ratio=0.25)])
    mended = shop.run(profiles)
    assert (mended.confirmed, mended.rejected, shop.rejections()) == (1, 0, {})


def test_case_12_a_row_that_klaviyo_refuses_is_isolated_and_tried_again_when_it_changes(shop: Shop) -> None:
    """Two dots in a row pass our check and not Klaviyo's, which refuses the whole body for them."""
    shop.profiles([person(number) for number in range(1, 9)] + [person(9, email="nine..nine@shop.example")])

    report = shop.run(PROFILES)

    assert (report.sent, report.confirmed, report.rejected) == (8, 8, 1)
    assert shop.rejections() == {"nine..nine@shop.example": "Invalid email address"}
    assert shop.calls()["POST /api/profile-bulk-import-jobs"] == 2

    again = shop.run(PROFILES)
    assert (again.planned, again.rejected, shop.calls()) == (0, 1, {})

    shop.profiles(
        [person(number) for number in range(1, 9)] + [person(9, email="nine..nine@shop.example", note="x")]
    )
    tried = shop.run(PROFILES)
    assert (tried.planned, tried.confirmed, tried.rejected) == (1, 0, 1)


def test_a_suddenly_empty_model_is_held_before_any_call(shop: Shop) -> None:
    shop.profiles([person(1)])
    shop.run(PROFILES)
    shop.profiles([])
    shop.calls()

    with pytest.raises(SyncHeld, match=r"marts\.klaviyo_profiles is empty but Klaviyo has 1 rows"):
        shop.run(PROFILES)

    assert shop.calls() == {}
    assert (
        shop.ledger("select status from c360_sync.runs order by started_at, run_id")[-1]["status"] == "held"
    )

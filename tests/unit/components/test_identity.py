"""Who is one customer: keys in normal form, fallback, chains, and nothing that depends on order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_platform.components.plan import Source
from tests.unit.components.people import Row, profiles

CRM, SHOP = Source("crm", "crm"), Source("marketing", "marketing")
PAYMENTS, VISITS = Source("stripe", "stripe"), Source("ga4", "ga4")
ALL_KEYS: dict[str, Any] = {"secondary_join_keys": ("user_id", "customer_id", "phone")}


def payment(**keys: Any) -> Row:
    return {"amount": 1000, "occurred_at": "2026-06-01", **keys}


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("email", " Anna.MÜLLER@Example.com\t", "anna.müller@example.com"),
        ("email", "u\u0308@example.com", "ü@example.com"),
        ("user_id", 12.0, "12"),
        ("user_id", 12, " 12 "),
        ("phone", "+49 (0)151 555-0101", "0151/5550101"),
        ("phone", "0049 151 5550101", "49 151 5550101"),
        ("customer_id", "C 7\u00a0", "C 7"),
    ],
)
def test_keys_match_in_their_normal_form(key: Any, one: object, other: object) -> None:
    rows, report = profiles(
        {CRM: [{key: one}, {key: one}], SHOP: [{key: other}]}, join_key=key, phone_country_code="49"
    )

    assert len(rows) == 1
    assert [source.match_rate for source in report.sources] == [1.0, 1.0]


def test_floods_of_nulls_and_of_placeholders_match_nobody() -> None:
    nothing = [
        None,
        "",
        "  ",
        "unknown",
        "N/A",
        "noreply@example.com",
        "xyz@marketplace.amazon.de",
        "no address",
    ]
    rows, report = profiles(
        {
            CRM: [{"email": value, "user_id": f"c{n}"} for n, value in enumerate(nothing)],
            PAYMENTS: [payment(email=value) for value in nothing * 10],
        },
        secondary_join_keys=("user_id",),
    )

    assert [row["customer_id"].partition("_")[0] for row in rows] == ["user"] * len(nothing)
    assert {row["total_orders"] for row in rows} == {0}
    assert report.sources[1].without_key == 10 * len(nothing)


def test_secondary_keys_fall_back_in_order() -> None:
    """The address is new; user id and phone lead to different contacts: the first key decides."""
    contacts = [
        {"email": "anna@example.com", "user_id": "u1", "phone": "0151 5550101"},
        {"email": "ben@example.com", "user_id": "u2", "phone": "0151 5550102"},
    ]
    bought = [payment(email="new@example.com", user_id="u1", phone="0151 5550102")]

    def buyer(*keys: str) -> str | None:
        sources = {CRM: contacts, SHOP: contacts, PAYMENTS: bought}
        rows, _ = profiles(sources, secondary_join_keys=keys, strategy="merge")
        return next(row["email"] for row in rows if row["total_orders"])

    assert buyer() == "new@example.com"
    assert buyer("user_id", "phone") == "anna@example.com"
    assert buyer("phone", "user_id") == "ben@example.com"


def test_customers_found_by_the_join_key_are_not_merged_by_a_weaker_one() -> None:
    family = [{"email": f"{name}@example.com", "phone": "0151 5550101"} for name in ("anna", "ben")]
    sources = {CRM: family, SHOP: family[:1], PAYMENTS: [payment(email="ben@example.com")]}

    rows, _ = profiles(sources, secondary_join_keys=("phone",))
    assert len(rows) == 2

    # One of the two is known to one source only: it looks further, and finds the other, unless told not to.
    rows, _ = profiles({CRM: family, SHOP: family[:1]}, secondary_join_keys=("phone",))
    assert len(rows) == 1
    rows, _ = profiles({CRM: family, SHOP: family[:1]}, secondary_join_keys=("phone",), fall_back="missing")
    assert len(rows) == 2


def test_customers_whom_a_stronger_key_has_found_do_not_try_a_weaker_one() -> None:
    family = [{"email": f"{n}@example.com", "user_id": f"u{n}", "phone": "0151 5550101"} for n in (1, 2)]
    visits = [{"user_id": f"u{n}", "event_name": "x", "session_id": 1, "occurred_at": 1} for n in (1, 2)]

    rows, _ = profiles({CRM: family, VISITS: visits}, secondary_join_keys=("user_id", "phone"))

    assert [row["total_sessions"] for row in rows] == [1, 1]


def test_an_ambiguous_key_leads_to_one_customer_and_is_counted() -> None:
    family = [{"email": f"{name}@example.com", "phone": "0151 5550101"} for name in ("ben", "anna")]
    rows, report = profiles(
        {CRM: family, SHOP: family, PAYMENTS: [payment(phone="0151 5550101")]}, secondary_join_keys=("phone",)
    )

    assert {row["email"]: row["total_orders"] for row in rows} == {
        "anna@example.com": 1,
        "ben@example.com": 0,
    }
    assert report.ambiguous == {"phone": 1}


def test_a_key_that_many_share_identifies_nobody() -> None:
    hotel = [{"email": f"guest{n}@example.com", "phone": "0151 5550101"} for n in range(4)]

    rows, report = profiles({CRM: hotel}, secondary_join_keys=("phone",), shared_key_limit=3)
    assert (len(rows), report.shared_values) == (4, {"phone": 1})
    rows, report = profiles({CRM: hotel}, secondary_join_keys=("phone",), shared_key_limit=4)
    assert (len(rows), report.shared_values) == (1, {"phone": 0})


def test_a_chain_across_sources_is_one_customer() -> None:
    rows, report = profiles(
        {
            CRM: [{"email": "anna@example.com", "user_id": "u1"}],
            SHOP: [{"user_id": "u1", "phone": "0151 5550101"}],
            PAYMENTS: [payment(phone="0151 5550101", customer_id="c1"), payment(customer_id="c1")],
        },
        **ALL_KEYS,
    )

    assert [(row["email"], row["total_orders"]) for row in rows] == [("anna@example.com", 2)]
    assert report.merged_identities == 3


def test_a_chain_of_thousands_is_one_customer() -> None:
    """Each address leads to the next through a user id, and two of those stand beside every address."""
    links = [
        {"email": f"a{n}@example.com", "user_id": f"u{n + step}"} for n in range(3000) for step in (0, 1)
    ]
    random.Random(7).shuffle(links)

    rows, _ = profiles({CRM: links}, secondary_join_keys=("user_id",))

    assert len(rows) == 1


def test_the_id_is_the_earliest_value_of_the_strongest_key() -> None:
    before = [{"email": "old@example.com", "user_id": "u1", "created_at": "2025-01-01"}]
    after = [{"email": "a-new@example.com", "user_id": "u1", "created_at": "2026-01-01"}]

    (first,), _ = profiles({CRM: before}, secondary_join_keys=("user_id",))
    (second,), _ = profiles({CRM: [*after, *before]}, secondary_join_keys=("user_id",))
    (own,), _ = profiles({CRM: [{"customer_id": " 4711 "}]}, join_key="customer_id")

    assert first["customer_id"] == second["customer_id"]
    assert first["customer_id"].startswith("email_")
    assert own["customer_id"] == "4711"


def test_an_address_that_identifies_nobody_is_still_what_the_customer_has() -> None:
    desk = [{"customer_id": str(number), "email": "desk@hotel.test"} for number in range(1, 4)]
    rows, report = profiles(
        {CRM: desk}, join_key="customer_id", secondary_join_keys=("email",), shared_key_limit=2
    )

    assert [row["email"] for row in rows] == ["desk@hotel.test"] * 3
    assert report.shared_values == {"email": 1}


KEY = st.sampled_from([None, "1", "2", "3", "4"])
RECORD = st.fixed_dictionaries(
    {
        "email": st.sampled_from([None, "a@x.test", "B@x.test", "b@x.test", "c@x.test"]),
        "user_id": KEY,
        "customer_id": KEY,
        "phone": st.sampled_from([None, "0151 5550101", "0151 5550102"]),
        "first_name": st.sampled_from([None, "Anna", "Ben"]),
        "last_name": st.sampled_from([None, "Alt", "Neu"]),
        "acquisition_source": st.sampled_from([None, "google", "fair"]),
        "created_at": st.sampled_from([None, "2026-01-01", "2026-01-02"]),
        "amount": st.sampled_from([100, 200]),
        "order_id": st.sampled_from([None, "o1", "o2"]),
        "occurred_at": st.sampled_from(["2026-02-01", "2026-02-02"]),
    }
)
RECORDS = st.lists(RECORD, min_size=1, max_size=8)


@settings(max_examples=5, deadline=None)
@given(
    crm=RECORDS,
    payments=RECORDS,
    marketing=RECORDS,
    strategy=st.sampled_from(["most_recent", "merge", "highest_value"]),
    seed=st.integers(0, 1000),
)
def test_the_order_of_rows_never_changes_the_result(
    crm: list[Row], payments: list[Row], marketing: list[Row], strategy: Any, seed: int
) -> None:
    def shuffled(rows: list[Row]) -> list[Row]:
        return random.Random(seed).sample(rows, len(rows))

    sources = {CRM: crm, PAYMENTS: payments, SHOP: marketing}
    wanted = {**ALL_KEYS, "strategy": strategy, "allow_empty": True, "shared_key_limit": 2}

    once = profiles(sources, **wanted)
    again = profiles({source: shuffled(rows) for source, rows in sources.items()}, **wanted)

    assert once == again
    ids = [row["customer_id"] for row in once[0]]
    assert len(ids) == len(set(ids))

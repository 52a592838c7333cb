"""A sample of what was confirmed is read back: Klaviyo's word is checked, and never believed for ever."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from c360_platform.activation.readback import ReadBack
from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.traffic import Fault
from tests.platform.sync.shop import EVENT_TYPES, EVENTS, PROFILES, SEGMENT, Shop, person
from tests.platform.sync.test_sync_events import shipment

NOTHING = json.dumps({"data": [], "links": {"self": "", "next": None, "prev": None}})
JSON = {"content-type": "application/vnd.api+json"}
MEMBERS = replace(SEGMENT, create="always", removal_grace_hours=0)


@pytest.fixture(autouse=True)
def _quick(shop: Shop) -> None:
    KlaviyoSettings(shop.sandbox.store).import_delay_seconds = 0
    shop.patience = replace(shop.patience, first_pause=0.01)


def behind_our_back(shop: Shop, event: str, statement: str) -> None:
    """From now on Klaviyo's store does this by itself whenever something is written."""
    shop.sandbox.store.execute(f"create trigger behind_our_back {event} begin {statement}; end")


def test_a_run_compares_a_sample_of_profiles_with_what_klaviyo_holds(shop: Shop) -> None:
    people = [
        person(
            number, phone=f"+49151123456{number:02d}", city="Köln", note='ä "quoted" €', categories=["b", "a"]
        )
        for number in range(1, 31)
    ]
    shop.profiles(people)

    assert shop.run(PROFILES).read_back == ReadBack(checked=20)
    assert shop.calls()["GET /api/profiles"] == 1

    shop.profiles([{**row, "note": None, "phone": None} for row in people])
    assert shop.run(PROFILES).read_back == ReadBack(checked=20)
    assert shop.run(PROFILES).read_back is None


def test_an_attribute_that_klaviyo_lost_behind_our_back_is_named_without_its_value(shop: Shop) -> None:
    behind_our_back(
        shop,
        "after insert on kl_profile when new.email = 'person1@shop.example'",
        "update kl_profile set properties = json_remove(properties, '$.LTV'), first_name = 'Somebody' "
        "where id = new.id",
    )
    shop.profiles([person(number) for number in range(1, 4)])

    report = shop.run(PROFILES)

    assert report.confirmed == 3
    assert report.read_back == ReadBack(checked=3, mismatched=1, fields=("LTV", "first_name"))
    assert not report.read_back.holds
    assert not any("Somebody" in line or "person1" in line for line in shop.progress)


def test_a_profile_that_klaviyo_does_not_show_is_missing_and_one_late_answer_is_not(shop: Shop) -> None:
    late = Fault(status=200, method="GET", path="/api/profiles", body=NOTHING, headers=JSON)
    shop.sandbox.traffic.add_fault(late)
    shop.profiles([person(1), person(2)])
    assert shop.run(PROFILES).read_back == ReadBack(checked=2)

    shop.sandbox.traffic.add_fault(
        Fault(status=200, method="GET", path="/api/profiles", body=NOTHING, headers=JSON, times=2)
    )
    shop.profiles([person(1, note="new"), person(2, note="new")])
    assert shop.run(PROFILES).read_back == ReadBack(checked=2, missing=2)


def test_reading_back_never_fails_a_run_that_has_confirmed(shop: Shop) -> None:
    shop.sandbox.traffic.add_fault(Fault(kind="revoked_key", method="GET", path="/api/profiles", times=9))
    shop.profiles([person(1)])

    report = shop.run(PROFILES)

    assert (report.confirmed, report.read_back) == (1, None)
    assert any("could not be read back" in line for line in shop.progress)
    assert shop.ledger("select status from c360_sync.runs") == [{"status": "succeeded"}]


def test_members_are_looked_for_and_removed_ones_must_be_gone(shop: Shop) -> None:
    everybody = [f"person{number}@shop.example" for number in range(1, 6)]
    shop.segment(everybody)
    assert shop.run(MEMBERS).read_back == ReadBack(checked=5)

    shop.segment(everybody[:3])
    assert shop.run(MEMBERS).read_back == ReadBack(checked=2)

    behind_our_back(shop, "before delete on kl_list_member", "select raise(ignore)")
    shop.segment(everybody[:2])
    assert shop.run(MEMBERS).read_back == ReadBack(checked=1, mismatched=1, fields=("list membership",))


def test_events_are_compared_with_their_time_value_and_person(shop: Shop) -> None:
    spec = replace(EVENTS, value="amount", value_currency="currency")
    types = EVENT_TYPES | {"amount": "decimal(18,2)", "currency": "varchar"}
    rows = [shipment(number, amount="12.50", currency="EUR") for number in range(1, 31)]
    shop._table("events_shipments", types, rows)

    first = shop.run(spec).read_back

    assert first is not None
    assert first.checked >= 15  # one of the two metrics
    assert first.holds
    behind_our_back(
        shop,
        "after insert on kl_event",
        "update kl_event set value = 1, properties = json_remove(properties, '$.Carrier') where id = new.id",
    )
    shop._table("events_shipments", types, [*rows, shipment(40, amount="12.50", currency="EUR")])
    assert shop.run(spec).read_back == ReadBack(checked=1, mismatched=1, fields=("$value", "Carrier"))

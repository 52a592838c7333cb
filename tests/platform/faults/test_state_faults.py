"""Ledger and Klaviyo speak of different things: another account, a lost state, events that are known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from c360_platform.activation.delivery import Overrides
from c360_platform.activation.errors import SyncHeld
from c360_platform.activation.transport.client import Klaviyo
from c360_platform.sandbox.klaviyo.settings import DEFAULT_ACCOUNT, KlaviyoSettings
from c360_platform.sandbox.traffic import Fault
from tests.platform.sync.shop import EVENTS, NOW, PROFILES, SEGMENT, Shop, impatient, person
from tests.platform.sync.test_sync_events import SEND, shipment

ACCOUNT = "GET /api/accounts"
IMPORT = "POST /api/profile-bulk-import-jobs"
MOVED = Overrides(accept_account=True)
LOST = Overrides(accept_lost_state=True)
REPEATED = json.dumps(
    {
        "errors": [
            {
                "id": "1",
                "status": 400,
                "code": "invalid",
                "title": "Invalid input.",
                "detail": "A unique_id is repeated for the same profile and metric.",
                "source": {"pointer": "/data"},
            }
        ]
    }
)


@pytest.fixture(autouse=True)
def _quick(shop: Shop) -> None:
    KlaviyoSettings(shop.sandbox.store).import_delay_seconds = 0
    shop.patience = replace(shop.patience, first_pause=0.01)


def with_key(shop: Shop, key: str, **what: Any) -> Shop:
    """The shop after its key was changed for one that the sandbox knows as `what`."""
    KlaviyoSettings(shop.sandbox.store).set_key(key, **what)
    return replace(shop, klaviyo=Klaviyo(key, shop.sandbox.url, patience_seconds=20))


def lose_ledger(shop: Shop) -> None:
    shop.warehouse.execute("drop schema c360_sync cascade")


def writes(shop: Shop) -> dict[str, int]:
    """Calls that are no reads, since the last time this was asked."""
    return {call: number for call, number in shop.calls().items() if not call.startswith("GET ")}


def repeated(times: int, **more: Any) -> Fault:
    """Klaviyo refuses a bulk request because it knows an id of it; it does not say which."""
    return Fault(
        status=400,
        method="POST",
        path="/api/event-bulk-create-jobs",
        body=REPEATED,
        headers={"content-type": "application/vnd.api+json"},
        times=times,
        **more,
    )


def test_case_19_a_key_of_another_account_holds_the_sync_until_a_person_accepts_it(shop: Shop) -> None:
    people = [person(number) for number in range(1, 6)]
    shop.profiles(people)
    shop.run(PROFILES)
    assert shop.ledger("select account from c360_sync.runs") == [{"account": DEFAULT_ACCOUNT}]
    moved = with_key(shop, "pk_demo_moved", account="MOVD42")
    shop.calls()
    assert (moved.run(PROFILES, run_id="idle").unchanged, shop.calls()) == (5, {})

    people[0]["note"] = "new"
    shop.profiles(people)
    with pytest.raises(SyncHeld, match="accept the account once") as held:
        moved.run(PROFILES, run_id="held")

    assert shop.calls() == {ACCOUNT: 1}
    assert not any(account in str(held.value) for account in (DEFAULT_ACCOUNT, "MOVD42"))
    assert shop.ledger("select status, account from c360_sync.runs where run_id = 'held'") == [
        {"status": "held", "account": None}
    ]

    report = moved.run(PROFILES, run_id="moved", overrides=MOVED)

    assert (report.confirmed, report.pending, report.unchanged) == (5, 0, 0)
    calls = shop.calls()
    assert (calls[IMPORT], ACCOUNT in calls) == (1, False)  # the account of a key never changes
    assert shop.ledger("select account, overrides from c360_sync.runs where run_id = 'moved'") == [
        {"account": "MOVD42", "overrides": "accept_account"}
    ]
    assert shop.ledger("select distinct run_id from c360_sync.state") == [{"run_id": "moved"}]
    shop.calls()
    assert (moved.run(PROFILES, run_id="again").unchanged, shop.calls()) == (5, {})
    shop.profiles([*people, person(9)])
    with pytest.raises(SyncHeld):
        shop.run(PROFILES, run_id="back")


def test_case_19_what_another_account_has_under_way_is_not_asked_for(shop: Shop) -> None:
    shop.sandbox.traffic.add_fault(Fault(kind="stuck_job"))
    shop.profiles([person(number) for number in range(1, 4)])
    assert impatient(shop).run(PROFILES, run_id="first").pending == 3
    moved = with_key(shop, "pk_demo_moved", account="MOVD42")
    shop.calls()

    with pytest.raises(SyncHeld, match="nothing was sent"):
        moved.run(PROFILES, run_id="held")
    assert shop.calls() == {ACCOUNT: 1}

    report = moved.run(PROFILES, run_id="moved", overrides=MOVED)

    assert (report.planned, report.confirmed, report.pending) == (3, 3, 0)
    assert shop.ledger("select run_id, status from c360_sync.batches order by run_id") == [
        {"run_id": "first", "status": "failed"},
        {"run_id": "moved", "status": "confirmed"},
    ]


def test_case_19_events_of_the_new_account_are_history_and_what_it_has_is_not_sent(shop: Shop) -> None:
    rows = [shipment(number) for number in range(1, 6)]
    shop.events(rows)
    shop.run(EVENTS)
    moved = with_key(shop, "pk_demo_moved", account="MOVD42")
    shop.events([*rows, shipment(6)])
    with pytest.raises(SyncHeld):
        moved.run(EVENTS, run_id="held")

    report = moved.run(EVENTS, run_id="moved", overrides=MOVED)  # the sandbox shows both accounts the same

    assert (report.sent, report.confirmed) == (1, 6)
    assert [event["backfill"] for event in shop.recorded_events()] == [1] * 6


def test_case_19_a_key_that_must_not_read_the_account_goes_on_and_the_run_says_so(shop: Shop) -> None:
    narrow = with_key(
        shop, "pk_demo_narrow", scopes=["profiles:read", "profiles:write", "lists:read", "lists:write"]
    )
    shop.profiles([person(1)])

    assert narrow.run(PROFILES).confirmed == 1
    assert any("accounts:read" in line for line in shop.progress)
    assert shop.ledger("select account from c360_sync.runs") == [{"account": None}]


def test_case_23_events_of_a_lost_ledger_are_held_and_then_only_what_is_missing_goes(shop: Shop) -> None:
    rows = [shipment(number) for number in range(1, 41)]
    shop.events(rows)
    assert shop.run(EVENTS).confirmed == 40
    lose_ledger(shop)
    fresh = [shipment(100, event_timestamp=NOW), shipment(101, event_timestamp=NOW)]
    shop.events([*rows, *fresh])
    shop.calls()

    with pytest.raises(SyncHeld, match="knows no event, but Klaviyo has some"):
        shop.run(EVENTS, run_id="held")

    calls = shop.calls()
    assert calls["GET /api/events"] <= 12
    assert SEND not in calls
    assert len(shop.recorded_events()) == 40

    report = shop.run(EVENTS, run_id="accepted", overrides=LOST)

    assert (report.planned, report.sent, report.confirmed, report.pending) == (42, 2, 42, 0)
    assert writes(shop) == {SEND: 1}
    recorded = shop.recorded_events()
    assert len(recorded) == 42
    assert all(event["backfill"] for event in recorded)
    assert shop.ledger("select count(distinct key) as n from c360_sync.state") == [{"n": 42}]

    shop.warehouse.execute("delete from c360_sync.state")
    report = shop.run(EVENTS, run_id="accepted again", overrides=LOST)

    assert (report.sent, report.confirmed, writes(shop)) == (0, 42, {})
    assert (shop.run(EVENTS).unchanged, shop.calls()) == (42, {})


def test_case_23_a_first_load_is_no_lost_ledger_though_others_write_the_same_metric(shop: Shop) -> None:
    other = {**shipment(1), "event_id": "of-another-system"}
    shop.events([other])
    shop.run(EVENTS)
    lose_ledger(shop)
    shop.events([shipment(number) for number in range(1, 6)])

    report = shop.run(EVENTS)

    assert (report.sent, report.confirmed) == (5, 5)
    assert all(event["backfill"] for event in shop.recorded_events())


def test_case_23_profiles_of_a_lost_ledger_are_sent_once(shop: Shop) -> None:
    shop.profiles([person(number) for number in range(1, 6)])
    shop.run(PROFILES)
    before = shop.klaviyo_profiles()
    lose_ledger(shop)
    shop.calls()

    assert shop.run(PROFILES).confirmed == 5

    assert writes(shop) == {IMPORT: 1}
    after = shop.klaviyo_profiles()
    assert {email: entry["properties"] for email, entry in after.items()} == {
        email: entry["properties"] for email, entry in before.items()
    }


def test_case_23_after_its_ledger_was_lost_a_list_removes_only_whom_it_adds_from_then_on(shop: Shop) -> None:
    everybody = [f"person{number}@shop.example" for number in range(1, 6)]
    always = replace(SEGMENT, create="always", removal_grace_hours=0)
    shop.segment(everybody)
    shop.run(always)
    lose_ledger(shop)
    shop.segment([*everybody, "late@shop.example"])
    shop.run(always)
    assert shop.members(shop.list_id()) == {*everybody, "late@shop.example"}

    shop.segment(everybody[:1])
    report = shop.run(always)

    assert report.by_operation == {"remove": 1}
    assert shop.members(shop.list_id()) == set(everybody)


def test_case_04_events_that_klaviyo_refuses_as_known_are_read_back_and_only_the_others_go(
    shop: Shop,
) -> None:
    # The answer to five events is lost; sent again, Klaviyo refuses them as a whole.
    shop.sandbox.traffic.add_fault(
        Fault(status=502, method="POST", path="/api/event-bulk-create-jobs", when="after")
    )
    shop.sandbox.traffic.add_fault(repeated(1))
    shop.events([shipment(number) for number in range(1, 6)])

    report = shop.run(EVENTS)

    assert (report.confirmed, report.rejected, report.pending) == (5, 0, 0)
    assert shop.calls()[SEND] == 2
    assert len(shop.recorded_events()) == 5

    # Somebody with the same ids was faster with two of seven.
    shop.events([shipment(number) for number in range(1, 8)])
    assert shop.run(replace(EVENTS, name="another"), overrides=LOST).sent == 2
    shop.sandbox.traffic.add_fault(repeated(1))
    shop.events([shipment(number) for number in range(1, 13)])
    shop.calls()

    report = shop.run(EVENTS)

    assert (report.planned, report.confirmed, report.rejected) == (7, 7, 0)
    assert (shop.calls()[SEND], len(shop.recorded_events())) == (2, 12)


def test_case_04_known_events_that_cannot_be_read_yet_stay_pending_and_none_is_rejected(shop: Shop) -> None:
    rows = [shipment(number, event_timestamp=NOW - timedelta(minutes=number)) for number in range(1, 6)]
    shop.sandbox.traffic.add_fault(repeated(1))
    shop.events(rows)

    first = impatient(shop).run(EVENTS, run_id="first")

    assert (first.confirmed, first.pending, first.rejected) == (0, 5, 0)
    assert shop.calls()[SEND] == 1  # no storm of halves

    later = shop.run(EVENTS, run_id="later", now=NOW + timedelta(hours=2))

    assert (later.confirmed, later.pending, later.rejected) == (5, 0, 0)
    assert len(shop.recorded_events()) == 5

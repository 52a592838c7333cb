"""kill -9 at the worst moments: the next run ends where an undisturbed one would have ended."""

from __future__ import annotations

import signal
from contextlib import suppress
from datetime import timedelta

import pytest

from c360_platform.activation.errors import SyncRefused
from tests.platform.sync.killed_run import ROWS_IN_A_BATCH, DieAt, OtherRun, Plot
from tests.platform.sync.shop import EVENTS, NOW, PROFILES, SEGMENT, Shop, person
from tests.platform.sync.test_sync_events import SEND, shipment

PEOPLE = [person(number) for number in range(1, 26)]


def kill(shop: Shop, spec: str, method: str, moment: str, call: int) -> None:
    """Run a sync in a process of its own that dies there."""
    chosen = {"PROFILES": PROFILES, "SEGMENT": SEGMENT, "EVENTS": EVENTS}[spec]
    run = OtherRun(Plot(shop.address, shop.sandbox.url, chosen, DieAt(method, moment, call)))
    assert run.ended() == (-signal.SIGKILL, "")


@pytest.mark.parametrize(
    ("method", "moment", "call", "sent_twice"),
    [
        ("add_batches", "after", 1, 0),  # nothing was sent yet
        ("accepted", "before", 2, ROWS_IN_A_BATCH),  # Klaviyo took the second batch, nobody wrote it down
        ("accepted", "after", 2, 0),  # the job is on record: it is polled, not sent again
        ("confirm", "before", 1, 0),  # all applied, nothing in the state
        ("confirm", "after", 1, 0),  # the state is there, the run was never closed
    ],
)
def test_case_01_a_killed_run_loses_nothing_and_sends_at_most_one_batch_twice(
    shop: Shop, method: str, moment: str, call: int, sent_twice: int
) -> None:
    shop.profiles(PEOPLE)
    kill(shop, "PROFILES", method, moment, call)

    report = shop.run(PROFILES)

    assert (report.pending, report.rejected) == (0, 0)
    assert sum(shop.imported_rows()) == len(PEOPLE) + sent_twice
    found = shop.klaviyo_profiles()
    assert {email: entry["properties"]["Total Orders"] for email, entry in found.items()} == {
        row["email"]: row["total_orders"] for row in PEOPLE
    }
    states = shop.ledger("select count(*) as n, count(distinct key) as keys from c360_sync.state")
    assert states == [{"n": len(PEOPLE), "keys": len(PEOPLE)}]
    statuses = shop.ledger("select distinct status from c360_sync.batches")
    assert statuses == [{"status": "confirmed"}]
    assert shop.ledger("select status from c360_sync.runs where run_id = 'killed'") == [
        {"status": "abandoned"}
    ]
    shop.calls()
    assert (shop.run(PROFILES).unchanged, shop.calls()) == (len(PEOPLE), {})


def test_a_killed_run_is_finished_first_and_then_the_new_state_of_the_model_is_sent(shop: Shop) -> None:
    shop.profiles(PEOPLE)
    kill(shop, "PROFILES", "accepted", "before", 2)
    changed = [person(number, note="new") for number in range(1, 26)]
    shop.profiles(changed)

    report = shop.run(PROFILES)

    assert report.by_operation == {"create": 10, "update": 25}
    assert all(entry["properties"]["Note"] == "new" for entry in shop.klaviyo_profiles().values())


def test_batches_whose_plan_is_gone_are_planned_anew(shop: Shop) -> None:
    shop.profiles(PEOPLE)
    kill(shop, "PROFILES", "accepted", "before", 2)
    shop.warehouse.execute("drop table c360_sync.plan_profiles")

    report = shop.run(PROFILES)

    assert (report.confirmed, report.pending) == (25, 0)
    assert len(shop.klaviyo_profiles()) == 25


def test_case_01_a_killed_run_doubles_no_event_and_reads_back_before_it_sends(shop: Shop) -> None:
    shop.events([shipment(number) for number in range(1, 26)])
    kill(shop, "EVENTS", "accepted", "before", 2)
    assert len(shop.recorded_events()) == 2 * ROWS_IN_A_BATCH
    shop.calls()

    report = shop.run(EVENTS)

    assert (report.confirmed, report.sent, shop.calls()[SEND]) == (25, 5, 1)
    recorded = shop.recorded_events()
    assert len(recorded) == 25
    assert all(event["backfill"] for event in recorded)  # it is still the first load


def test_case_24_members_that_a_killed_run_added_are_still_ours_to_remove(shop: Shop) -> None:
    everybody = [f"person{number}@shop.example" for number in range(1, 26)]
    shop.segment(everybody)
    kill(shop, "SEGMENT", "accepted", "before", 2)
    shop.run(SEGMENT)
    assert shop.members(shop.list_id()) == set(everybody)

    shop.segment(everybody[:20])
    report = shop.run(SEGMENT)

    assert report.by_operation == {"remove": 5}
    assert shop.members(shop.list_id()) == set(everybody[:20])


def test_what_a_forgotten_import_may_have_written_is_cleared_when_it_became_null(shop: Shop) -> None:
    shop.profiles(PEOPLE)
    kill(shop, "PROFILES", "accepted", "after", 3)
    shop.sandbox.settle()
    shop.sandbox.clock.advance(timedelta(days=8))  # Klaviyo keeps a job for seven
    shop.profiles([person(number, first_name=None) for number in range(1, 26)])

    later = NOW + timedelta(days=8)
    for number in range(2):
        report = shop.run(PROFILES, run_id=f"later-{number}", now=later)

    assert (report.unchanged, report.pending) == (25, 0)
    assert {entry["first_name"] for entry in shop.klaviyo_profiles().values()} == {None}


def test_a_value_that_became_null_while_its_row_waited_to_be_sent_again_is_cleared(shop: Shop) -> None:
    shop.profiles(PEOPLE)
    shop.run(PROFILES)
    shop.profiles([person(number, note="new") for number in range(1, 26)])
    kill(shop, "PROFILES", "add_batches", "after", 1)
    shop.profiles([person(number, first_name=None) for number in range(1, 26)])

    for number in range(2):
        report = shop.run(PROFILES, run_id=f"later-{number}")

    assert (report.unchanged, report.pending) == (25, 0)
    assert {entry["first_name"] for entry in shop.klaviyo_profiles().values()} == {None}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_event_that_changed_while_its_batch_was_open_is_recorded_once(shop: Shop, moment: str) -> None:
    shop.events([shipment(number) for number in range(1, 26)])
    kill(shop, "EVENTS", "accepted", moment, 1)
    changed = {"event_name": "Package Returned", "email": "somebody@shop.example"}
    shop.events([shipment(number, **changed) for number in range(1, 26)])

    for hours in (0, 2, 4, 6):
        report = shop.run(EVENTS, run_id=f"later-{hours}", now=NOW + timedelta(hours=hours))

    assert (report.unchanged, report.pending, report.rejected) == (25, 0, 0)
    recorded = shop.recorded_events()
    assert len(recorded) == len({event["unique_id"] for event in recorded}) == 25
    forms = {(event["email"], event["metric"]) for event in recorded if event["unique_id"] == "event-0025"}
    assert forms == {(changed["email"], changed["event_name"])}


def test_a_forgotten_import_into_a_list_that_was_deleted_is_given_up(shop: Shop) -> None:
    everybody = [f"person{number}@shop.example" for number in range(1, 26)]
    shop.segment(everybody)
    kill(shop, "SEGMENT", "accepted", "after", 3)
    shop.sandbox.settle()
    shop.api.Lists.delete_list(shop.list_id())
    shop.sandbox.clock.advance(timedelta(days=8))  # Klaviyo keeps a job for seven

    later = NOW + timedelta(days=8)
    with suppress(SyncRefused):
        shop.run(SEGMENT, run_id="later-0", now=later)
    report = shop.run(SEGMENT, run_id="later-1", now=later)

    assert (report.pending, shop.members(shop.list_id())) == (0, set(everybody))

"""Events: once each, old ones without starting a flow, and confirmed only when they can be read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from c360_platform.sandbox.traffic import Fault
from tests.platform.sync.shop import EVENTS, NOW, Shop, impatient

SEND = "POST /api/event-bulk-create-jobs"


def shipment(number: int, **values: Any) -> dict[str, Any]:
    return {
        "event_id": f"event-{number:04d}",
        "email": f"person{number % 7}@shop.example",
        "event_name": "Package Delivered" if number % 2 else "Package Shipped",
        "event_timestamp": NOW - timedelta(hours=number),
        "carrier": "dhl",
        **values,
    }


def test_a_first_load_is_history_and_later_events_are_news_while_they_are_fresh(shop: Shop) -> None:
    rows = [shipment(number) for number in range(1, 31)]
    shop.events(rows)
    first = shop.run(EVENTS)
    assert (first.by_operation, first.pending) == ({"event": 30}, 0)
    assert shop.calls()[SEND] == 1

    fresh = shipment(100, event_timestamp=NOW - timedelta(hours=47))
    stale = shipment(101, event_timestamp=NOW - timedelta(hours=49))
    shop.events([*rows, fresh, stale])
    second = shop.run(EVENTS)

    assert second.by_operation == {"event": 2}
    recorded = {event["unique_id"]: event for event in shop.recorded_events()}
    assert set(recorded) == {row["event_id"] for row in [*rows, fresh, stale]}
    for row in [*rows, fresh, stale]:
        event = recorded[row["event_id"]]
        assert (event["email"], event["metric"]) == (row["email"], row["event_name"])
        assert event["occurred_at"] == int(row["event_timestamp"].timestamp())
    assert {name for name, event in recorded.items() if not event["backfill"]} == {"event-0100"}
    shop.calls()
    assert (shop.run(EVENTS).unchanged, shop.calls()) == (32, {})


def test_case_30_two_events_of_one_second_are_both_recorded(shop: Shop) -> None:
    shop.events(
        [shipment(1), shipment(3, email="person1@shop.example", event_timestamp=NOW - timedelta(hours=1))]
    )

    assert shop.run(EVENTS).confirmed == 2
    assert [event["occurred_at"] for event in shop.recorded_events()] == [
        _seconds(NOW - timedelta(hours=1))
    ] * 2


def test_a_late_event_of_an_old_month_is_sent_without_looking_at_the_others(shop: Shop) -> None:
    def months_ago(number: int, months: int) -> dict[str, Any]:
        return shipment(number, event_timestamp=NOW - timedelta(days=31 * months))

    first = [months_ago(number, months=number) for number in range(1, 13)]
    shop.events(first)
    assert shop.run(EVENTS).confirmed == 12

    # Months that are settled are not read again: the broken addresses would be seen.
    broken = [{**event, "email": "no address"} for event in first if event["event_id"] != "event-0009"]
    shop.events([*broken, first[8], months_ago(100, months=9), months_ago(101, months=9)])
    report = shop.run(EVENTS)

    assert (report.planned, report.confirmed, report.rejected, report.unchanged) == (2, 2, 0, 12)
    assert shop.run(EVENTS).unchanged == 14


def test_case_04_a_lost_answer_doubles_no_event(shop: Shop) -> None:
    shop.sandbox.traffic.add_fault(
        Fault(status=502, method="POST", path="/api/event-bulk-create-jobs", when="after", times=2)
    )
    shop.events([shipment(number) for number in range(1, 11)])

    report = shop.run(EVENTS)

    assert (report.confirmed, shop.calls()[SEND]) == (10, 3)
    assert len(shop.recorded_events()) == 10


def test_events_that_cannot_be_read_back_yet_stay_pending_and_are_settled_without_sending(shop: Shop) -> None:
    empty = Fault(
        status=200,
        method="GET",
        path="/api/events",
        times=100,
        body='{"data":[],"links":{"self":"","next":null,"prev":null}}',
        headers={"content-type": "application/vnd.api+json"},
    )
    shop.sandbox.traffic.add_fault(empty)
    shop.events([shipment(number) for number in range(1, 6)])

    first = impatient(shop).run(EVENTS)
    assert (first.sent, first.confirmed, first.pending) == (5, 0, 5)
    assert shop.ledger("select count(*) as n from c360_sync.state")[0]["n"] == 0
    shop.sandbox.traffic.forget_faults()
    shop.calls()

    second = shop.run(EVENTS, run_id="later")

    assert (second.planned, second.sent, second.confirmed, second.pending) == (5, 0, 5, 0)
    assert SEND not in shop.calls()


def test_events_that_never_arrived_are_sent_again_after_an_hour(shop: Shop) -> None:
    swallowed = Fault(status=202, method="POST", path="/api/event-bulk-create-jobs")
    shop.sandbox.traffic.add_fault(swallowed)
    shop.events([shipment(number) for number in range(1, 6)])
    assert impatient(shop).run(EVENTS).pending == 5
    assert shop.recorded_events() == []

    later = shop.run(EVENTS, run_id="later", now=NOW + timedelta(hours=2))

    assert (later.sent, later.confirmed, later.pending) == (5, 5, 0)
    assert len(shop.recorded_events()) == 5


def test_case_29_events_with_impossible_times_or_names_are_rejected_before_any_call(shop: Shop) -> None:
    shop.events(
        [
            shipment(1, event_timestamp=datetime(1989, 12, 31, tzinfo=NOW.tzinfo)),
            shipment(2, event_timestamp=NOW + timedelta(days=400)),
            shipment(3, event_timestamp=None),
            shipment(4, event_name=" "),
            shipment(5, event_name="x" * 128),
            shipment(6, event_id=None),
            shipment(7, email="x1@marketplace.amazon.de"),
            shipment(8),
        ]
    )

    report = shop.run(EVENTS)

    assert (report.confirmed, report.rejected) == (1, 7)
    assert [event["unique_id"] for event in shop.recorded_events()] == ["event-0008"]
    assert shop.rejections()["event-0002"] == "the time of the event is over a year ahead"


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())

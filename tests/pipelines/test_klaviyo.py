"""Loading Klaviyo from the sandbox over HTTP into DuckDB."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from c360_platform.sandbox.server import running_sandbox
from dlt_pipelines.errors import IngestionError
from dlt_pipelines.klaviyo import RESOURCES, klaviyo_source
from dlt_pipelines.pipeline import load_until_caught_up, make_pipeline
from tests.pipelines.accounts import KEY, KlaviyoAccount, Warehouse, profile_id

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PROFILES = "/api/profiles"


def event_ids(klaviyo: KlaviyoAccount) -> list[str]:
    return [event for (event,) in klaviyo.warehouse.rows("select id from klaviyo.events order by id")]


def test_loading_twice_gives_the_same_rows(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles(range(1, 251))
    klaviyo.metric("M1", "Opened Email")
    klaviyo.events([f"E{number}" for number in range(1200)])
    klaviyo.mailing_list("LA", range(1, 151))
    klaviyo.mailing_list("LB", range(100, 103))

    first = klaviyo.load()
    content = klaviyo.warehouse.content("klaviyo", RESOURCES)
    klaviyo.load()

    assert {table: len(rows) for table, rows in content.items()} == {
        "profiles": 250,
        "events": 1200,
        "profile_predictions": 0,
        "suppressions": 0,
        "metrics": 1,
        "lists": 2,
        "list_members": 153,
    }
    assert first.rows == {table: len(rows) for table, rows in content.items()} | {"rejected_rows": 0}
    assert first.drift == []
    assert klaviyo.warehouse.content("klaviyo", RESOURCES) == content


def test_consent_and_messages_arrive_in_their_columns(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles([1], email_consent="SUBSCRIBED", properties='{"LTV": 12.5}', location='{"city": "Köln"}')
    klaviyo.metric("M1", "Clicked Email")
    klaviyo.events(["EC"], properties={"$message": "C1", "Subject": "Hi"})
    klaviyo.events(["EF"], properties={"$message": "FM1", "$flow": "F1"})

    klaviyo.load()

    [profile] = klaviyo.warehouse.rows(
        "select email, email_marketing_consent, can_receive_email_marketing, email_suppressions, is_deleted, "
        "properties, location from klaviyo.profiles"
    )
    assert profile[:5] == ("p1@shop.example", "SUBSCRIBED", True, "[]", False)
    assert json.loads(profile[5]) == {"LTV": 12.5}
    assert json.loads(profile[6])["city"] == "Köln"
    assert klaviyo.warehouse.rows(
        "select id, profile_id, metric_name, campaign_id, flow_id, event_properties ->> '$.\"$event_id\"' "
        "from klaviyo.events order by id"
    ) == [
        ("EC", profile_id(1), "Clicked Email", "C1", None, "EC"),
        ("EF", profile_id(1), "Clicked Email", None, "F1", "EF"),
    ]


def test_a_changed_profile_is_read_and_an_old_one_is_not(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles(range(1, 11), age=2 * DAY)
    klaviyo.profiles([11], age=DAY)
    klaviyo.load("profiles")
    klaviyo.profiles([3], age=HOUR, first_name="Ada")

    report = klaviyo.load("profiles")

    assert report.rows["profiles"] == 2  # the changed one, and the last one of the look-back
    assert klaviyo.warehouse.rows(
        "select id, first_name from klaviyo.profiles where first_name is not null"
    ) == [(profile_id(3), "Ada")]


def test_an_unsubscription_is_picked_up_although_updated_stays(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles(range(1, 11), age=9 * DAY, email_consent="SUBSCRIBED")
    klaviyo.profiles([11], age=DAY)
    klaviyo.load("profiles")
    klaviyo.sandbox.clock.advance(DAY)
    klaviyo.unsubscribe(4)
    klaviyo.sandbox.clock.advance(HOUR)

    report = klaviyo.load("profiles")

    assert report.rows["profiles"] == 2
    [row] = klaviyo.warehouse.rows(
        "select id, can_receive_email_marketing, email_suppressions, email_marketing_consent_at is not null "
        "from klaviyo.profiles where email_marketing_consent = 'UNSUBSCRIBED'"
    )
    assert row[:2] == (profile_id(4), False)
    assert json.loads(row[2])[0]["reason"] == "UNSUBSCRIBE"
    assert row[3]


def test_a_late_event_is_picked_up_and_old_ones_are_not_read_again(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles([1])
    klaviyo.metric("M1", "Opened Email")
    klaviyo.events(["old"], age=3 * DAY)
    klaviyo.events(["fresh"], age=timedelta(minutes=1))
    klaviyo.load("events")
    klaviyo.events(["late"], age=timedelta(minutes=110))  # readable only now

    report = klaviyo.load("events")

    assert event_ids(klaviyo) == ["fresh", "late", "old"]
    assert report.rows["events"] == 2


def test_an_event_dated_in_the_future_does_not_hide_the_present(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles([1])
    klaviyo.metric("M1", "Opened Email")
    klaviyo.events(["future"], age=-30 * DAY)
    klaviyo.events(["first"], age=HOUR)
    klaviyo.load("events")
    before = event_ids(klaviyo)
    klaviyo.sandbox.clock.advance(DAY)
    klaviyo.events(["second"], age=HOUR)
    klaviyo.load("events")
    klaviyo.sandbox.clock.advance(30 * DAY)

    klaviyo.load("events")

    assert before == ["first"]
    assert event_ids(klaviyo) == ["first", "future", "second"]


def test_an_event_sent_with_an_old_date_is_found_by_the_weekly_wide_reading(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles([1])
    klaviyo.metric("M1", "Opened Email")
    klaviyo.events(["first"], age=HOUR)
    klaviyo.load("events")
    klaviyo.sandbox.clock.advance(6 * DAY)
    klaviyo.load("events")
    klaviyo.events(["backdated"], age=2 * DAY)
    klaviyo.load("events")
    before = event_ids(klaviyo)
    klaviyo.sandbox.clock.advance(DAY)

    klaviyo.load("events")

    assert before == ["first"]
    assert event_ids(klaviyo) == ["backdated", "first"]


def test_case_38_a_large_first_load_goes_package_by_package_through_ties(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles(range(1, 51), age=3 * DAY)
    klaviyo.profiles(range(51, 351), age=2 * DAY)  # one import: all in the same second
    klaviyo.profiles(range(351, 401), age=DAY)
    klaviyo.metric("M1", "Opened Email")
    klaviyo.events(
        [f"E{number}" for number in range(3500)], age=lambda number: DAY - number // 10 * timedelta(seconds=1)
    )
    warehouse = klaviyo.warehouse

    report = load_until_caught_up(
        lambda: klaviyo_source(
            base_url=klaviyo.sandbox.url,
            api_key=KEY,
            profile_pages_per_package=1,
            event_pages_per_package=1,
        ),
        lambda: make_pipeline("klaviyo", warehouse.path, warehouse.dlt_home),
    )

    assert report.packages > 2
    assert warehouse.counts("klaviyo", ("profiles", "events")) == {"profiles": 400, "events": 3500}


def test_who_left_a_list_and_a_list_that_is_gone_leave_the_warehouse(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles(range(1, 11))
    klaviyo.mailing_list("LA", range(1, 6))
    klaviyo.mailing_list("LB", [1])
    klaviyo.load("lists", "list_members")
    store = klaviyo.sandbox.store
    store.execute("delete from kl_list_member where list_id = 'LB' or profile_id = ?", (profile_id(2),))
    store.execute("delete from kl_list where id = 'LB'")

    klaviyo.load("lists", "list_members")

    assert klaviyo.warehouse.rows("select list_id, profile_id from klaviyo.list_members order by all") == [
        ("LA", profile_id(number)) for number in (1, 3, 4, 5)
    ]
    store.execute("delete from kl_list_member")
    klaviyo.load("lists", "list_members")
    assert klaviyo.warehouse.counts("klaviyo", ("lists", "list_members")) == {"lists": 1, "list_members": 0}


def test_a_profile_that_is_gone_is_marked_by_the_weekly_sweep(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles(range(1, 301))
    klaviyo.load("profiles")
    klaviyo.sandbox.store.execute("delete from kl_profile where id = ?", (profile_id(7),))
    klaviyo.sandbox.clock.advance(7 * DAY)

    klaviyo.load("profiles")

    assert klaviyo.warehouse.rows("select id, email from klaviyo.profiles where is_deleted") == [
        (profile_id(7), "p7@shop.example")
    ]
    assert klaviyo.warehouse.value("select count(*) from klaviyo.profiles") == 300
    klaviyo.load("profiles")
    assert klaviyo.sandbox.calls()[f"GET {PROFILES}"] < 20  # no second sweep


def test_a_profile_that_no_load_brought_is_found_by_the_sweep(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles(range(1, 21))
    klaviyo.load("profiles")
    klaviyo.profiles([21], age=3 * DAY)  # appears with an `updated` that was read long ago
    klaviyo.load("profiles")
    before = klaviyo.warehouse.value("select count(*) from klaviyo.profiles")
    klaviyo.sandbox.clock.advance(7 * DAY)

    klaviyo.load("profiles")

    assert before == 20
    assert klaviyo.warehouse.rows(
        "select email, is_deleted from klaviyo.profiles where id > '01P0000020'"
    ) == [("p21@shop.example", False)]


def test_suppressions_come_by_list_and_reason_and_lifted_ones_are_marked(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles(range(1, 6), age=9 * DAY)
    klaviyo.mailing_list("LA", [1, 2])
    klaviyo.suppress(1, "HARD_BOUNCE", "UNSUBSCRIBE", age=2 * DAY)
    klaviyo.suppress_on_list(2, "LA")
    klaviyo.load("suppressions")
    klaviyo.sandbox.clock.advance(DAY)
    klaviyo.suppress(3, "USER_SUPPRESSED")
    klaviyo.suppress(1, "HARD_BOUNCE", age=3 * DAY)  # subscribed again
    open_ones = (
        "select profile_id, list_id, reason from klaviyo.suppressions where lifted_at is null order by all"
    )

    klaviyo.load("suppressions")

    one, two, three = (profile_id(number) for number in (1, 2, 3))
    assert klaviyo.warehouse.rows(open_ones) == [
        (one, "", "HARD_BOUNCE"),
        (one, "", "UNSUBSCRIBE"),
        (two, "LA", "UNSUBSCRIBE"),
        (three, "", "USER_SUPPRESSED"),
    ]
    klaviyo.sandbox.clock.advance(7 * DAY)
    klaviyo.load("suppressions")
    assert klaviyo.warehouse.rows(open_ones) == [
        (one, "", "HARD_BOUNCE"),
        (two, "LA", "UNSUBSCRIBE"),
        (three, "", "USER_SUPPRESSED"),
    ]
    assert klaviyo.warehouse.rows(
        "select profile_id, reason, email, suppressed_at < lifted_at from klaviyo.suppressions "
        "where lifted_at is not null"
    ) == [(one, "UNSUBSCRIBE", "p1@shop.example", True)]


def test_predictions_are_read_once_a_day_and_package_by_package(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles(range(1, 251), age=2 * DAY)
    klaviyo.profiles(range(251, 351), age=DAY)
    for number in (1, 120, 350):
        klaviyo.prediction(number, historic_number_of_orders=2, historic_clv=19.9, churn_probability=0.25)

    def load() -> int:
        report = klaviyo.load("profile_predictions", profile_pages_per_package=1)
        return report.packages

    packages = load()
    klaviyo.prediction(1, historic_number_of_orders=3)
    klaviyo.sandbox.clock.advance(DAY - HOUR)
    assert load() == 1
    before = klaviyo.warehouse.value("select max(historic_number_of_orders) from klaviyo.profile_predictions")
    klaviyo.sandbox.clock.advance(HOUR)
    load()

    assert packages > 1
    assert before == 2
    assert klaviyo.warehouse.rows(
        "select profile_id, historic_number_of_orders, churn_probability "
        "from klaviyo.profile_predictions order by 1"
    ) == [(profile_id(1), 3, None), (profile_id(120), 2, 0.25), (profile_id(350), 2, 0.25)]


def test_a_window_of_events_is_read_again_and_the_ordinary_loads_go_on(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles([1])
    klaviyo.metric("M1", "Placed Order")
    klaviyo.events(["first"], age=DAY)
    klaviyo.load("events")
    klaviyo.events(["old", "older", "out"], age=lambda number: (60 + 5 * number) * DAY)
    now = klaviyo.sandbox.clock.now()

    report = klaviyo.load(events_window=(now - 66 * DAY, now - 58 * DAY))

    assert (report.rows["events"], report.packages) == (2, 2)
    assert event_ids(klaviyo) == ["first", "old", "older"]
    klaviyo.events(["fresh"], age=HOUR)
    assert klaviyo.load("events").rows["events"] == 1
    assert event_ids(klaviyo) == ["first", "fresh", "old", "older"]
    with pytest.raises(IngestionError, match="is empty"):
        klaviyo.load(events_window=(now, now))
    with pytest.raises(IngestionError, match="only events"):
        klaviyo.load("profiles", events_window=(now - DAY, now))


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_wrong_clock_on_this_side_hides_no_event(klaviyo: KlaviyoAccount, hours: int) -> None:
    """Klaviyo's clock is `hours` away from the one of the machine that loads."""
    klaviyo.sandbox.clock.advance(timedelta(hours=hours))
    klaviyo.profiles([1])
    klaviyo.metric("M1", "Opened Email")
    for number in range(4):
        klaviyo.events([f"E{number}"], age=timedelta(minutes=5))
        klaviyo.load("events", "profiles")
        klaviyo.sandbox.clock.advance(HOUR)

    assert event_ids(klaviyo) == [f"E{number}" for number in range(4)]


def test_klaviyos_limits_are_kept_without_being_refused_once(warehouse: Warehouse) -> None:
    with running_sandbox(warehouse.path.with_name("limited.sqlite")) as sandbox:
        klaviyo = KlaviyoAccount(sandbox, warehouse)
        klaviyo.profiles(range(1, 2401))  # 24 pages where 10 a second are allowed
        klaviyo.prediction(2400, historic_number_of_orders=1)

        report = klaviyo.load("profiles", "profile_predictions")

        assert report.rows["profiles"] == 2400
        assert report.traffic["refused_429"] == 0
        assert report.traffic["waited_seconds (Klaviyo's rate limit)"] > 1

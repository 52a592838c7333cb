"""The dry run says what the run that follows does, to the row and the call, and touches nothing itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import orjson
import pytest

from c360_platform.activation.accepted_notes import Accepted, AcceptedNotes
from c360_platform.activation.errors import SyncHeld
from c360_platform.activation.forecast.dry_run import forecast
from c360_platform.activation.forecast.expected_calls import expected_calls, minimal_seconds
from c360_platform.activation.forecast.figures import NOT_INGESTED, WRITTEN_SINCE, Forecast
from c360_platform.activation.payloads import slices
from c360_platform.activation.runs import RunRecord
from c360_platform.activation.spec import SyncSpec
from tests.platform.sync.shop import EVENTS, NOW, PROFILES, SEGMENT, Shop, person

PEOPLE = replace(PROFILES, ingest_schema="klaviyo")
MEMBERS = replace(SEGMENT, ingest_schema="klaviyo")
PARCELS = replace(EVENTS, ingest_schema="klaviyo")


def ingest(shop: Shop) -> None:
    """Bring Klaviyo's profiles into the warehouse as dlt does."""
    people = shop.klaviyo_profiles()
    ids = shop.klaviyo.profile_ids(list(people))
    rows = [
        {
            "id": ids[email],
            "updated": NOW,
            "is_deleted": False,
            "location": orjson.dumps(attributes["location"]).decode(),
            "properties": orjson.dumps(attributes["properties"]).decode(),
            **{name: attributes[name] for name in ("email", "first_name", "phone_number")},
        }
        for email, attributes in people.items()
    ]
    with shop.warehouse.connection() as connection:
        connection.execute("create schema if not exists klaviyo")
        connection.execute(
            "create or replace table klaviyo.profiles (id varchar, email varchar, first_name varchar, "
            "phone_number varchar, location varchar, properties varchar, updated timestamptz, "
            "is_deleted boolean)"
        )
        for row in rows:
            marks = ", ".join(f"${name}" for name in row)
            connection.execute(f"insert into klaviyo.profiles ({', '.join(row)}) values ({marks})", row)
        connection.execute(
            "create or replace table klaviyo._dlt_loads as "
            "select 'load' as load_id, 0 as status, ?::timestamptz as inserted_at",
            [NOW + timedelta(minutes=2)],
        )


def plan(shop: Shop, spec: SyncSpec, **options: Any) -> Forecast:
    """A dry run, which must neither call Klaviyo nor leave anything in the ledger."""
    before = _ledger(shop)
    shop.calls()
    found = forecast(spec, shop.warehouse, **{"now": NOW, **options})
    assert shop.calls() == {}
    assert _ledger(shop) == before
    return found


def writes(found: Forecast) -> dict[str, int]:
    return {each.endpoint: each.requests for each in found.calls if each.is_write}


def made_writes(shop: Shop) -> dict[str, int]:
    return {call: n for call, n in shop.calls().items() if not call.startswith("GET ")}


def test_the_numbers_are_those_of_the_run_that_follows(shop: Shop) -> None:
    people = [person(number, city="Köln", note="a") for number in range(1, 31)]
    shop.profiles(people)
    shop.run(PEOPLE)
    ingest(shop)
    for one in people[:5]:
        one |= {"note": "b", "lifetime_revenue": "1234.50"}
    people[5] |= {"note": None, "is_vip": True}
    people[6] |= {"first_name": None, "city": None}
    people[7] |= {"first_name": None}
    shop.profiles([*people, person(31), person(32), person(33, email="no address"), person(34, email=None)])

    found = plan(shop, PEOPLE)

    assert found.operations == {"create": 2, "update": 6, "clear": 2}
    assert (found.source_rows, found.unchanged, found.kept_out, found.new_profiles) == (34, 22, 2, 2)
    assert found.changed.by_name == {"Note": 6, "LTV": 5, "first_name": 2, "location.city": 1}
    assert (found.changed.rows, found.changed.compared, found.changed.unknown) == (8, 8, 0)
    assert found.cleared == {"first_name": 2, "location.city": 1}
    assert found.rejected == {"the e-mail address is empty": 1, "the e-mail address is malformed": 1}
    known = len(shop.klaviyo_profiles())
    shop.calls()

    report = shop.run(PEOPLE)

    assert report.by_operation == found.operations
    assert (report.rejected, report.unchanged) == (found.kept_out, found.unchanged)
    assert made_writes(shop) == writes(found)
    assert len(shop.klaviyo_profiles()) - known == found.new_profiles


def test_people_are_masked_unless_somebody_asks(shop: Shop) -> None:
    shop.profiles([person(1, first_name="Annegret", note="secret note")])
    shop.run(PEOPLE)
    ingest(shop)
    changed = person(
        1, first_name="Wilhelmine", note="<b>another</b>", lifetime_revenue="4711.25", is_vip=True
    )
    shop.profiles([changed, person(2, email="annegret@shop.example", phone="+4917012345678")])

    masked = orjson.dumps(plan(shop, PEOPLE).document()).decode()
    for secret in (
        "person1",
        "annegret",
        "shop.",
        "Annegret",
        "Wilhelmine",
        "secret",
        "other",
        "4711",
        "+49",
    ):
        assert secret not in masked
    assert "p…@s….example" in masked
    assert "~5,000" in masked

    shown = plan(shop, PEOPLE, unmask=True).samples
    first = next(one for one in shown if one.person == "person1@shop.example")
    assert [(one.name, one.old, one.new) for one in first.changes or ()] == [
        ("first_name", "Annegret", "Wilhelmine"),
        ("Is VIP", False, True),
        ("LTV", 1.5, 4711.25),
        ("Note", "secret note", "<b>another</b>"),
    ]
    assert "Annegret" not in repr(shown)
    assert "person1" not in repr(shown)


def test_what_the_warehouse_cannot_know_is_said_to_be_unknown(shop: Shop) -> None:
    shop.profiles([person(1, note="a"), person(2)])
    shop.run(PEOPLE)
    shop.profiles([person(1, note="b"), person(2), person(3)])

    blind = plan(shop, PEOPLE)
    assert (blind.ingested_at, blind.changed.unknown, blind.changed.by_name) == (None, 1, {})
    assert (blind.new_profiles, blind.document()["new_billable_profiles_is_upper_bound"]) == (1, True)
    assert {one.operation: one.reason for one in blind.samples}["update"] == NOT_INGESTED

    ingest(shop)
    shop.run(PEOPLE, now=NOW + timedelta(minutes=5))  # after the ingest, which knows the old note
    shop.profiles([person(1, note="c"), person(2, note="c"), person(3)])
    later = plan(shop, PEOPLE, unmask=True)
    assert (later.changed.compared, later.changed.unknown, later.changed.by_name) == (1, 1, {"Note": 1})
    reasons = {one.person: one.reason for one in later.samples}
    assert reasons["person1@shop.example"] == WRITTEN_SINCE


def test_a_list_shows_who_joins_leaves_and_waits_and_whether_it_would_be_held(shop: Shop) -> None:
    everybody = [f"person{number}@shop.example" for number in range(1, 41)]
    shop.segment(everybody[:35])
    shop.run(MEMBERS)
    ingest(shop)

    shop.segment([*everybody[5:37], "no address"])
    at_once = plan(shop, MEMBERS)
    careful = plan(shop, replace(MEMBERS, removal_grace_hours=24, create="never"))
    assert (at_once.operations, at_once.kept_out) == ({"add": 2, "remove": 5}, 1)
    assert (careful.operations, careful.leaving, careful.kept_out) == ({}, 5, 3)
    shop.calls()
    assert shop.run(MEMBERS).by_operation == at_once.operations
    assert made_writes(shop) == writes(at_once)

    for members, removals in ((everybody[5:10], {"remove": 27}), ([], {"remove": 32})):
        shop.segment(members)
        held = plan(shop, MEMBERS, people=0)
        with pytest.raises(SyncHeld) as stopped:
            shop.run(MEMBERS)
        assert (held.held, held.operations, held.samples) == (str(stopped.value), removals, [])


def test_events_are_told_apart_into_history_and_news(shop: Shop) -> None:
    def parcel(number: int, hours: int) -> dict[str, Any]:
        return {
            "event_id": f"event-{number}",
            "email": f"person{number % 3}@shop.example",
            "event_name": "Package Shipped",
            "event_timestamp": NOW - timedelta(hours=hours),
        }

    first = [parcel(number, hours=number) for number in range(1, 21)]
    shop.events(first)
    history = plan(shop, PARCELS)
    assert (history.operations, history.backfill, history.live) == ({"event": 20}, 20, 0)
    assert (history.new_profiles, history.document()["new_billable_profiles_is_upper_bound"]) == (3, True)
    shop.run(PARCELS)
    ingest(shop)

    large = [parcel(number, hours=49) | {"carrier": "x" * 90_000} for number in range(100, 160)]
    shop.events([*first, parcel(21, hours=2), parcel(22, hours=47), parcel(23, hours=49), *large])
    found = plan(shop, PARCELS)
    assert (found.operations, found.backfill, found.live, found.new_profiles) == ({"event": 63}, 61, 2, 0)
    assert writes(found) == {"POST /api/event-bulk-create-jobs": 2}
    sample = found.samples[0]
    assert (sample.event, sample.person, sample.metric) == ("e…", "p…@s….example", "Package Shipped")
    shop.calls()
    shop.run(PARCELS)
    assert made_writes(shop) == writes(found)
    recorded = [event["backfill"] for event in shop.recorded_events()]
    assert (sum(recorded), len(recorded)) == (81, 83)


def test_rows_that_klaviyo_refused_are_shown_with_its_words(shop: Shop) -> None:
    shop.profiles([person(1), person(2, email="nine..nine@shop.example")])
    shop.run(PEOPLE)

    found = plan(shop, PEOPLE)

    assert (found.refused, found.sent) == ({"Invalid email address": 1}, 0)
    assert [one.person for one in found.samples if one.operation == "refused"] == ["n…@s….example"]


def test_a_run_at_work_and_a_model_that_is_not_there_are_said(shop: Shop) -> None:
    assert "there is no table marts.klaviyo_profiles" in forecast(PEOPLE, shop.warehouse, now=NOW).failed

    shop.profiles([person(1)])
    assert plan(shop, PEOPLE).held == ""
    RunRecord(shop.warehouse, PEOPLE.name, "other").begin("profiles", NOW)
    try:
        assert "run other is at work on it" in plan(shop, PEOPLE).held
    finally:
        RunRecord(shop.warehouse, PEOPLE.name, "other").finish("failed", NOW, "", {})


@pytest.mark.parametrize(
    ("lane", "rows", "size", "requests", "seconds"),
    [
        ("import", 100_000, 588, 13, 1),  # 8,300 rows of 588 bytes fill a body
        ("import", 2_000_000, 100, 200, 64),  # ten a second, 150 a minute
        ("single", 2_000, 588, 2_000, 127),
        ("event", 100_000, 300, 100, 9),
    ],
)
def test_time_is_what_the_windows_allow(lane: str, rows: int, size: int, requests: int, seconds: int) -> None:
    pieces = list(slices(lane, np.arange(1, rows + 1), np.full(rows, size)))
    calls = [each for each in expected_calls(pieces) if each.is_write]
    assert [each.requests for each in calls] == [requests]
    assert minimal_seconds(calls) == seconds


def _ledger(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """The rows of the ledger's tables; none of a plan is left."""
    with shop.warehouse.session():
        tables = shop.warehouse.tables("c360_sync")
        rows = {table: shop.ledger(f"select * from c360_sync.{table}") for table in sorted(tables)}
    assert not [table for table in tables if table.startswith(("plan_", "preview_"))]
    return {table: found for table, found in rows.items() if found}


def test_a_dry_run_leaves_the_notes_of_a_run_at_work_alone(shop: Shop) -> None:
    shop.profiles([person(1)])
    path = shop.warehouse.notes_path(f"{PROFILES.name}.accepted")
    notes = AcceptedNotes(path)
    notes.add(Accepted("batch", "job", NOW, 1))

    forecast(PROFILES, shop.warehouse, now=NOW)
    assert notes.read() == [Accepted("batch", "job", NOW, 1)]

    assert shop.run(PROFILES).confirmed == 1
    assert notes.read() == []

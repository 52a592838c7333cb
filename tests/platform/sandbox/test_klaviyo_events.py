"""Events: recorded once, refused together, read in windows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import (
    Http,
    attributes_of,
    email_marketing,
    errors_of,
    steer,
)
from tests.platform.sandbox.payloads import (
    event,
    event_entry,
    event_job,
)


def stored_events(sandbox: Sandbox, metric: str) -> list[Any]:
    return sandbox.store.rows(
        "select e.*, p.email from kl_event as e join kl_metric as m on m.id = e.metric_id "
        "join kl_profile as p on p.id = e.profile_id where m.name = ? order by e.unique_id",
        (metric,),
    )


def test_an_event_is_recorded_once_for_ever(sandbox: Sandbox, http: Http) -> None:
    first = event("once@shop.example", "Once", {"n": 1}, unique_id="u", time="2026-03-01T10:00:00.9+02:00")
    http.json("POST", "/api/events", first, status=202)
    http.json("POST", "/api/events", event("once@shop.example", "Once", {"n": 2}, unique_id="u"), status=202)
    entry = event_entry("ONCE@shop.example", "Once", {"unique_id": "u"}, {"unique_id": "v", "backfill": True})
    http.json("POST", "/api/event-bulk-create-jobs", event_job(entry), status=202)
    stored = stored_events(sandbox, "Once")
    assert [(one["unique_id"], json.loads(one["properties"]), one["backfill"]) for one in stored] == [
        ("u", {"n": 1}, 0),
        ("v", {}, 1),
    ]
    assert stored[0]["occurred_at"] == 1772352000
    same_second = {"time": "2026-03-01T10:00:00Z"}
    entry = event_entry("once@shop.example", "Seconds", dict(same_second), dict(same_second))
    http.json("POST", "/api/event-bulk-create-jobs", event_job(entry), status=202)
    assert len(stored_events(sandbox, "Seconds")) == 1, "without a unique_id the second is the identity"


def test_a_bulk_request_with_one_bad_event_records_none(sandbox: Sandbox, http: Http) -> None:
    at = "/data/attributes/events-bulk-create/data"
    time_at, properties_at = "events/data/0/attributes/time", "events/data/0/attributes/properties"
    in_two_years = (sandbox.clock.now() + timedelta(days=730)).isoformat()
    good = event_entry("bulk@shop.example", "Refused", {"unique_id": "good"})
    bad: list[tuple[str, str, list[dict[str, Any]], str]] = [
        (
            "b@shop.example",
            "Refused",
            [{"unique_id": "x"}, {"unique_id": "x"}],
            "events/data/1/attributes/unique_id",
        ),
        ("b@shop.example", "Refused", [{"time": "1989-01-01T00:00:00Z"}], time_at),
        ("b@shop.example", "Refused", [{"time": in_two_years}], time_at),
        ("b@shop.example", "Refused", [{"time": "1767225660"}], time_at),
        ("nonsense", "Refused", [{}], "profile/data/attributes/email"),
        ("b@shop.example", "n" * 128, [{}], "events/data/0/attributes/metric/data/attributes/name"),
        ("b@shop.example", "Refused", [{"properties": {"text": "x" * 100_001}}], properties_at),
        ("b@shop.example", "Refused", [{"properties": {str(n): n for n in range(401)}}], properties_at),
    ]
    for email, metric, sent, pointer in bad:
        body = event_job(good, event_entry(email, metric, *sent))
        errors = errors_of(http, "POST", "/api/event-bulk-create-jobs", body)
        assert [error["source"]["pointer"] for error in errors] == [f"{at}/1/attributes/{pointer}"]
    many = event_entry("b@shop.example", "Refused", *({"unique_id": str(n)} for n in range(1_001)))
    errors_of(http, "POST", "/api/event-bulk-create-jobs", event_job(many))
    assert stored_events(sandbox, "Refused") == []


def test_events_make_and_update_profiles_but_never_their_consent(sandbox: Sandbox, http: Http) -> None:
    sent = event("eve@shop.example", "Shaped", {"sku": "A"}, value=3, value_currency="EUR", unique_id="s")
    sent["data"]["attributes"]["profile"]["data"]["attributes"]["first_name"] = "Eve"
    http.json("POST", "/api/events", sent, status=202)
    attributes = attributes_of(http, "eve@shop.example")
    assert attributes["first_name"] == "Eve"
    assert attributes["last_event_date"] is not None
    assert email_marketing(http, "eve@shop.example")["consent"] == "NEVER_SUBSCRIBED"
    metric_id = stored_events(sandbox, "Shaped")[0]["metric_id"]
    (found,) = http.json("GET", f'/api/events?filter=equals(metric_id,"{metric_id}")')["data"]
    assert found["attributes"]["event_properties"] == {
        "sku": "A",
        "$event_id": "s",
        "$value": 3,
        "$value_currency": "EUR",
    }


def test_windows_of_events_join_without_gap_or_overlap(sandbox: Sandbox, http: Http) -> None:
    base = 1735689600  # 2025-01-01T00:00:00Z
    times = [base + second for second in (0, 0, 1, 59, 60, 60, 61, 119, 120)]
    rows = [
        {"time": f"2025-01-01T00:{(at - base) // 60:02d}:{(at - base) % 60:02d}Z", "unique_id": str(index)}
        for index, at in enumerate(times)
    ]
    http.json(
        "POST",
        "/api/event-bulk-create-jobs",
        event_job(event_entry("w@shop.example", "Window", *rows)),
        status=202,
    )
    seen: list[str] = []
    for minute in range(3):
        start, end = f"2025-01-01T00:0{minute}:00Z", f"2025-01-01T00:0{minute + 1}:00Z"
        window = f"greater-or-equal(datetime,{start}),less-than(datetime,{end})"
        for page in http.pages(f"/api/events?filter={window}&sort=datetime&page[size]=2"):
            seen += [one["attributes"]["event_properties"]["$event_id"] for one in page]
    assert [times[int(unique_id)] for unique_id in seen] == times
    assert len(set(seen)) == len(times)
    (error,) = errors_of(http, "GET", "/api/events/NOPE01", None)
    assert error["detail"] == "Invalid Event ID: 'NOPE01'"


def test_events_are_readable_after_their_lag_and_old_ones_later(sandbox: Sandbox, http: Http) -> None:
    steer(http, "lags", events=10, back_dated_events=120)
    sandbox.clock.freeze()
    now, email, metric = sandbox.clock.now(), "lagging@shop.example", "Lagging"
    ages = {"late": 7200, "fresh": 0, "future": -86_400}
    for unique_id, age in ages.items():
        sent = event(email, metric, unique_id=unique_id, time=(now - timedelta(seconds=age)).isoformat())
        http.json("POST", "/api/events", sent, status=202)
    entry = event_entry(email, metric, {"unique_id": "backfill", "backfill": True})
    http.json("POST", "/api/event-bulk-create-jobs", event_job(entry), status=202)

    def readable() -> set[str]:
        names = {one["attributes"]["name"]: one["id"] for one in http.json("GET", "/api/metrics")["data"]}
        if metric not in names:
            return set()
        found = http.json("GET", f'/api/events?filter=equals(metric_id,"{names[metric]}")')["data"]
        return {one["attributes"]["event_properties"]["$event_id"] for one in found}

    assert readable() == set()
    hidden = sandbox.store.value("select id from kl_event where unique_id = 'late'")
    errors_of(http, "GET", f"/api/events/{hidden}", None, status=404)
    sandbox.clock.advance(10)
    assert readable() == {"fresh", "future"}
    http.json("POST", "/api/events", event(email, metric, unique_id="fresh"), status=202)
    assert readable() == {"fresh", "future"}, "a repeated event stays as readable as it was"
    sandbox.clock.advance(110)
    assert readable() == {*ages, "backfill"}
    assert http.json("GET", f"/api/events/{hidden}")["data"]["id"] == hidden
    steer(http, "lags", events=0, back_dated_events=0)
    sandbox.clock.resume()


def test_an_attribution_comes_along_with_its_event(http: Http) -> None:
    said = {"$attributed_event_id": "7qWkC6JPz7g", "$message": "01MESSAGE", "$flow": "FlowId"}
    sent = event("credited@shop.example", "Credited", {"$attribution": said}, unique_id="with")
    http.json("POST", "/api/events", sent, status=202)
    http.json(
        "POST", "/api/events", event("credited@shop.example", "Credited", unique_id="without"), status=202
    )
    page = http.json("GET", "/api/events?include=attributions&page[size]=1000")
    by_id = {one["attributes"]["event_properties"]["$event_id"]: one for one in page["data"]}
    assert "attributions" not in by_id["without"]["relationships"]
    (identifier,) = by_id["with"]["relationships"]["attributions"]["data"]
    (attribution,) = page["included"]
    assert (attribution["type"], attribution["id"]) == ("attribution", identifier["id"])
    related = {name: one["data"]["id"] for name, one in attribution["relationships"].items()}
    assert related == {
        "event": by_id["with"]["id"],
        "attributed-event": "7qWkC6JPz7g",
        "flow": "FlowId",
        "flow-message": "01MESSAGE",
    }

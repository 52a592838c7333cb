"""Segments: who is in one, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import (
    Http,
    errors_of,
    ids_of,
    new_list,
    new_profile,
    steer,
)
from tests.platform.sandbox.payloads import (
    SUBSCRIBE,
    SUPPRESS,
    consent_job,
    event,
    has_property,
    members,
    segment,
)

ALLTIME = {"type": "date", "operator": "alltime"}


def new_segment(http: Http, name: str, *groups: list[dict[str, Any]]) -> str:
    return str(http.json("POST", "/api/segments", segment(name, *groups), status=201)["data"]["id"])


def names_in(http: Http, segment_id: str) -> set[str]:
    found = http.json("GET", f"/api/segments/{segment_id}/profiles?page[size]=100")["data"]
    return {one["attributes"]["email"].partition("@")[0] for one in found}


@pytest.fixture(scope="module")
def people(sandbox: Sandbox) -> dict[str, str]:
    """Four people who differ; ids by name."""
    http = Http(sandbox.url)
    ids = {
        "ada": new_profile(
            http,
            "ada@shop.example",
            location={"city": "Bonn"},
            properties={
                "tier": "Gold",
                "orders": 3,
                "tags": ["vip", "b2b"],
                "since": "2026-01-05",
                "ok": True,
            },
        ),
        "bob": new_profile(
            http, "bob@shop.example", properties={"tier": "gold_2%", "orders": "many", "tags": "vip"}
        ),
        "cem": new_profile(
            http, "cem@shop.example", properties={"orders": 10, "since": "2024-01-05", "ok": False}
        ),
        "dee": new_profile(http, "dee@shop.example"),
    }
    http.json(
        "POST",
        f"/api/{SUBSCRIBE}s",
        consent_job(SUBSCRIBE, "ada@shop.example", "bob@shop.example", consent="SUBSCRIBED"),
        status=202,
    )
    http.json("POST", f"/api/{SUPPRESS}s", consent_job(SUPPRESS, "bob@shop.example"), status=202)
    for email, days, value in (("ada", 1, 10), ("ada", 40, 20), ("cem", 40, 50)):
        at = sandbox.clock.now() - timedelta(days=days)
        sent = event(f"{email}@shop.example", "Bought", {"sku": email}, value=value, time=at.isoformat())
        http.json("POST", "/api/events", sent, status=202)
    return ids


def test_custom_properties_are_compared_by_type_and_operator(http: Http, people: dict[str, str]) -> None:
    expected: list[tuple[dict[str, Any], set[str]]] = [
        (has_property("tier", "equals", "Gold"), {"ada"}),
        (has_property("tier", "not-equals", "Gold"), {"bob", "cem", "dee"}),
        (has_property("tier", "contains", "2%"), {"bob"}),
        (has_property("tier", "starts-with", "gold"), {"ada", "bob"}),
        (has_property("tier", "in", ["Gold", "Silver"]), {"ada"}),
        (has_property("tier", "is-set", kind="existence"), {"ada", "bob"}),
        (has_property("tier", "not-set", kind="existence"), {"cem", "dee"}),
        (has_property("orders", "greater-than", 3, "numeric"), {"cem"}),
        (has_property("orders", "less-than-or-equal", 3, "numeric"), {"ada"}),
        (has_property("ok", "equals", False, "boolean"), {"cem"}),
        (has_property("tags", "contains", "vip", "list"), {"ada", "bob"}),
        (has_property("tags", "length-equals", 2, "list"), {"ada"}),
        (has_property("tier", "regex", "G.*"), set()),
    ]
    for condition, names in expected:
        made = new_segment(http, "Property", [condition])
        assert names_in(http, made) == names, condition
    since = {"type": "date", "operator": "after", "date": "2025-06-01T00:00:00Z"}
    after = {"type": "profile-property", "property": "properties['since']", "filter": since}
    city = {
        "type": "profile-property",
        "property": "location['city']",
        "filter": {"type": "string", "operator": "equals", "value": "Bonn"},
    }
    assert names_in(http, new_segment(http, "Since", [after])) == {"ada"}
    assert names_in(http, new_segment(http, "City", [city])) == {"ada"}


def test_groups_are_joined_by_and_their_conditions_by_or(http: Http, people: dict[str, str]) -> None:
    list_id = new_list(http, "Some")
    http.json(
        "POST",
        f"/api/lists/{list_id}/relationships/profiles",
        members(people["ada"], people["dee"]),
        status=204,
    )
    on_list = {"type": "profile-group-membership", "is_member": True, "group_ids": [list_id]}
    can_receive = {
        "type": "profile-marketing-consent",
        "consent": {
            "channel": "email",
            "can_receive_marketing": True,
            "consent_status": {"subscription": "subscribed", "filters": None},
        },
    }
    at_all = {"type": "numeric", "operator": "greater-than", "value": 0}
    metric_id = next(
        one["id"] for one in http.json("GET", "/api/metrics")["data"] if one["attributes"]["name"] == "Bought"
    )

    def bought(measurement: str, condition: dict[str, Any], timeframe: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "profile-metric",
            "metric_id": metric_id,
            "measurement": measurement,
            "measurement_filter": condition,
            "timeframe_filter": timeframe,
            "metric_filters": None,
        }

    lately = {"type": "date", "operator": "in-the-last", "unit": "day", "quantity": 30}
    spent = {"type": "numeric", "operator": "greater-than-or-equal", "value": 31}
    never = {"type": "numeric", "operator": "equals", "value": 0}
    assert names_in(http, new_segment(http, "Able", [can_receive])) == {"ada"}, "bob is suppressed"
    assert names_in(http, new_segment(http, "Lately", [bought("count", at_all, lately)])) == {"ada"}
    assert names_in(http, new_segment(http, "Spent", [bought("sum", spent, ALLTIME)])) == {"cem"}
    assert names_in(http, new_segment(http, "Never", [bought("count", never, ALLTIME)])) == {"bob", "dee"}
    either = [on_list, bought("count", at_all, ALLTIME)]
    assert names_in(http, new_segment(http, "Either", either)) == {"ada", "cem", "dee"}
    both = new_segment(
        http, "Both", either, [bought("count", at_all, ALLTIME)], [{**on_list, "is_member": False}]
    )
    assert names_in(http, both) == {"cem"}
    members_of = new_segment(http, "Inner", [bought("sum", spent, ALLTIME)])
    inner = {"type": "profile-group-membership", "is_member": True, "group_ids": [members_of]}
    nested = new_segment(http, "Nested", [inner])
    assert names_in(http, nested) == {"cem"}, "nobody has asked for the inner one yet"
    circle = segment("Inner", [{**inner, "group_ids": [nested]}])["data"]
    circle["id"] = members_of
    del circle["attributes"]["is_starred"]
    http.json("PATCH", f"/api/segments/{members_of}", {"data": circle})
    assert names_in(http, nested) == {"cem"}, "a circle ends"


def test_members_come_and_go_after_the_lag(sandbox: Sandbox, http: Http) -> None:
    first = new_profile(http, "lag1@shop.example", properties={"lag": "yes"})
    steer(http, "lags", segment_members=540)
    made = http.json(
        "POST", "/api/segments", segment("Late", [has_property("lag", "equals", "yes")]), status=201
    )
    assert made["data"]["attributes"]["is_processing"] is True
    path = f"/api/segments/{made['data']['id']}"
    assert http.json("GET", path)["data"]["attributes"]["is_processing"] is False
    assert http.json("GET", f"{path}/profiles")["data"] == [], "recorded: empty for minutes"
    sandbox.clock.advance(540)
    assert ids_of(http.json("GET", f"{path}/relationships/profiles")) == [first]
    second = new_profile(http, "lag2@shop.example", properties={"lag": "yes"})
    http.json(
        "POST",
        "/api/profile-import",
        {
            "data": {
                "type": "profile",
                "attributes": {"email": "lag1@shop.example", "properties": {"lag": "no"}},
            }
        },
    )
    assert ids_of(http.json("GET", f"{path}/profiles")) == [first]
    since = quote(sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
    sandbox.clock.advance(540)
    assert ids_of(http.json("GET", f"{path}/profiles?filter=greater-than(joined_group_at,{since})")) == [
        second
    ]
    off = {"data": {"type": "segment", "id": made["data"]["id"], "attributes": {"is_active": False}}}
    http.json("PATCH", path, off)
    new_profile(http, "lag3@shop.example", properties={"lag": "yes"})
    sandbox.clock.advance(1000)
    assert ids_of(http.json("GET", f"{path}/profiles")) == [second], "an inactive segment keeps its members"
    inactive = http.json("GET", "/api/segments?filter=equals(is_active,false)")
    assert ids_of(inactive) == [made["data"]["id"]]
    steer(http, "lags", segment_members=0)


def test_a_definition_that_means_nothing_is_refused_by_its_place(http: Http) -> None:
    at = "/data/attributes/definition/condition_groups/0/conditions/0"
    unknown_list = {"type": "profile-group-membership", "is_member": True, "group_ids": ["NOPE01"]}
    unknown_metric = {
        "type": "profile-metric",
        "metric_id": "NOPE01",
        "measurement": "count",
        "measurement_filter": {"type": "numeric", "operator": "equals", "value": 1},
        "timeframe_filter": ALLTIME,
    }
    refused: list[tuple[dict[str, Any], str]] = [
        ({"type": "profile-horoscope"}, f"{at}/type"),
        ({"type": "profile-property", "property": "email"}, f"{at}/filter"),
        (has_property("x", "sounds-like", "y"), f"{at}/filter/operator"),
        (has_property("x", "greater-than", "y", "numeric"), f"{at}/filter/value"),
        (has_property("x", "in", "y"), f"{at}/filter/value"),
        (unknown_list, f"{at}/group_ids"),
        (unknown_metric, f"{at}/metric_id"),
    ]
    for condition, pointer in refused:
        errors = errors_of(http, "POST", "/api/segments", segment("Bad", [condition]))
        assert [error["source"]["pointer"] for error in errors] == [pointer]
    (error,) = errors_of(http, "GET", "/api/segments/NOPE01", None, status=404)
    assert error["detail"] == "A segment with id `NOPE01` does not exist."


def test_suppressing_a_segment_reaches_its_members(http: Http, people: dict[str, str]) -> None:
    made = new_segment(http, "To suppress", [has_property("orders", "greater-than", 5, "numeric")])
    relation = {"segment": {"data": {"type": "segment", "id": made}}}
    body = {"data": {"type": SUPPRESS, "attributes": {}, "relationships": relation}}
    job = http.json("POST", f"/api/{SUPPRESS}s", body, status=202)["data"]
    assert http.json("GET", f"/api/{SUPPRESS}s/{job['id']}")["data"]["attributes"]["total_count"] == 1
    assert ids_of(http.json("GET", f'/api/{SUPPRESS}s?filter=equals(segment_id,"{made}")')) == [job["id"]]
    reason = quote('equals(subscriptions.email.marketing.suppression.reason,"USER_SUPPRESSED")')
    assert people["cem"] in ids_of(http.json("GET", f"/api/profiles?filter={reason}"))

"""Flows and tags from code, and the links between resources."""

from __future__ import annotations

import copy
import re
from typing import Any
from urllib.parse import urlsplit

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import Http, errors_of, ids_of, new_list, new_profile
from tests.platform.sandbox.payloads import (
    delay,
    event,
    flow,
    has_property,
    identifiers,
    members,
    named,
    segment,
    send_email,
)


def new_tag(http: Http, name: str, **relations: Any) -> str:
    return str(http.json("POST", "/api/tags", named("tag", name, **relations), status=201)["data"]["id"])


def test_a_flow_gets_ids_for_its_temporary_ones(http: Http) -> None:
    trigger = {"type": "list", "id": new_list(http, "Triggers")}
    split = {
        "type": "conditional-split",
        "links": {"next_if_true": "step-1", "next_if_false": None},
        "data": {
            "profile_filter": {"condition_groups": [{"conditions": [has_property("a", "equals", "b")]}]}
        },
    }
    made = http.json("POST", "/api/flows", flow("Split", trigger, split, send_email("Hi")), status=201)[
        "data"
    ]
    definition = made["attributes"]["definition"]
    first, second = definition["actions"]
    assert first["id"].isdigit()
    assert first["id"] != second["id"]
    assert definition["entry_action_id"] == first["id"]
    assert first["links"] == {"next_if_true": second["id"], "next_if_false": None}
    assert "temporary_id" not in first
    assert made["attributes"]["trigger_type"] == "Added to List"
    assert "definition" not in http.json("GET", f"/api/flows/{made['id']}")["data"]["attributes"]

    live = {"data": {"type": "flow", "id": made["id"], "attributes": {"status": "live"}}}
    http.json("PATCH", f"/api/flows/{made['id']}", live)
    actions = http.json("GET", f"/api/flows/{made['id']}/flow-actions?sort=id")["data"]
    assert [one["attributes"]["definition"]["data"].get("status") for one in actions] == [None, "live"]
    assert ids_of(http.json("GET", f"/api/lists/{trigger['id']}/flow-triggers")) == [made["id"]]
    assert ids_of(http.json("GET", '/api/flows?filter=equals(status,"live")')) == [made["id"]]
    http.json("DELETE", f"/api/flow-actions/{first['id']}", status=204)
    after = http.json("GET", f"/api/flows/{made['id']}?additional-fields[flow]=definition")["data"]
    assert after["attributes"]["definition"]["entry_action_id"] is None, "it had no 'next'"
    http.json("DELETE", f"/api/flows/{made['id']}", status=204)
    (error,) = errors_of(http, "GET", f"/api/flow-actions/{second['id']}", None, status=404)
    assert error["code"] == "not_found"
    errors_of(http, "GET", "/api/flow-actions/NOPE01", None)


def test_a_flow_that_cannot_be_is_refused_by_its_place(http: Http) -> None:
    at = "/data/attributes/definition"
    list_id = new_list(http, "Trigger of bad flows")
    good = flow("Bad", {"type": "list", "id": list_id}, delay(1), send_email("x"))

    def changed(**definition: Any) -> dict[str, Any]:
        body = copy.deepcopy(good)
        body["data"]["attributes"]["definition"] |= definition
        return body

    actions = good["data"]["attributes"]["definition"]["actions"]
    refused: list[tuple[dict[str, Any], str]] = [
        (changed(triggers=[{"type": "metric", "id": "NOPE01"}]), f"{at}/triggers/0/id"),
        (changed(triggers=[{"type": "full-moon"}]), f"{at}/triggers/0/type"),
        (changed(entry_action_id="step-9"), f"{at}/entry_action_id"),
        (changed(actions=[actions[0], {**actions[1], "type": "send-pigeon"}]), f"{at}/actions/1/type"),
        (changed(actions=[{**actions[0], "id": "1"}, actions[1]]), f"{at}/actions/0/id"),
        (changed(actions=[actions[0], {**actions[1], "links": {"next": "x"}}]), f"{at}/actions/1/links/next"),
    ]
    for body, pointer in refused:
        assert [one["source"]["pointer"] for one in errors_of(http, "POST", "/api/flows", body)] == [pointer]
    http.json("POST", "/api/events", event("first@shop.example", "Begins"), status=202)
    metric_id = next(
        one["id"] for one in http.json("GET", "/api/metrics")["data"] if one["attributes"]["name"] == "Begins"
    )
    http.json("POST", "/api/flows", changed(triggers=[{"type": "metric", "id": metric_id}]), status=201)


def test_tags_of_an_exclusive_group_exclude_each_other(http: Http) -> None:
    body = named("tag-group", "Stage")
    body["data"]["attributes"]["exclusive"] = True
    group = http.json("POST", "/api/tag-groups", body, status=201)["data"]
    assert group["attributes"] == {"name": "Stage", "exclusive": True, "default": False}
    of_group = {"type": "tag-group", "id": group["id"]}
    first, second = (new_tag(http, name, tag_group=of_group) for name in ("One", "Two"))
    free = new_tag(http, "Free")
    list_id = new_list(http, "Tagged once")
    for tag_id in (first, first, free):
        path = f"/api/tags/{tag_id}/relationships/lists"
        http.json("POST", path, identifiers("list", list_id), status=204)
    errors_of(http, "POST", f"/api/tags/{second}/relationships/lists", identifiers("list", list_id))
    assert sorted(ids_of(http.json("GET", f"/api/lists/{list_id}/tags"))) == sorted([first, free])
    http.json("DELETE", f"/api/tag-groups/{group['id']}", status=204)
    assert ids_of(http.json("GET", f"/api/lists/{list_id}/relationships/tags")) == [free]
    (default,) = http.json("GET", "/api/tag-groups?filter=equals(default,true)")["data"]
    errors_of(http, "DELETE", f"/api/tag-groups/{default['id']}", None)
    nowhere = {"type": "tag-group", "id": "00000000-0000-0000-0000-000000000000"}
    (error,) = errors_of(http, "POST", "/api/tags", named("tag", "Lost", tag_group=nowhere), status=404)
    assert (error["code"], error["title"], error["detail"]) == (
        "tag_service_error",
        "Tag Service Error",
        "Tag Group with id 00000000-0000-0000-0000-000000000000 not found",
    )


def test_an_account_has_500_tags_and_no_more(sandbox: Sandbox, http: Http) -> None:
    there = sandbox.store.value("select count(*) from kl_tag")
    group_id = http.json("GET", "/api/tag-groups?filter=equals(default,true)")["data"][0]["id"]
    rows = [(f"filler-{index}", f"Filler {index}", group_id) for index in range(499 - there)]
    sandbox.store.insert("kl_tag", ("id", "name", "group_id"), rows)
    last = new_tag(http, "Number 500")
    errors_of(http, "POST", "/api/tags", named("tag", "Number 501"))
    http.json("DELETE", f"/api/tags/{last}", status=204)
    assert (
        len(http.json("GET", "/api/tags?filter=contains(name,%22filler%20%22)&page[size]=50")["data"]) == 50
    )


# Recorded links to what the specification has no path for.
UNSERVED = re.compile(r"/(template|image)/$|/api/tags/[^/]+/(lists|segments|campaigns|flows)/$")


def test_links_in_answers_lead_somewhere(http: Http) -> None:
    person = new_profile(http, "linked@shop.example", properties={"linked": 1})
    list_id = new_list(http, "Linked")
    http.json("POST", f"/api/lists/{list_id}/relationships/profiles", members(person), status=204)
    http.json("POST", "/api/events", event("linked@shop.example", "Linked"), status=202)
    made = http.json(
        "POST", "/api/flows", flow("Linked", {"type": "list", "id": list_id}, send_email("Hi")), status=201
    )
    tag_id = new_tag(http, "Linked")
    http.json("POST", f"/api/tags/{tag_id}/relationships/lists", identifiers("list", list_id), status=204)
    condition = has_property("linked", "equals", 1, "numeric")
    http.json("POST", "/api/segments", segment("Linked", [condition]), status=201)
    starts = [
        f"/api/profiles/{person}",
        f"/api/lists/{list_id}",
        f"/api/tags/{tag_id}",
        f"/api/flows/{made['data']['id']}/flow-actions",
        "/api/flow-messages/"
        + made["data"]["attributes"]["definition"]["actions"][0]["data"]["message"]["id"],
        *("/api/segments", "/api/events", "/api/metrics", "/api/tag-groups", "/api/flows", "/api/accounts"),
    ]
    links = {link for start in starts for link in _links(http.json("GET", start))}
    assert len(links) > 50
    for link in sorted(links):
        path = link.removeprefix(http.url)
        served = UNSERVED.search(urlsplit(link).path) is None
        assert http.request("GET", path).status == (200 if served else 404), path


def _links(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {link for link in (value.get("links") or {}).values() if isinstance(link, str)}
        return own.union(*(_links(item) for item in value.values()))
    return set().union(*(_links(item) for item in value)) if isinstance(value, list) else set()

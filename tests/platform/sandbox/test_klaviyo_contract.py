"""The sandbox's endpoints against the documentation that Klaviyo's SDK carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from klaviyo_api import KlaviyoAPI
from starlette.datastructures import QueryParams

from c360_platform.sandbox import klaviyo
from c360_platform.sandbox.klaviyo.endpoint import Endpoint
from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import Http, new_list, new_profile, plain
from tests.platform.sandbox.payloads import (
    SUPPRESS,
    UNSUPPRESS,
    consent_job,
    event,
    flow,
    has_property,
    identifiers,
    import_job,
    members,
    named,
    row,
    segment,
    send_email,
)

OPERATORS = (
    *("equals", "any", "greater-than", "greater-or-equal", "less-than", "less-or-equal"),
    *("contains", "starts-with", "ends-with"),
)
VALUES = {"date-time": "2026-01-01T00:00:00Z", "number": "1", "boolean": "true"}
APIS = ("accounts", "data_privacy", "events", "flows", "lists", "metrics", "profiles", "segments", "tags")
WITHOUT_PAGE_SIZE = ("/api/metrics", "/api/profile-suppression-bulk-create-jobs")


@pytest.fixture(scope="module")
def sdk(sandbox: Sandbox) -> KlaviyoAPI:
    """The SDK where it is strictest: every answer becomes a model."""
    return KlaviyoAPI("pk_demo_test", test_host=sandbox.url, max_retries=1)


@cache
def documented() -> dict[tuple[str, str], Callable[..., Any]]:
    """The SDK's methods by (HTTP method, path with {id})."""
    found = {}
    parts = re.compile(r"class (\w+Api)\b|def _(\w+)_serialize\(|method='(\w+)',\s*resource_path='([^']+)'")
    for module in APIS:
        loaded = import_module(f"openapi_client.api.{module}_api")
        api = name = ""
        for match in parts.finditer(Path(str(loaded.__file__)).read_text(encoding="utf-8")):
            api, name = match[1] or api, match[2] or name
            if match[3]:
                path = re.sub(r"\{\w+\}", "{id}", match[4])
                found[match[3], path] = getattr(getattr(loaded, api), name)
    return found


def served() -> Iterator[tuple[Endpoint, Callable[..., Any]]]:
    for endpoint in klaviyo.endpoints():
        yield endpoint, documented()[endpoint.method, endpoint.path]


def test_every_endpoint_has_the_documented_limits_and_scopes() -> None:
    differences = []
    for endpoint, method in served():
        text = method.__doc__ or ""
        windows = [
            (int(match[1]), seconds)
            for unit, seconds in (("s", 1), ("m", 60), ("d", 86_400))
            if (match := re.search(rf"(?:Burst|Steady|Daily): `(\d+)/{unit}`", text))
        ]
        tier = endpoint.tier(QueryParams("")) if callable(endpoint.tier) else endpoint.tier
        scopes = re.search(r"\*\*Scopes:\*\*((?: `[^`]+`)*)", text)
        assert scopes is not None
        if list(tier.windows) != windows or set(endpoint.scopes) != set(re.findall("`([^`]+)`", scopes[1])):
            differences.append((endpoint.method, endpoint.path, tier.windows, windows, endpoint.scopes))
    assert differences == []


def test_dearer_reads_have_the_lower_limits() -> None:
    dearer = {
        ("/api/profiles", "additional-fields[profile]=predictive_analytics"): (10, 150),
        ("/api/profiles/{id}", "include=lists"): (1, 15),
        ("/api/profiles/{id}", "include=segments"): (1, 15),
        ("/api/lists/{id}", "additional-fields[list]=profile_count"): (1, 15),
        ("/api/segments/{id}", "additional-fields[segment]=profile_count"): (1, 15),
    }
    tiers = {one.path: one.tier for one in klaviyo.endpoints() if one.method == "GET"}
    for (path, query), limits in dearer.items():
        tier = tiers[path]
        assert callable(tier)
        assert tuple(limit for limit, _ in tier(QueryParams(query)).windows) == limits, query


@pytest.fixture(scope="module")
def ids(sandbox: Sandbox) -> dict[str, str]:
    """An id of each kind, by the first part of its path; everything is related to something."""
    http, email = Http(sandbox.url), "contract@shop.example"

    def made(path: str, body: Any, status: int = 201) -> str:
        return str(http.json("POST", path, body, status=status)["data"]["id"])

    profile_id, list_id = new_profile(http, email, properties={"c": 1}), new_list(http, "C")
    http.json("POST", f"/api/lists/{list_id}/relationships/profiles", members(profile_id), status=204)
    trigger = {"type": "list", "id": list_id}
    flow_made = http.json("POST", "/api/flows", flow("C", trigger, send_email("C")), status=201)["data"]
    (action,) = flow_made["attributes"]["definition"]["actions"]
    tag_id = made("/api/tags", named("tag", "C"))
    http.json("POST", f"/api/tags/{tag_id}/relationships/lists", identifiers("list", list_id), status=204)
    http.json("POST", "/api/events", event(email, "C"), status=202)
    event_id, metric_id = (
        http.json("GET", path)["data"][0]["id"] for path in ("/api/events", "/api/metrics")
    )
    return {
        "accounts": "SANDBX",
        "profiles": profile_id,
        "lists": list_id,
        "segments": made("/api/segments", segment("C", [has_property("c", "equals", 1, "numeric")])),
        "flows": flow_made["id"],
        "flow-actions": action["id"],
        "flow-messages": action["data"]["message"]["id"],
        "tags": tag_id,
        "tag-groups": http.json("GET", f"/api/tags/{tag_id}/tag-group")["data"]["id"],
        "events": event_id,
        "metrics": metric_id,
        "profile-bulk-import-jobs": made("/api/profile-bulk-import-jobs", import_job([row(email)]), 202),
        **{
            f"{kind}s": made(f"/api/{kind}s", consent_job(kind, email), 202)
            for kind in (SUPPRESS, UNSUPPRESS)
        },
    }


@pytest.fixture(scope="module")
def paths(ids: dict[str, str]) -> dict[str, str]:
    """A path that exists for each template that is read."""
    return {
        one.path: one.path.replace("{id}", ids[one.path.split("/")[2]])
        for one in klaviyo.endpoints()
        if one.method == "GET"
    }


def test_every_answer_parses_in_the_sdk(sdk: KlaviyoAPI, ids: dict[str, str]) -> None:
    asked = 0
    for endpoint, method in served():
        if endpoint.method == "GET":
            api = getattr(sdk, method.__qualname__.partition(".")[0].removesuffix("Api"))
            sent = [ids[endpoint.path.split("/")[2]]] if "{id}" in endpoint.path else []
            answer = plain(getattr(api, method.__name__)(*sent))
            assert answer["data"] is not None, endpoint.path
            asked += 1
    assert asked > 60


def test_every_documented_filter_is_accepted_and_no_other(http: Http, paths: dict[str, str]) -> None:
    fields = re.compile(r"<br>`([^`]+)`: ((?:`[^`]+`(?:, )?)+) \(([^)]*)\)")
    asked = 0
    for endpoint, method in served():
        text = re.search(r"Allowed field\(s\)/operator\(s\):(.*)", method.__doc__ or "")
        if endpoint.path not in paths or text is None:
            continue
        for name, operators, kind in fields.findall(text[1]):
            allowed = set(re.findall("`([^`]+)`", operators))
            for operator in OPERATORS:
                value = VALUES.get(kind) or '"x"'
                value = f"[{value}]" if operator == "any" else value
                path = f"{paths[endpoint.path]}?filter={quote(f'{operator}({name},{value})')}"
                expected = 200 if operator in allowed else 400
                assert http.request("GET", path).status == expected, path
                asked += 1
    assert asked > 500


def test_pages_are_as_large_as_documented_and_no_larger(http: Http, paths: dict[str, str]) -> None:
    asked = 0
    for endpoint, method in served():
        if endpoint.path not in paths:
            continue
        match = re.search(r":param page_size: Default: (\d+)\. Min: 1\. Max: (\d+)\.", method.__doc__ or "")
        sizes = {"1": 400} if match is None else {match[2]: 200, str(int(match[2]) + 1): 400, "0": 400}
        if match is None and endpoint.path not in WITHOUT_PAGE_SIZE:
            continue
        for size, status in sizes.items():
            path = f"{paths[endpoint.path]}?page[size]={size}"
            assert http.request("GET", path).status == status, path
            asked += 1
    assert asked > 30

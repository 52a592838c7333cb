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
from starlette.datastructures import QueryParams

from c360_platform.sandbox import klaviyo
from c360_platform.sandbox.klaviyo.endpoint import Endpoint
from tests.platform.sandbox.client import Http, new_list, new_profile
from tests.platform.sandbox.payloads import flow, has_property, segment, send_email

OPERATORS = (
    *("equals", "any", "greater-than", "greater-or-equal", "less-than", "less-or-equal"),
    *("contains", "starts-with", "ends-with"),
)
VALUES = {"date-time": "2026-01-01T00:00:00Z", "number": "1", "boolean": "true"}
APIS = ("accounts", "data_privacy", "events", "flows", "lists", "metrics", "profiles", "segments", "tags")
WITHOUT_PAGE_SIZE = ("/api/metrics", "/api/profile-suppression-bulk-create-jobs")


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
def paths(sandbox: Any) -> dict[str, str]:
    """A path that exists for each template with filters or pages."""
    http = Http(sandbox.url)
    profile_id, list_id = new_profile(http, "contract@shop.example", properties={"c": 1}), new_list(http, "C")
    condition = has_property("c", "equals", 1, "numeric")
    segment_id = http.json("POST", "/api/segments", segment("C", [condition]), status=201)["data"]["id"]
    made = http.json(
        "POST", "/api/flows", flow("C", {"type": "list", "id": list_id}, send_email("C")), status=201
    )
    action_id = made["data"]["attributes"]["definition"]["entry_action_id"]
    ids = {"profiles": profile_id, "lists": list_id, "segments": segment_id}
    ids |= {"flows": made["data"]["id"], "flow-actions": action_id}
    found = {}
    for endpoint in klaviyo.endpoints():
        kind = endpoint.path.split("/")[2]
        if endpoint.method == "GET" and (kind in ids or "{id}" not in endpoint.path):
            found[endpoint.path] = endpoint.path.replace("{id}", ids.get(kind, ""))
    return found


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

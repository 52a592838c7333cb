"""How tests talk to the sandbox without the SDK, and read what it holds.

Belongs here: requests and what several test modules read. Does not belong here: bodies (`payloads`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.payloads import import_job, named_list, profile

HEADERS = {"Authorization": "Klaviyo-API-Key pk_demo_test", "revision": "2026-10-15"}


@dataclass
class Http:
    """Requests without the SDK, for what it hides: headers, links, bodies of errors."""

    url: str
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {**self.headers, "content-type": "application/vnd.api+json", **headers}
        return self.pool.request(method, self.url + path, body=data, headers=sent)

    def json(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        answer = self.request(method, path, body)
        assert answer.status == status, answer.data
        return json.loads(answer.data) if answer.data else None

    def pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        """The data of each page, following `links.next`."""
        following: str | None = self.url + path
        while following:
            page = self.json("GET", following.removeprefix(self.url))
            yield page["data"]
            following = page["links"]["next"]


def cursor_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["page[cursor]"][0]


def plain(answer: Any) -> Any:
    """The answer of the SDK as a dictionary, in either of its modes."""
    return answer if answer is None or isinstance(answer, dict) else answer.to_dict()


def import_now(sandbox: Sandbox, http: Http, rows: list[dict[str, Any]], *list_ids: str) -> dict[str, Any]:
    """Import, wait, and give the finished job's resource."""
    job = http.json("POST", "/api/profile-bulk-import-jobs", import_job(rows, *list_ids), status=202)["data"]
    sandbox.settle()
    found: dict[str, Any] = http.json("GET", f"/api/profile-bulk-import-jobs/{job['id']}")["data"]
    return found


def profile_of(http: Http, email: str) -> dict[str, Any] | None:
    """Everything about one person, or None."""
    found = http.json(
        "GET", f'/api/profiles?filter=equals(email,"{email}")&additional-fields[profile]=subscriptions'
    )["data"]
    return found[0] if found else None


def attributes_of(http: Http, email: str) -> dict[str, Any]:
    found = profile_of(http, email)
    assert found is not None
    attributes: dict[str, Any] = found["attributes"]
    return attributes


def email_marketing(http: Http, email: str) -> dict[str, Any]:
    marketing: dict[str, Any] = attributes_of(http, email)["subscriptions"]["email"]["marketing"]
    return marketing


def new_list(http: Http, name: str, opt_in: str = "single_opt_in") -> str:
    return str(http.json("POST", "/api/lists", named_list(name, opt_in), status=201)["data"]["id"])


def steer(http: Http, path: str, **order: Any) -> Any:
    """An order to the sandbox itself, below /sandbox/."""
    return http.json("POST", f"/sandbox/{path}", order)


def new_profile(http: Http, email: str, **attributes: Any) -> str:
    """The id of a profile made for this."""
    body = profile(email=email, **attributes)
    return str(http.json("POST", "/api/profiles", body, status=201)["data"]["id"])


def ids_of(answer: Any) -> list[str]:
    return [one["id"] for one in answer["data"]]


def errors_of(http: Http, method: str, path: str, body: Any, *, status: int = 400) -> list[dict[str, Any]]:
    errors: list[dict[str, Any]] = http.json(method, path, body, status=status)["errors"]
    return errors

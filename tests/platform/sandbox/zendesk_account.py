"""A Zendesk account inside a sandbox: changed over the control paths, read over the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from c360_platform.sandbox.server import Sandbox

EMAIL = "admin@shop.example"
TICKETS = "incremental/tickets/cursor.json"
HOUR = 3600


@dataclass
class Account:
    """Reads below /api/v2 as an administrator, changes below /sandbox/zendesk."""

    sandbox: Sandbox
    token: str = "demo"

    def get(self, path: str, **params: Any) -> requests.Response:
        url = path if path.startswith("http") else f"{self.sandbox.url}/api/v2/{path}"
        return requests.get(url, params=params, auth=(f"{EMAIL}/token", self.token), timeout=10)

    def body(self, path: str, **params: Any) -> dict[str, Any]:
        response = self.get(path, **params)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def follow(self, path: str, key: str, /, **params: Any) -> Iterator[dict[str, Any]]:
        """All rows of a list, by the links of either pagination."""
        body = self.body(path, **params)
        while True:
            yield from body[key]
            following = body["links"]["next"] if "links" in body else body["next_page"]
            if following is None:
                return
            body = self.body(following)

    def export(self, path: str = TICKETS, key: str = "tickets", /, **params: Any) -> Iterator[dict[str, Any]]:
        """Rows of a cursor export until the end of the stream, repeated ones included."""
        body = self.body(path, **params)
        while True:
            yield from body[key]
            if body["end_of_stream"]:
                return
            body = self.body(body["after_url"])

    def order(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """A control order below /sandbox/zendesk."""
        url = f"{self.sandbox.url}/sandbox/zendesk/{path}"
        response = requests.request(method, url, json=body, timeout=10)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def ago(self, seconds: float) -> int:
        """A moment on the sandbox's clock, in whole seconds since 1970."""
        return self.sandbox.clock.now_s() - int(seconds)

    def write(self, kind: str, *ids: Any, age: float = 2 * HOUR, **fields: Any) -> None:
        """Records that changed `age` seconds ago."""
        moment = self.ago(age)
        times = {"created_at": iso(moment), "updated_at": iso(moment)}
        if kind == "tickets":
            times["generated_timestamp"] = moment  # type: ignore[assignment]
        self.order("POST", kind, [{**times, **fields, "id": identifier} for identifier in ids])


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ids(rows: Any) -> list[Any]:
    return [row["id"] for row in rows]

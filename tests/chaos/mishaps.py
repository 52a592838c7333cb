"""What goes wrong in a round, at random: faults of Klaviyo, kills, slowness.

Belongs here: choosing. Does not belong here: doing it (the sandbox, `runner`, `Executioner` below).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from c360_platform.sandbox.connection import connection_of
from c360_platform.sandbox.exchange import Taken, gone
from c360_platform.sandbox.faults import Fault
from tests.chaos.runner import Strike

_IMPORTS = "/api/profile-bulk-import-jobs"
_ENDPOINTS: Sequence[tuple[str, str]] = (
    ("POST", _IMPORTS),
    ("POST", _IMPORTS),
    ("GET", _IMPORTS),
    ("GET", f"{_IMPORTS}/{{id}}"),
    ("GET", f"{_IMPORTS}/{{id}}/import-errors"),
    ("POST", "/api/profile-import"),
    ("GET", "/api/profiles"),
    ("GET", "/api/lists"),
    ("POST", "/api/lists"),
    ("GET", "/api/lists/{id}/profiles"),
    ("DELETE", "/api/lists/{id}/relationships/profiles"),
    ("POST", "/api/event-bulk-create-jobs"),
    ("POST", "/api/event-bulk-create-jobs"),
    ("GET", "/api/events"),
    ("GET", "/api/metrics"),
)
_TRANSIENT = (408, 425, 500, 502, 503, 504, 520, 522, 524)
_JSON = {"content-type": "application/vnd.api+json"}
_RETRY_AFTER = (1, 0.3, 7, 100_000, -3, "soon", "1.5 ", "", None)
_FATES = ("cancelled_job", "stuck_job", "slow_job")
_KINDS = (
    *("status", "status", "status", "html", "delay", "no_answer", "drop", "drop", "half_response"),
    *("truncated_json", "repeated_cursor", "empty_pages", "expired_cursor", "throttle", "revoked_key"),
    *_FATES,
)


@dataclass(frozen=True)
class HttpStrike:
    """SIGKILL to the run when its `request`th request arrives, or when it was carried out."""

    request: int
    when: str


def faults(random: Random) -> list[Fault]:
    """The faults of a round; often none."""
    number = random.choice((0, 0, 1, 1, 2, 3, 5))
    return [_fault(random) for _ in range(number)]


def _fault(random: Random) -> Fault:
    kind = random.choice(_KINDS)
    method, path = ("POST", _IMPORTS) if kind in _FATES else random.choice(_ENDPOINTS)
    return Fault(
        kind=kind,
        method=method,
        path=path,
        skip=random.choice((0, 0, 0, 1, 2)),
        # Each of the slow ones takes real time, each fate is one job's.
        times=1 if kind in (*_FATES, "delay", "no_answer") else random.choice((1, 1, 2, 5, 99)),
        **_details(random, kind, path),
    )


def _details(random: Random, kind: str, path: str) -> dict[str, Any]:
    """What a fault of this kind says besides."""
    when = random.choice(("before", "after"))
    told = random.choice(_RETRY_AFTER)
    details: dict[str, dict[str, Any]] = {
        "status": {"when": when, **_status(random, path)},
        "html": {"status": random.choice((200, 202, 400, 403, 502)), "when": when},
        "delay": {"seconds": random.choice((0.02, 0.4)), "when": when},
        "no_answer": {"when": when},
        "drop": {"when": when, "reset": random.random() < 0.5},
        "half_response": {"reset": random.random() < 0.5},
        "throttle": {"retry_after": told, "as_date": isinstance(told, int) and random.random() < 0.5},
        "slow_job": {"seconds": random.choice((30, 4_000, 20_000))},
    }
    return details.get(kind, {})


def _status(random: Random, path: str) -> dict[str, Any]:
    """Any status but those that blame the rows of a request: a row that Klaviyo refuses stays out."""
    status = random.choice((*_TRANSIENT, *_TRANSIENT, 401, 403, 429))
    if path.endswith("{id}") and random.random() < 0.3:
        status = 404
    body = f'{{"errors":[{{"id":"1","code":"chaos","title":"Chaos","detail":"{status}"}}]}}'
    told: dict[str, Any] = {"status": status, "body": body, "headers": _JSON}
    # Whoever turns a request away has not carried it out.
    return told | ({"when": "before"} if status in (401, 403, 404, 429) else {})


def strike(random: Random) -> Strike | HttpStrike | None:
    """Whether and when a run is killed."""
    if random.random() < 0.5:
        return None
    if random.random() < 0.5:
        return HttpStrike(random.randint(1, 8), random.choice(("before", "after")))
    return Strike(random.randint(1, 15), random.choice(("before", "middle", "after")))


class Executioner:
    """In front of the sandbox: kills the process of the run at its counted request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._pid = 0
        self._strike: HttpStrike | None = None
        self._requests = 0

    def await_run(self, pid: int, strike: HttpStrike) -> None:
        self._pid, self._strike, self._requests = pid, strike, 0

    def rest(self) -> None:
        self._strike = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests += 1
        strike = self._strike
        if strike is None or self._requests != strike.request:
            await self._app(scope, receive, send)
            return
        if strike.when == "after":
            await Taken.of(self._app, scope, receive)
        os.kill(self._pid, signal.SIGKILL)
        connection_of(scope).close()
        await gone(receive)

"""What passes over the sandbox's wire: counting every request, and misbehaving on demand.

Belongs here: everything that may happen to a request regardless of what it asks for. Does not belong here:
rate limits (`limits`) and rules of a resource. A new kind of fault is a new `Fault.action` in `_misbehave`.
"""

from __future__ import annotations

import copy
import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(slots=True)
class Fault:
    """One rule: the next `times` requests that match are answered with `status` instead.

    `path` is a template such as `/api/lists/{id}`; None matches every path, as `method` does. With
    `when="after"` the request is carried out first and only its answer is replaced, as when a gateway fails
    after Klaviyo has accepted.
    """

    status: int
    times: int = 1
    method: str | None = None
    path: str | None = None
    when: Literal["before", "after"] = "before"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def matches(self, method: str, template: str) -> bool:
        return self.times > 0 and self.method in (None, method) and self.path in (None, template)

    def response(self) -> Response:
        return Response(self.body, status_code=self.status, headers=self.headers)


class Traffic:
    """Counters by `METHOD /path/template`, and the faults that are waiting to happen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._faults: list[Fault] = []

    def count(self, method: str, template: str) -> None:
        with self._lock:
            self._calls[f"{method} {template}"] += 1

    def calls(self) -> dict[str, int]:
        """Requests since the start or the last `forget_calls`, refused ones included."""
        with self._lock:
            return dict(sorted(self._calls.items()))

    def forget_calls(self) -> None:
        with self._lock:
            self._calls.clear()

    def add_fault(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def faults(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults if fault.times > 0]

    def forget_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def next_fault(self, method: str, template: str) -> Fault | None:
        """The first fault for this request, used up by one."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, template):
                    fault.times -= 1
                    return fault
        return None

    def observe(self, route: Route) -> Route:
        """A copy of the route, whose requests are counted and may meet a fault."""
        observed = copy.copy(route)
        observed.app = _Observed(route.app, route.path, self)
        return observed


class _Observed:
    def __init__(self, app: ASGIApp, template: str, traffic: Traffic) -> None:
        self._app = app
        self._template = template
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        self._traffic.count(method, self._template)
        fault = self._traffic.next_fault(method, self._template)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._misbehave(fault, scope, receive, send)

    async def _misbehave(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.when == "after":
            await self._app(scope, receive, _swallow)
        await fault.response()(scope, receive, send)


async def _swallow(_: Message) -> None:
    """Takes an answer that nobody shall see."""

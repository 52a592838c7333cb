"""What passes over the sandbox's wire: counting every request, and the faults that wait for one.

Belongs here: which request is counted as what and which fault it meets. Does not belong here: rate limits
(`limits`), what a fault is (`faults`) and what it does (`misbehaviour`).
"""

from __future__ import annotations

import copy
import threading
from collections import Counter
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from c360_platform.sandbox.faults import Fault
from c360_platform.sandbox.misbehaviour import misbehaving

__all__ = ["Fault", "Traffic"]


class Traffic:
    """Counters by `METHOD /path/template`, and the faults that are waiting to happen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._faults: list[Fault] = []
        self._templates: set[str] = set()

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
        """Let a fault wait for its requests. Raises `ValueError` when no request has its path."""
        if fault.path is not None and fault.path not in self._templates:
            raise ValueError(f"no path is '{fault.path}'; give a template as /sandbox/calls shows it")
        with self._lock:
            self._faults.append(fault)

    def faults(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.as_object() for fault in self._faults if fault.times > 0]

    def forget_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def next_fault(self, method: str, template: str, query: bytes) -> Fault | None:
        """The first fault for this request, used up by one."""
        with self._lock:
            for fault in self._faults:
                if fault.meets(method, template, query):
                    return fault
        return None

    def observe(self, route: Route) -> Route:
        """A copy of the route, whose requests are counted and may meet a fault."""
        self._templates.add(route.path)
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
        fault = self._traffic.next_fault(method, self._template, scope["query_string"])
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await misbehaving(fault, self._template, self._app)(scope, receive, send)

"""The sandbox's HTTP application: Klaviyo under /api/, Zendesk under /api/v2/, control under /sandbox/.

Belongs here: putting the parts together, and what holds for every path. Does not belong here: resources.
Handlers find what they share in `request.app.state`: `store`, `clock`, `limits`, `traffic`, `benchmark`.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from c360_platform.sandbox import control, klaviyo, zendesk
from c360_platform.sandbox.benchmark import Benchmark
from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.dispatch import IndexedRouter
from c360_platform.sandbox.limits import Limits
from c360_platform.sandbox.orders import OrderError, refuse
from c360_platform.sandbox.store import Store
from c360_platform.sandbox.traffic import Traffic

_UNKNOWN_PATH: Final = "(unknown path)"
_WORTH_BYTES: Final = 1_000  # smaller answers are not compressed (assumed)


def create_app(store: Store, clock: Clock, limits: Limits, *, benchmark: bool = False) -> Starlette:
    """The application over one store; it starts nothing and owns nothing."""
    traffic = Traffic()
    observed = [traffic.observe(route) for route in (*zendesk.routes(), *klaviyo.routes())]
    app = Starlette(
        middleware=[
            Middleware(_Front, clock=clock),
            Middleware(GZipMiddleware, minimum_size=_WORTH_BYTES, compresslevel=1),
        ],
        exception_handlers={404: _no_such_path, 405: _no_such_method, OrderError: refuse},
    )
    app.router = IndexedRouter([*observed, *control.routes()])
    app.state.store = store
    app.state.clock = clock
    app.state.limits = limits
    app.state.traffic = traffic
    app.state.benchmark = Benchmark(enabled=benchmark)
    return app


class _Front:
    """What holds for every request: the slash at the end of a path, and the time of the answer.

    Both forms of a path reach the same route: Klaviyo links to `/api/lists/X/`, its SDK calls without. The
    Date header is the sandbox's time, so that a client that reads the server's time stays with its clock.
    """

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._date = (0, b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/" and scope["path"].endswith("/"):
            scope["path"] = scope["path"].rstrip("/") or "/"

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(b"date", self._now()), *message.get("headers", ())]
            await send(message)

        await self._app(scope, receive, send_dated)

    def _now(self) -> bytes:
        second = self._clock.now_s()
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True).encode())
        return self._date[1]


async def _no_such_path(request: Request, _: Exception) -> Response:
    request.app.state.traffic.count(request.method, _UNKNOWN_PATH)
    return _router_error(request, 404, "InvalidEndpoint")


async def _no_such_method(request: Request, _: Exception) -> Response:
    return _router_error(request, 405, "MethodNotAllowed")


def _router_error(request: Request, status: int, zendesk_error: str) -> Response:
    """An error of the router itself, in the words of the API that was asked."""
    path = request.url.path
    if path.startswith("/api/") and not path.startswith("/api/v2/"):
        return klaviyo.router_error(status)
    body = {"error": zendesk_error, "description": f"{request.method} {path} is not served here"}
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")

"""The sandbox's HTTP application: Klaviyo under /api/, Zendesk under /api/v2/, control under /sandbox/.

Belongs here: putting the parts together, and what holds for every path. Does not belong here: resources.
Handlers find what they share in `request.app.state`: `store`, `clock`, `limits`, `traffic`.
"""

from __future__ import annotations

from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from c360_platform.sandbox import control, klaviyo, zendesk
from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.limits import Limits
from c360_platform.sandbox.orders import OrderError, refuse
from c360_platform.sandbox.store import Store
from c360_platform.sandbox.traffic import Traffic

_UNKNOWN_PATH: Final = "(unknown path)"


def create_app(store: Store, clock: Clock, limits: Limits) -> Starlette:
    """The application over one store; it starts nothing and owns nothing."""
    traffic = Traffic()
    observed = [traffic.observe(route) for route in (*zendesk.routes(), *klaviyo.routes())]
    app = Starlette(
        routes=[*observed, *control.routes()],
        middleware=[Middleware(_WithoutTrailingSlash)],
        exception_handlers={404: _no_such_path, 405: _no_such_method, OrderError: refuse},
    )
    app.router.redirect_slashes = False
    app.state.store = store
    app.state.clock = clock
    app.state.limits = limits
    app.state.traffic = traffic
    return app


class _WithoutTrailingSlash:
    """Both forms of a path reach the same route: Klaviyo links to `/api/lists/X/`, its SDK calls without."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self._app(scope, receive, send)


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

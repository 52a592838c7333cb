"""Control paths that only the sandbox's Klaviyo has.

Belongs here: turning orders into settings. Does not belong here: what a setting does, and what holds for both
services (`sandbox.control`).

    POST /sandbox/keys                      {"key": "pk_demo_x", "scopes": ["lists:read"], "account": "ABC"}
    POST /sandbox/imports                   {"delay_seconds": 0.2, "fail_late": {"a@shop.example": "why"}}
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.orders import answer, read_order
from c360_platform.sandbox.store import Store


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    scopes: list[str] | None = None
    account: str | None = None


class _Imports(msgspec.Struct, forbid_unknown_fields=True):
    delay_seconds: float | None = None
    fail_late: dict[str, str] | None = None


def routes() -> list[Route]:
    """Klaviyo's control paths."""
    return [
        Route("/sandbox/keys", _post_keys, methods=["POST"]),
        Route("/sandbox/imports", _post_imports, methods=["POST"]),
    ]


def settings_in(store: Store) -> dict[str, Any]:
    """What `/sandbox/state` shows of Klaviyo besides rows."""
    settings = KlaviyoSettings(store)
    return {"imports": {"delay_seconds": settings.import_delay_seconds, "fail_late": settings.fail_late}}


async def _post_keys(request: Request) -> Response:
    order = await read_order(request, _Key)
    KlaviyoSettings(request.app.state.store).set_key(order.key, scopes=order.scopes, account=order.account)
    return Response(status_code=204)


async def _post_imports(request: Request) -> Response:
    order = await read_order(request, _Imports)
    settings = KlaviyoSettings(request.app.state.store)
    if order.delay_seconds is not None:
        settings.import_delay_seconds = order.delay_seconds
    if order.fail_late is not None:
        settings.fail_late = order.fail_late
    return answer(settings_in(request.app.state.store)["imports"])

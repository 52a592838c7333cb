"""Paths under /sandbox/: how a test or a person steers a running sandbox over HTTP.

Belongs here: turning requests into calls of the clock, the limits, the traffic and the settings. Does not
belong here: anything that Klaviyo or Zendesk have. No key is needed; the server listens on loopback only.

    GET  /sandbox/state                     clock, limits, waiting faults, settings, rows per table
    POST /sandbox/clock                     {"advance_seconds": 61} | {"set": "2026-11-20T00:00:00Z"}
                                            | {"freeze": true|false} | {"reset": true}
    POST /sandbox/limits                    {"enabled": false} | {"reset": true}
    GET, DELETE /sandbox/calls              requests by method and path template; forget them
    POST /sandbox/keys                      {"key": "pk_demo_x", "scopes": ["lists:read"], "account": "ABC"}
    POST /sandbox/imports                   {"delay_seconds": 0.2, "fail_late": {"a@shop.example": "why"}}
    POST, DELETE /sandbox/faults            a `traffic.Fault` as an object; forget them
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.traffic import Fault

T = TypeVar("T")

_TABLES: Final = (
    *("kl_profile", "kl_list", "kl_list_member", "kl_metric", "kl_event", "kl_import_job"),
    *("zd_ticket", "zd_user", "zd_organization", "zd_satisfaction_rating", "zd_survey_response"),
    *("zd_ticket_event", "zd_ticket_metric_event"),
)


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    advance_seconds: float = 0
    set: datetime | None = None
    freeze: bool | None = None
    reset: bool = False


class _Limits(msgspec.Struct, forbid_unknown_fields=True):
    enabled: bool | None = None
    reset: bool = False


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    scopes: list[str] | None = None
    account: str | None = None


class _Imports(msgspec.Struct, forbid_unknown_fields=True):
    delay_seconds: float | None = None
    fail_late: dict[str, str] | None = None


def routes() -> list[Route]:
    """The control paths; they are neither counted nor do they meet faults."""
    return [
        Route("/sandbox/state", _get_state, methods=["GET"]),
        Route("/sandbox/clock", _post_clock, methods=["POST"]),
        Route("/sandbox/limits", _post_limits, methods=["POST"]),
        Route("/sandbox/calls", _get_calls, methods=["GET"]),
        Route("/sandbox/calls", _delete_calls, methods=["DELETE"]),
        Route("/sandbox/keys", _post_keys, methods=["POST"]),
        Route("/sandbox/imports", _post_imports, methods=["POST"]),
        Route("/sandbox/faults", _post_faults, methods=["POST"]),
        Route("/sandbox/faults", _delete_faults, methods=["DELETE"]),
    ]


async def _get_state(request: Request) -> Response:
    state = request.app.state
    settings = KlaviyoSettings(state.store)
    return _json(
        {
            "now": state.clock.now().isoformat(),
            "limits": state.limits.enabled,
            "faults": state.traffic.faults(),
            "imports": {"delay_seconds": settings.import_delay_seconds, "fail_late": settings.fail_late},
            "rows": {table: state.store.value(f"select count(*) from {table}") for table in _TABLES},
        }
    )


async def _post_clock(request: Request) -> Response:
    order = await _body(request, _Clock)
    if isinstance(order, Response):
        return order
    clock = request.app.state.clock
    if order.reset:
        clock.reset()
    if order.set is not None:
        clock.set(order.set)
    if order.freeze is not None:
        (clock.freeze if order.freeze else clock.resume)()
    if order.advance_seconds:
        clock.advance(order.advance_seconds)
    return _json({"now": clock.now().isoformat()})


async def _post_limits(request: Request) -> Response:
    order = await _body(request, _Limits)
    if isinstance(order, Response):
        return order
    limits = request.app.state.limits
    if order.enabled is not None:
        limits.enabled = order.enabled
    if order.reset:
        limits.reset()
    return _json({"enabled": limits.enabled})


async def _get_calls(request: Request) -> Response:
    return _json(request.app.state.traffic.calls())


async def _delete_calls(request: Request) -> Response:
    request.app.state.traffic.forget_calls()
    return Response(status_code=204)


async def _post_keys(request: Request) -> Response:
    order = await _body(request, _Key)
    if isinstance(order, Response):
        return order
    KlaviyoSettings(request.app.state.store).set_key(order.key, scopes=order.scopes, account=order.account)
    return Response(status_code=204)


async def _post_imports(request: Request) -> Response:
    order = await _body(request, _Imports)
    if isinstance(order, Response):
        return order
    settings = KlaviyoSettings(request.app.state.store)
    if order.delay_seconds is not None:
        settings.import_delay_seconds = order.delay_seconds
    if order.fail_late is not None:
        settings.fail_late = order.fail_late
    return _json({"delay_seconds": settings.import_delay_seconds, "fail_late": settings.fail_late})


async def _post_faults(request: Request) -> Response:
    fault = await _body(request, Fault)
    if isinstance(fault, Response):
        return fault
    request.app.state.traffic.add_fault(fault)
    return Response(status_code=204)


async def _delete_faults(request: Request) -> Response:
    request.app.state.traffic.forget_faults()
    return Response(status_code=204)


async def _body(request: Request, form: type[T]) -> T | Response:
    try:
        return msgspec.json.decode(await request.body(), type=form)
    except msgspec.DecodeError as error:
        return _json({"error": f"{request.url.path}: {error}"}, status=400)


def _json(value: Any, *, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")

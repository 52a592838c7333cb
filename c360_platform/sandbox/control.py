"""Paths under /sandbox/: how a test or a person steers a running sandbox over HTTP.

Belongs here: the clock, the limits, the traffic, a view of everything. Does not belong here: what only one of
the two services has (`klaviyo.control`, `zendesk.control`). No key is needed; the server listens on loopback
only.

    GET  /sandbox/state                     clock, limits, benchmark counts, faults, settings, rows per table
    POST /sandbox/clock                     {"advance_seconds": 61} | {"set": "2026-11-20T00:00:00Z"}
                                            | {"freeze": true|false} | {"reset": true}
    POST /sandbox/limits                    {"enabled": false} | {"reset": true}
    POST /sandbox/benchmark                 {"enabled": true} | {"reset": true}
    GET, DELETE /sandbox/calls              requests by method and path template; forget them
    POST, DELETE /sandbox/faults            a `faults.Fault` as an object; forget them
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from c360_platform.sandbox.benchmark import Benchmark
from c360_platform.sandbox.faults import Fault
from c360_platform.sandbox.klaviyo import control as klaviyo
from c360_platform.sandbox.orders import OrderError, answer, read_order
from c360_platform.sandbox.store import Store
from c360_platform.sandbox.zendesk import control as zendesk


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    advance_seconds: float = 0
    set: datetime | None = None
    freeze: bool | None = None
    reset: bool = False


class _Switch(msgspec.Struct, forbid_unknown_fields=True):
    enabled: bool | None = None
    reset: bool = False


def routes() -> list[Route]:
    """The control paths, those of the services too; they are neither counted nor do they meet faults."""
    return [
        Route("/sandbox/state", _get_state, methods=["GET"]),
        Route("/sandbox/clock", _post_clock, methods=["POST"]),
        Route("/sandbox/limits", _post_limits, methods=["POST"]),
        Route("/sandbox/benchmark", _post_benchmark, methods=["POST"]),
        Route("/sandbox/calls", _get_calls, methods=["GET"]),
        Route("/sandbox/calls", _delete_calls, methods=["DELETE"]),
        Route("/sandbox/faults", _post_faults, methods=["POST"]),
        Route("/sandbox/faults", _delete_faults, methods=["DELETE"]),
        *klaviyo.routes(),
        *zendesk.routes(),
    ]


async def _get_state(request: Request) -> Response:
    state = request.app.state
    return answer(
        {
            "now": state.clock.now().isoformat(),
            "limits": state.limits.enabled,
            "benchmark": _benchmark(state.benchmark),
            "faults": state.traffic.faults(),
            **klaviyo.settings_in(state.store),
            **zendesk.settings_in(state.store),
            "rows": _rows_per_table(state.store),
        }
    )


async def _post_clock(request: Request) -> Response:
    order = await read_order(request, _Clock)
    clock = request.app.state.clock
    if order.reset:
        clock.reset()
    if order.set is not None:
        clock.set(order.set)
    if order.freeze is not None:
        (clock.freeze if order.freeze else clock.resume)()
    if order.advance_seconds:
        clock.advance(order.advance_seconds)
    return answer({"now": clock.now().isoformat()})


async def _post_limits(request: Request) -> Response:
    order = await read_order(request, _Switch)
    limits = request.app.state.limits
    if order.enabled is not None:
        limits.enabled = order.enabled
    if order.reset:
        limits.reset()
    return answer({"enabled": limits.enabled})


async def _post_benchmark(request: Request) -> Response:
    order = await read_order(request, _Switch)
    benchmark: Benchmark = request.app.state.benchmark
    if order.enabled is not None:
        benchmark.enabled = order.enabled
    if order.reset:
        benchmark.reset()
    return answer(_benchmark(benchmark))


async def _get_calls(request: Request) -> Response:
    return answer(request.app.state.traffic.calls())


async def _delete_calls(request: Request) -> Response:
    request.app.state.traffic.forget_calls()
    return Response(status_code=204)


async def _post_faults(request: Request) -> Response:
    try:
        request.app.state.traffic.add_fault(await read_order(request, Fault))
    except ValueError as error:
        raise OrderError(f"{request.url.path}: {error}") from None
    return Response(status_code=204)


async def _delete_faults(request: Request) -> Response:
    request.app.state.traffic.forget_faults()
    return Response(status_code=204)


def _benchmark(benchmark: Benchmark) -> dict[str, Any]:
    return {"enabled": benchmark.enabled, "counts": benchmark.counts()}


def _rows_per_table(store: Store) -> dict[str, int]:
    tables = store.rows(
        "select name from sqlite_schema "
        "where type = 'table' and substr(name, 1, 3) in ('kl_', 'zd_') order by name"
    )
    return {name: store.value(f"select count(*) from {name}") for (name,) in tables}

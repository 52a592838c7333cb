"""Control paths that only the sandbox's Klaviyo has.

Belongs here: turning orders into settings. Does not belong here: what a setting does, and what holds for both
services (`sandbox.control`).

    POST /sandbox/keys                      {"key": "pk_demo_x", "scopes": ["lists:read"], "account": "ABC"}
    POST /sandbox/imports                   {"delay_seconds": 0.2, "fail_late": {"a@shop.example": "why"},
                                            "fates": {"<job id>": "queued"|"processing"|"cancelled"|null}}
    POST /sandbox/lags                      {"events": 5, "suppressions": 7200, …}: seconds, see `lags.Lags`;
                                            what is not named stays
    POST /sandbox/predictions               {"a@shop.example": {"predicted_clv": 120.5, …}|null}, by e-mail;
                                            what is not named within a profile is null
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from c360_platform.sandbox.klaviyo.import_work import Fate, set_fate
from c360_platform.sandbox.klaviyo.lags import lags_in, set_lags
from c360_platform.sandbox.klaviyo.predictions import Predictions, set_predictions
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
    fates: dict[str, Fate | None] = {}


class _Lags(msgspec.Struct, forbid_unknown_fields=True):
    events: float | None = None
    back_dated_events: float | None = None
    subscriptions: float | None = None
    suppressions: float | None = None
    merges: float | None = None
    deletions: float | None = None
    segment_members: float | None = None
    merged_ids: float | None = None


def routes() -> list[Route]:
    """Klaviyo's control paths."""
    return [
        Route("/sandbox/keys", _post_keys, methods=["POST"]),
        Route("/sandbox/imports", _post_imports, methods=["POST"]),
        Route("/sandbox/lags", _post_lags, methods=["POST"]),
        Route("/sandbox/predictions", _post_predictions, methods=["POST"]),
    ]


def settings_in(store: Store) -> dict[str, Any]:
    """What `/sandbox/state` shows of Klaviyo besides rows."""
    settings = KlaviyoSettings(store)
    imports = {
        "delay_seconds": settings.import_delay_seconds,
        "fail_late": settings.fail_late,
    }
    return {"imports": imports, "lags": msgspec.structs.asdict(lags_in(store))}


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
    for job_id, fate in order.fates.items():
        set_fate(request.app.state.store, job_id, fate)
    return answer(settings_in(request.app.state.store)["imports"])


async def _post_lags(request: Request) -> Response:
    order = msgspec.structs.asdict(await read_order(request, _Lags))
    store = request.app.state.store
    lags = msgspec.structs.replace(
        lags_in(store), **{name: seconds for name, seconds in order.items() if seconds is not None}
    )
    set_lags(store, lags)
    return answer(msgspec.structs.asdict(lags))


async def _post_predictions(request: Request) -> Response:
    unknown = set_predictions(request.app.state.store, await read_order(request, Predictions))
    return answer({"unknown": unknown})

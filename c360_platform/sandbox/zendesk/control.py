"""Control paths that only the sandbox's Zendesk has.

Belongs here: turning orders into settings and changes of Zendesk's rows. Does not belong here: what holds for
both services (`sandbox.control`), what a change does (`changes`), what a setting does (`settings`).

    GET, POST, DELETE /sandbox/zendesk/settings     members of `ZendeskSettings` that change; defaults again
    POST   /sandbox/zendesk/{kind}                  [{"id": 1, …}, …] makes or replaces records
    PUT, PATCH, DELETE /sandbox/zendesk/{kind}/{id} {"status": "solved", "comment": {"body": "Done"}, …}
    POST   /sandbox/zendesk/tickets/{id}/system-update   {"group_id": 3}: moves generated_timestamp alone
    POST   /sandbox/zendesk/tickets/{id}/merge      {"into": 2}
    POST   /sandbox/zendesk/{tickets|users}/{id}/scrub

Kinds: tickets, users, organizations, satisfaction_ratings, survey_responses, ticket_events,
ticket_metric_events, and the short lists (ticket_fields, groups, brands, …).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from c360_platform.sandbox.orders import OrderError, answer, read_order
from c360_platform.sandbox.store import Store
from c360_platform.sandbox.zendesk.changes import ChangeError, Changes, Fields
from c360_platform.sandbox.zendesk.settings import ZendeskSettings, read_settings, write_settings

_ROOT = "/sandbox/zendesk"


class _Merge(msgspec.Struct, forbid_unknown_fields=True):
    into: int


def routes() -> list[Route]:
    """Zendesk's control paths."""
    record = f"{_ROOT}/{{kind}}/{{id}}"
    return [
        Route(f"{_ROOT}/settings", _get_settings, methods=["GET"]),
        Route(f"{_ROOT}/settings", _post_settings, methods=["POST"]),
        Route(f"{_ROOT}/settings", _delete_settings, methods=["DELETE"]),
        Route(f"{_ROOT}/tickets/{{id}}/system-update", _system_update, methods=["POST"]),
        Route(f"{_ROOT}/tickets/{{id}}/merge", _merge, methods=["POST"]),
        Route(f"{record}/scrub", _scrub, methods=["POST"]),
        Route(f"{_ROOT}/{{kind}}", _put_many, methods=["POST"]),
        Route(record, _put, methods=["PUT"]),
        Route(record, _patch, methods=["PATCH"]),
        Route(record, _delete, methods=["DELETE"]),
    ]


def settings_in(store: Store) -> dict[str, Any]:
    """What `/sandbox/state` shows of Zendesk besides rows."""
    return {"zendesk": msgspec.to_builtins(read_settings(store))}


async def _get_settings(request: Request) -> Response:
    return answer(msgspec.to_builtins(read_settings(request.app.state.store)))


async def _post_settings(request: Request) -> Response:
    store = request.app.state.store
    order = await read_order(request, dict[str, Any])
    try:
        settings = msgspec.convert(
            {**msgspec.to_builtins(read_settings(store)), **order}, type=ZendeskSettings
        )
    except msgspec.ValidationError as error:
        raise OrderError(f"{request.url.path}: {error}") from None
    write_settings(store, settings)
    return answer(msgspec.to_builtins(settings))


async def _delete_settings(request: Request) -> Response:
    write_settings(request.app.state.store, ZendeskSettings())
    return Response(status_code=204)


async def _put_many(request: Request) -> Response:
    records = await read_order(request, list[dict[str, Any]])
    return _changed(request, lambda changes: {"made": len(changes.put_many(_kind(request), records))})


async def _put(request: Request) -> Response:
    fields = await read_order(request, dict[str, Any])
    return _changed(request, lambda changes: changes.put(_kind(request), _identifier(request), fields))


async def _patch(request: Request) -> Response:
    fields = await read_order(request, dict[str, Any])
    return _changed(request, lambda changes: changes.patch(_kind(request), _identifier(request), fields))


async def _delete(request: Request) -> Response:
    return _changed(request, lambda changes: changes.delete(_kind(request), _identifier(request)))


async def _system_update(request: Request) -> Response:
    fields = await read_order(request, dict[str, Any])
    return _changed(request, lambda changes: changes.system_update(_number(request), fields))


async def _merge(request: Request) -> Response:
    order = await read_order(request, _Merge)
    return _changed(request, lambda changes: changes.merge(_number(request), order.into))


async def _scrub(request: Request) -> Response:
    return _changed(request, lambda changes: changes.scrub(_kind(request), _number(request)))


def _changed(request: Request, change: Callable[[Changes], Fields]) -> Response:
    state = request.app.state
    try:
        return answer(change(Changes(state.store, state.clock)))
    except ChangeError as error:
        raise OrderError(f"{request.url.path}: {error}") from None


def _kind(request: Request) -> str:
    return str(request.path_params["kind"])


def _identifier(request: Request) -> int | str:
    """Survey responses have text for an id, everything else a number."""
    text = str(request.path_params["id"])
    return text if _kind(request) == "survey_responses" else _number(request)


def _number(request: Request) -> int:
    text = str(request.path_params["id"])
    if not text.isdecimal() or len(text) > 18:
        raise OrderError(f"{request.url.path}: the id must be a number")
    return int(text)

"""Carrying out faults: what happens on the wire instead of an answer.

Belongs here: one function per kind of fault. Does not belong here: which requests it meets (`faults`), and
the words of a refusal: those are the API's own, because the request itself is spoilt and then carried out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from math import ceil
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from c360_platform.sandbox import endless
from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.connection import connection_of
from c360_platform.sandbox.exchange import Taken, gone, read_body, replay
from c360_platform.sandbox.faults import CURSORS, Fault, pairs
from c360_platform.sandbox.klaviyo.import_work import Fate, set_fate
from c360_platform.sandbox.limits import Refusal, refusing

_PAGE: Final = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
_NO_CURSOR: Final = "no-such-cursor"
_NO_KEY: Final = {b"klaviyo-api-key": b"Klaviyo-API-Key revoked", b"bearer": b"Bearer revoked"}
_FATES: Final[Mapping[str, Fate]] = {"cancelled_job": "cancelled", "stuck_job": "queued", "slow_job": "slow"}
_EXPORTS: Final = "/api/v2/incremental/"


@dataclass(slots=True)
class _Wire:
    """A request that meets a fault. Its body was read: nothing is left in the socket when it is closed."""

    fault: Fault
    app: ASGIApp
    scope: Scope
    template: str
    receive: Receive
    send: Send

    async def work(self) -> None:
        await self.app(self.scope, self.receive, self.send)

    async def take(self) -> Taken:
        return await Taken.of(self.app, self.scope, self.receive)

    async def work_unseen(self) -> None:
        """Carry the request out when the fault comes after."""
        if self.fault.when == "after":
            await self.take()

    async def end(self, *, reset: bool) -> None:
        """End the connection and wait until it has ended."""
        connection = connection_of(self.scope)
        (connection.reset if reset else connection.close)()
        await gone(self.receive)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """While a connection hangs, the server may close it when it stops."""
        connection = connection_of(self.scope)
        connection.held = True
        try:
            yield
        finally:
            connection.held = False

    def query(self, name: str, value: str | None) -> None:
        """Replace a parameter of the query, or leave it out."""
        kept = [(key, value if key == name else old) for key, old in pairs(self.scope["query_string"])]
        text = urlencode([(key, given) for key, given in kept if given is not None])
        self.scope["query_string"] = text.encode("latin-1")

    def cursor(self) -> tuple[str, str] | tuple[None, None]:
        """Name and value of the cursor that was asked for."""
        asked = [pair for pair in pairs(self.scope["query_string"]) if pair[0] in CURSORS]
        return asked[0] if asked else (None, None)

    @property
    def url(self) -> str:
        """The address as it was asked."""
        host = dict(self.scope["headers"]).get(b"host", b"").decode("latin-1")
        query = self.scope["query_string"].decode("latin-1")
        return f"{self.scope['scheme']}://{host}{self.scope['path']}" + (f"?{query}" if query else "")


def misbehaving(fault: Fault, template: str, app: ASGIApp) -> ASGIApp:
    """`app` as one request to it goes wrong."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive) or b""
        await _DEEDS[fault.kind](_Wire(fault, app, scope, template, replay(body, receive), send))

    return respond


async def _status(wire: _Wire) -> None:
    await wire.work_unseen()
    fault = wire.fault
    response = Response(fault.body, status_code=fault.status or 500, headers=fault.headers)
    await response(wire.scope, wire.receive, wire.send)


async def _html(wire: _Wire) -> None:
    await wire.work_unseen()
    fault = wire.fault
    page = Response(fault.body or _PAGE, fault.status or 200, fault.headers, media_type="text/html")
    await page(wire.scope, wire.receive, wire.send)


async def _delay(wire: _Wire) -> None:
    if wire.fault.when == "after":
        taken = await wire.take()
        async with wire.held():
            left = await gone(wire.receive, wire.fault.seconds)
        if not left:
            await taken.send(wire.send)
        return
    body = await read_body(wire.receive) or b""
    async with wire.held():
        left = await gone(wire.receive, wire.fault.seconds)
    if not left:  # a proxy that gives a request up does not pass it on
        wire.receive = replay(body, wire.receive)
        await wire.work()


async def _no_answer(wire: _Wire) -> None:
    await wire.work_unseen()
    async with wire.held():
        await gone(wire.receive)


async def _drop(wire: _Wire) -> None:
    await wire.work_unseen()
    await wire.end(reset=wire.fault.reset)


async def _half_response(wire: _Wire) -> None:
    taken = await wire.take()
    taken.headers["content-encoding"] = "identity"  # so that it is sent as it is, with its length
    await taken.start(wire.send)
    half = taken.body[: len(taken.body) // 2]
    await wire.send({"type": "http.response.body", "body": half, "more_body": True})
    if wire.fault.reset:
        await gone(wire.receive, 0.05)  # RST discards what is on its way: let the half arrive first
    await wire.end(reset=wire.fault.reset)


async def _truncated_json(wire: _Wire) -> None:
    taken = await wire.take()
    taken.replace_body(taken.body[: len(taken.body) // 2])
    await taken.send(wire.send)


async def _repeated_cursor(wire: _Wire) -> None:
    url = wire.url
    taken = await wire.take()
    page = endless.page_of(taken.body)
    if page is not None:
        endless.repeat(page, url)
        taken.replace_body(orjson.dumps(page))
    await taken.send(wire.send)


async def _empty_pages(wire: _Wire) -> None:
    name, cursor = wire.cursor()
    if name is not None:
        wire.query(name, endless.true_cursor(cursor))
    taken = await wire.take()
    page = endless.page_of(taken.body)
    if page is not None:
        endless.empty(page, wire.url, cursor)
        taken.replace_body(orjson.dumps(page))
    await taken.send(wire.send)


async def _expired_cursor(wire: _Wire) -> None:
    name, _ = wire.cursor()
    if name is not None:
        wire.query(name, _NO_CURSOR)
    await wire.work()


async def _throttle(wire: _Wire) -> None:
    fault = wire.fault
    told = fault.retry_after
    seconds = 0 if told is None else 1 if isinstance(told, str) else ceil(told)
    # An export has two limits; its own is the one that clients run into.
    spared = "account" if wire.template.startswith(_EXPORTS) else None
    with refusing(Refusal(seconds, spared)):
        taken = await wire.take()
    del taken.headers["retry-after"]
    if fault.as_date and isinstance(told, int | float):
        clock: Clock = wire.scope["app"].state.clock
        taken.headers["retry-after"] = formatdate(clock.now_s() + ceil(told), usegmt=True)
    elif told is not None:
        taken.headers["retry-after"] = str(told)
    await taken.send(wire.send)


async def _revoked_key(wire: _Wire) -> None:
    headers = []
    for name, value in wire.scope["headers"]:
        scheme = value.partition(b" ")[0].lower()
        revoked = _NO_KEY.get(scheme, b"Basic revoked")
        headers.append((name, revoked if name == b"authorization" else value))
    wire.scope["headers"] = headers
    await wire.work()


async def _job(wire: _Wire) -> None:
    """An import that is accepted and comes to nothing, or much later."""
    taken = await wire.take()
    if taken.status == 202:
        job_id = orjson.loads(taken.body)["data"]["id"]
        store, fault = wire.scope["app"].state.store, wire.fault
        set_fate(store, job_id, _FATES[fault.kind], seconds=fault.seconds)
    await taken.send(wire.send)


_DEEDS: Final[Mapping[str, Callable[[_Wire], Awaitable[None]]]] = MappingProxyType(
    {
        "status": _status,
        "html": _html,
        "delay": _delay,
        "no_answer": _no_answer,
        "drop": _drop,
        "half_response": _half_response,
        "truncated_json": _truncated_json,
        "repeated_cursor": _repeated_cursor,
        "empty_pages": _empty_pages,
        "expired_cursor": _expired_cursor,
        "throttle": _throttle,
        "revoked_key": _revoked_key,
        "cancelled_job": _job,
        "stuck_job": _job,
        "slow_job": _job,
    }
)

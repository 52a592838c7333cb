"""One request and its answer as values, for what stands between the server and a resource.

Belongs here: reading a body within a bound, taking an answer before it is sent, noticing that a client has
gone. Does not belong here: what is done with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def read_body(receive: Receive, limit: int | None = None) -> bytes | None:
    """The whole body; None when it is longer than `limit` bytes, and then no more than those were kept."""
    chunks: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        chunk = message.get("body", b"")
        length += len(chunk)
        if limit is None or length <= limit:
            chunks.append(chunk)
        if not message.get("more_body", False):
            break
    if limit is not None and length > limit:
        return None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands over a body that was read already, then goes on."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


async def gone(receive: Receive, seconds: float | None = None) -> bool:
    """Wait until the client has gone, at most `seconds`; whether it has. The body must have been read."""

    async def disconnect() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(disconnect(), seconds)
    except TimeoutError:
        return False
    return True


@dataclass(slots=True)
class Taken:
    """An answer that has not been sent."""

    status: int = 500
    headers: MutableHeaders = field(default_factory=MutableHeaders)
    body: bytes = b""

    @classmethod
    async def of(cls, app: ASGIApp, scope: Scope, receive: Receive) -> Taken:
        """Carry out a request and take its answer."""
        taken = cls()

        async def take(message: Message) -> None:
            if message["type"] == "http.response.start":
                taken.status = message["status"]
                taken.headers = MutableHeaders(raw=list(message.get("headers", [])))
            else:
                taken.body += message.get("body", b"")

        await app(scope, receive, take)
        return taken

    def replace_body(self, body: bytes) -> None:
        self.body = body
        self.headers["content-length"] = str(len(body))

    async def start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers.raw})

    async def send(self, send: Send) -> None:
        await self.start(send)
        await send({"type": "http.response.body", "body": self.body})

"""The connection below a request, which ASGI does not show: closing it, resetting it, letting it hang.

Belongs here: the protocol and the server that hand it to the application. Does not belong here: when.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, Final

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EXTENSION: Final = "sandbox.connection"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)  # on, zero seconds: closing sends RST and drops what is unsent


class Connection:
    """The TCP connection that a request came in by."""

    def __init__(self, protocol: HttpToolsProtocol) -> None:
        self._protocol = protocol
        self.held = False

    def close(self) -> None:
        """Send what was written, then FIN."""
        self._protocol.transport.close()

    def reset(self) -> None:
        """Send RST."""
        found = self._protocol.transport.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._protocol.transport.abort()


def connection_of(scope: Scope) -> Connection:
    """The connection of a request that `SandboxServer` received."""
    found: Connection = scope["extensions"][_EXTENSION]
    return found


class _Protocol(HttpToolsProtocol):  # type: ignore[misc]
    """Uvicorn's protocol; each request finds its connection among the scope's extensions."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.connection = Connection(self)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: self.connection}


class SandboxServer(uvicorn.Server):  # type: ignore[misc]
    """Uvicorn without a clock of its own: the application writes the Date header."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=2,
                backlog=128,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of the connections that a fault holds, then stop as ever."""
        for protocol in list(self.server_state.connections):
            if protocol.connection.held:
                protocol.connection.close()
        await super().shutdown(sockets)

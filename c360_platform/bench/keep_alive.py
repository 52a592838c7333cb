"""The same request many times over connections that stay open: a client that costs next to nothing.

Belongs here: sending and receiving. Does not belong here: what is sent and what it is compared with.
"""

from __future__ import annotations

import selectors
import socket
from dataclasses import dataclass
from typing import Final

from c360_platform.bench.processes import BenchError

_CHUNK: Final = 1 << 18
_END_OF_HEADERS: Final = b"\r\n\r\n"


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    unsent: memoryview
    received: bytes = b""

    def send(self) -> None:
        self.unsent = self.unsent[self.socket.send(self.unsent) :]


def http_request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A request as it goes over the wire; the server is called `sandbox`."""
    sent = {"Host": "sandbox", **headers, **({"Content-Length": str(len(body))} if body else {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join(lines).encode() + _END_OF_HEADERS + body


def repeat(port: int, request: bytes, *, times: int, connections: int) -> None:
    """Send `request` `times` times in all and read every answer.

    Raises `BenchError` when an answer's status is not 2xx: a refusal is quicker than an answer.
    """
    left = times
    with selectors.DefaultSelector() as selector:
        for _ in range(min(connections, times)):
            connected = socket.create_connection(("127.0.0.1", port))
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setblocking(False)
            selector.register(connected, selectors.EVENT_WRITE, _Connection(connected, memoryview(request)))
            left -= 1
        while selector.get_map():
            for key, _ in selector.select():
                connection: _Connection = key.data
                if connection.unsent:
                    connection.send()
                    if not connection.unsent:
                        selector.modify(connection.socket, selectors.EVENT_READ, connection)
                elif _received_all(connection):
                    if left > 0:
                        left -= 1
                        connection.unsent = memoryview(request)
                        selector.modify(connection.socket, selectors.EVENT_WRITE, connection)
                    else:
                        selector.unregister(connection.socket)
                        connection.socket.close()


def _received_all(connection: _Connection) -> bool:
    chunk = connection.socket.recv(_CHUNK)
    connection.received += chunk
    head, end, body = connection.received.partition(_END_OF_HEADERS)
    if not chunk or (end and not head.startswith(b"HTTP/1.1 2")):
        raise BenchError(f"the server answered {connection.received[:200].decode(errors='replace')!r}")
    if not end:
        return False
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    if len(body) < length:
        return False
    connection.received = b""
    return True

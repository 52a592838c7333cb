"""Running the sandbox: in a thread for tests and commands, or in the foreground for people.

Belongs here: ports, threads, starting and stopping. Does not belong here: what is served.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from c360_platform.sandbox.app import create_app
from c360_platform.sandbox.benchmark import Benchmark
from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.connection import SandboxServer
from c360_platform.sandbox.greeting import greeting
from c360_platform.sandbox.klaviyo.import_work import work_off_jobs
from c360_platform.sandbox.limits import Limits
from c360_platform.sandbox.store import SandboxError, Store
from c360_platform.sandbox.traffic import Traffic

__all__ = ["Sandbox", "SandboxError", "running_sandbox", "serve"]

_START_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: `url` serves Klaviyo and Zendesk, the rest is its inside for tests."""

    url: str
    store: Store
    clock: Clock
    limits: Limits
    traffic: Traffic
    benchmark: Benchmark

    def calls(self) -> dict[str, int]:
        """Requests by `METHOD /path/template` since the start."""
        return self.traffic.calls()

    def settle(self) -> None:
        """Finish every accepted import job now, however long its delay."""
        work_off_jobs(self.store, self.clock, everything=True)


@contextmanager
def running_sandbox(
    path: Path, *, clock: Clock | None = None, limits: bool = True, benchmark: bool = False, port: int = 0
) -> Iterator[Sandbox]:
    """Serve the state in the SQLite file `path` from a thread until the block ends.

    `port` 0 takes a free one; `benchmark` counts bulk writes without keeping them. Raises `SandboxError` when
    the port is in use, `StoreError` when the file cannot be opened.
    """
    store = Store(path)
    try:
        sandbox_clock = clock or Clock(store)
        sandbox_limits = Limits(sandbox_clock, enabled=limits)
        app = create_app(store, sandbox_clock, sandbox_limits, benchmark=benchmark)
        with running_app(app, port=port) as url:
            state = app.state
            yield Sandbox(url, store, sandbox_clock, sandbox_limits, state.traffic, state.benchmark)
    finally:
        store.close()


@contextmanager
def running_app(app: ASGIApp, *, port: int = 0) -> Iterator[str]:
    """Serve any application as the sandbox is served, from a thread until the block ends; its URL."""
    listener = _listen("127.0.0.1", port)
    try:
        server = SandboxServer(app)
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
        thread.start()
        try:
            _await_start(server, thread)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
    finally:
        listener.close()


def serve(
    path: Path, port: int, host: str = "127.0.0.1", *, limits: bool = True, benchmark: bool = False
) -> None:
    """Serve in the foreground until interrupted; prints how to point clients at it.

    Raises `SandboxError` when the port is in use, `StoreError` when the file cannot be opened.
    """
    listener = _listen(host, port)
    try:
        store = Store(path)
        try:
            clock = Clock(store)
            app = create_app(store, clock, Limits(clock, enabled=limits), benchmark=benchmark)
            url = f"http://{host}:{listener.getsockname()[1]}"
            sys.stdout.write(greeting(url, path, limits=limits, benchmark=benchmark))
            sys.stdout.flush()
            SandboxServer(app).run([listener])
        except KeyboardInterrupt:
            pass
        finally:
            store.close()
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SandboxError(
            f"cannot listen on {host}:{port}: {reason}; stop what uses the port or choose another with --port"
        ) from None
    return listener


def _await_start(server: SandboxServer, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise SandboxError("the sandbox did not start; run `c360 sandbox` to see why")
        time.sleep(0.005)

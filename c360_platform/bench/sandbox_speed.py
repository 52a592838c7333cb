"""What the sandbox costs over the server under it, so that nobody measures the sandbox by mistake.

Belongs here: three loads and the floor: the same server with an application that reads the body and answers
nothing. Does not belong here: what the sandbox does with a request.

CPU seconds are those of the server's process alone; the client lives in this one.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson
import psutil
import urllib3

from c360_platform.bench.keep_alive import http_request, repeat
from c360_platform.bench.processes import BenchError, Cost, Ratio, Say

_ROWS: Final = 10_000
_HEADERS: Final = {
    "Authorization": "Klaviyo-API-Key pk_demo_bench",
    "revision": "2026-10-15",
    "Content-Type": "application/vnd.api+json",
}
_EMAIL: Final = "somebody@shop.example"
_BROWSE: Final = f'/api/profiles?filter=equals(email,"{_EMAIL}")'
_JOBS: Final = "/api/profile-bulk-import-jobs"


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    process: psutil.Process

    def order(self, path: str, body: dict[str, Any]) -> None:
        """Tell the sandbox something before it is measured."""
        url = f"http://127.0.0.1:{self.port}{path}"
        answer = urllib3.request("POST", url, body=orjson.dumps(body), headers=_HEADERS)
        if answer.status >= 300:
            raise BenchError(f"{path} answered {answer.status}")

    def cost(self, load: _Load) -> Cost:
        before, started = self.process.cpu_times(), time.monotonic()
        repeat(self.port, load.request, times=load.times, connections=load.connections)
        wall, after = time.monotonic() - started, self.process.cpu_times()
        return Cost(cpu=after.user + after.system - before.user - before.system, wall=wall)


@dataclass(frozen=True, slots=True)
class _Load:
    """`times` requests; `figure` puts a cost into words."""

    name: str
    request: bytes
    times: int
    connections: int
    prepare: Callable[[Server], None]
    figure: Callable[[Cost, int], str]


def sandbox_ratios(directory: Path, *, rounds: int, say: Say) -> list[Ratio]:
    """Small requests, accepted imports and imports in benchmark mode, each ÷ the bare server."""
    directory.mkdir(parents=True)
    ratios = []
    with serving("sandbox", directory) as sandbox, serving("floor", directory) as floor:
        for load in _loads():
            load.prepare(sandbox)
            costs: dict[Server, list[Cost]] = {sandbox: [], floor: []}
            for number in range(1, rounds + 1):
                for server, name in ((sandbox, "ours"), (floor, "floor")):
                    costs[server].append(server.cost(load))
                    say(
                        f"  {load.name}, round {number} of {rounds}: {name} {costs[server][-1].cpu:.2f} s CPU"
                    )
            ours, bare = _medians(costs[sandbox]), _medians(costs[floor])
            detail = load.figure(ours, load.times)
            ratios.append(Ratio(f"sandbox, {load.name} ÷ bare server", ours, bare, rounds, detail))
    return ratios


def _loads() -> Iterator[_Load]:
    def rate(what: str) -> Callable[[Cost, int], str]:
        return lambda cost, times: (
            f"{times / cost.cpu:,.0f} {what} a CPU second, {times / cost.wall:,.0f} a second of wall time"
        )

    def never_carried_out(server: Server) -> None:
        server.order("/sandbox/imports", {"delay_seconds": 1e9})

    def profile(server: Server) -> None:
        body = {"data": {"type": "profile", "attributes": {"email": _EMAIL}}}
        server.order("/api/profiles", body)

    yield _Load("small requests", http_request("GET", _BROWSE, _HEADERS), 3_000, 8, profile, rate("requests"))
    body = _import_body()
    post = http_request("POST", _JOBS, _HEADERS, body)
    yield _Load(
        "accepted imports",
        post,
        3,
        1,
        lambda server: server.order(
            "/sandbox/imports", {"delay_seconds": 1e9}
        ),  # accepted, never carried out
        lambda cost, times: (
            f"{cost.wall / times:.2f} s to accept {_ROWS:,} profiles in {len(body) / 1e6:.1f} MB"
        ),
    )
    yield _Load(
        "imports in benchmark mode",
        post,
        15,
        2,
        lambda server: server.order("/sandbox/benchmark", {"enabled": True}),
        rate(f"imports of {_ROWS:,}"),
    )


def _import_body() -> bytes:
    rows = [
        {
            "type": "profile",
            "attributes": {
                "email": f"customer{number}@shop.example",
                "external_id": f"customer-{number}",
                "first_name": "Ada",
                "last_name": "Lovelace",
                "location": {"city": "Berlin", "country": "DE", "zip": "10115"},
                "properties": {f"Property {name}": f"value {number} {name}" for name in range(10)},
            },
        }
        for number in range(_ROWS)
    ]
    attributes = {"profiles": {"data": rows}}
    return orjson.dumps({"data": {"type": "profile-bulk-import-job", "attributes": attributes}})


def _medians(costs: list[Cost]) -> Cost:
    return Cost(cpu=median(cost.cpu for cost in costs), wall=median(cost.wall for cost in costs))


@contextmanager
def serving(what: str, directory: Path) -> Iterator[Server]:
    """A server in a process of its own, until the block ends."""
    arguments = [sys.executable, "-m", __name__, what, str(directory / "sandbox.sqlite")]
    process = subprocess.Popen(  # noqa: S603  (our own executable and paths)
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            said = process.stdout.readline() if process.stdout is not None else ""
            if not said.strip().isdigit():
                raise BenchError(f"the {what} did not start")
            yield Server(int(said), psutil.Process(process.pid))
        finally:
            process.communicate()  # the end of its input is the end of the server


def _serve(what: str, path: Path) -> None:
    """Serve in this process until the end of its input; the port is the first line said."""
    from c360_platform.sandbox.server import running_app, running_sandbox

    if what == "sandbox":
        with running_sandbox(path, limits=False) as sandbox:
            _say_and_wait(sandbox.url)
    else:
        with running_app(_nothing) as url:
            _say_and_wait(url)


def _say_and_wait(url: str) -> None:
    sys.stdout.write(url.rpartition(":")[2] + "\n")
    sys.stdout.flush()
    sys.stdin.read()


async def _nothing(_: Any, receive: Any, send: Any) -> None:
    """Read the body, answer nothing."""
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))

"""One side of a sync in a process of its own, which says what it cost.

Belongs here: starting a side, and measuring it from inside. Does not belong here: what the sides do.

Imports are done before the clock starts, also the large ones that the platform makes when it needs them.
What remains counts: opening the file, making the client, every thread of DuckDB. Memory is the largest that
the process ever was, imports included.

Usage: python -m c360_platform.bench.sync_side SIDE URL WAREHOUSE
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from c360_platform.bench.ingest_side import peak_bytes
from c360_platform.bench.processes import BenchError
from c360_platform.bench.sandbox_speed import Server
from c360_platform.bench.sync_floor import Sent

_PACKAGE: Final = "c360_platform.bench"
_IMPORTED_FIRST: Final = ("klaviyo_api", "numpy", "pyarrow.compute", "requests", "urllib3")


class Spent(msgspec.Struct, frozen=True):
    """CPU (user and system) and wall seconds, bytes of memory at the peak, and what was sent."""

    cpu: float
    wall: float
    peak: int
    sent: Sent

    @property
    def per_row(self) -> float:
        """CPU microseconds for each row sent."""
        return self.cpu / self.sent.rows * 1e6


def run(side: str, url: str, warehouse: Path) -> Spent:
    """Run a side, `module.function` of this package, in this process."""
    module, _, function = side.partition(".")
    send: Callable[[str, Path], Sent] = getattr(importlib.import_module(f"{_PACKAGE}.{module}"), function)
    for name in _IMPORTED_FIRST:
        importlib.import_module(name)
    started, used = time.monotonic(), time.process_time()
    sent = send(url, warehouse)
    wall, cpu = time.monotonic() - started, time.process_time() - used
    return Spent(cpu, wall, peak_bytes(), sent)


def start(side: str, sandbox: Server, warehouse: Path) -> subprocess.Popen[bytes]:
    """A side in a process of its own; `result` waits for it."""
    url = f"http://127.0.0.1:{sandbox.port}"
    return subprocess.Popen(  # noqa: S603  (our own executable and arguments)
        [sys.executable, "-m", f"{_PACKAGE}.sync_side", side, url, str(warehouse)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def result(process: subprocess.Popen[bytes], *, rows: int) -> Spent:
    """What a side says at its end. Raises `BenchError` when it fails or has not sent so many rows."""
    output, errors = process.communicate()
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip()[-2000:]
        raise BenchError(f"{process.args!r} ended with {process.returncode}: {said}")
    spent = msgspec.json.decode(output.splitlines()[-1], type=Spent)
    if spent.sent.rows != rows:
        raise BenchError(f"{process.args!r} sent {spent.sent.rows} of {rows} rows")
    return spent


if __name__ == "__main__":
    measured = run(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")

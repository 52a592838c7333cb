"""One ingest in a process of its own, which says what it cost.

Belongs here: starting a side and measuring it from inside. Does not belong here: what the sides do.

The imports are done before the clock starts; what dlt imports only while it runs counts. Memory is the
largest that the process ever was, imports included.

Usage: python -m c360_platform.bench.ingest_side SIDE SUBJECT URL WAREHOUSE
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

SIDES: Final = {
    "ours": "c360_platform.bench.ingest_ours",
    "floor": "c360_platform.bench.ingest_floor",
    "dicts": "c360_platform.bench.ingest_dicts",
}


class Spent(msgspec.Struct, frozen=True):
    """CPU and wall seconds, bytes of memory at the peak, and rows of the subject."""

    cpu: float
    wall: float
    peak: int
    rows: int


def run(side: str, subject: str, url: str, warehouse: Path) -> Spent:
    """Load the subject into the new file `warehouse`."""
    load = importlib.import_module(SIDES[side]).load
    started, used = time.monotonic(), time.process_time()
    rows: int = load(subject, url, warehouse)
    wall, cpu = time.monotonic() - started, time.process_time() - used
    return Spent(cpu, wall, peak_bytes(), rows)


def peak_bytes() -> int:
    """The most memory that this program ever had; `ru_maxrss` begins with what its parent had."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024


if __name__ == "__main__":
    spent = run(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    sys.stdout.write(msgspec.json.encode(spent).decode() + "\n")

"""What an ingest costs: the platform's, the floor's and the dicts' in turn, from one sandbox.

Belongs here: rounds, rows and figures. Does not belong here: the sides (`ingest_ours`, `ingest_floor`,
`ingest_dicts`), the records (`ingest_data`).

Every run loads everything into a new warehouse, the merge included, in a process of its own; the sandbox has
another. CPU seconds are the loading process's alone; rows a second of wall time also wait for the sandbox.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from c360_platform.bench import ingest_data
from c360_platform.bench.ingest_side import SIDES, Spent
from c360_platform.bench.processes import BenchError, Cost, Ratio, Say
from c360_platform.bench.sandbox_speed import Server, serving

_ROWS: Final = {"tickets": 50_000, "profiles": 20_000, "events": 50_000}
_LONG_ROWS: Final = (100_000, 1_000_000)
_FILL: Final[Mapping[str, Callable[[Path, int], None]]] = {
    "tickets": ingest_data.fill_with_tickets,
    "profiles": ingest_data.fill_with_profiles,
    "events": ingest_data.fill_with_events,
}


def ingest_ratios(directory: Path, *, rounds: int, say: Say, rows: Mapping[str, int] = _ROWS) -> list[Ratio]:
    """For each subject, the platform's ingest ÷ HTTP, decoding, Arrow and an insert into DuckDB."""
    return [_ratio(directory / subject, subject, count, rounds, say) for subject, count in rows.items()]


def _ratio(directory: Path, subject: str, rows: int, rounds: int, say: Say) -> Ratio:
    spent: dict[str, list[Spent]] = {side: [] for side in SIDES}
    with _sandbox(directory, subject, rows) as sandbox:
        for number in range(1, rounds + 1):
            for side in SIDES:
                spent[side].append(_run(side, subject, sandbox, rows))
                cpu = spent[side][-1].cpu
                say(f"  ingest of {subject}, round {number} of {rounds}: {side} {cpu:.2f} s CPU")
        served = sandbox.process.cpu_times()
    ours, floor, dicts = (_median(spent[side]) for side in ("ours", "floor", "dicts"))
    walls = [run.wall for run in spent["ours"]]
    peak = max(run.peak for run in spent["ours"])
    each = (served.user + served.system) / (rounds * len(SIDES))
    detail = (
        f"{rows:,} {subject}; {rows / ours.cpu:,.0f} a CPU second, {rows / max(walls):,.0f} to "
        f"{rows / min(walls):,.0f} a second of wall time, at most {peak / 1e6:.0f} MB; with dicts "
        f"{dicts.cpu / ours.cpu:.1f} times the CPU; the sandbox's answers took {each:.2f} s CPU"
    )
    return Ratio(f"ingest of {subject} ÷ HTTP, decode, Arrow, insert", ours, floor, rounds, detail)


def ingest_memory(directory: Path, *, say: Say) -> None:
    """Say what the platform's ingest of 100,000 and of a million tickets takes at its peak."""
    for rows in _LONG_ROWS:
        with _sandbox(directory / str(rows), "tickets", rows) as sandbox:
            spent = _run("ours", "tickets", sandbox, rows)
        say(
            f"ingest of {rows:,} tickets: at most {spent.peak / 1e6:.0f} MB, CPU {spent.cpu:.1f} s, "
            f"{rows / spent.wall:,.0f} a second of wall time"
        )


@contextmanager
def _sandbox(directory: Path, subject: str, rows: int) -> Iterator[Server]:
    """A sandbox that holds the rows, in a process of its own; its files go when the block ends."""
    directory.mkdir(parents=True)
    try:
        _FILL[subject](directory / "sandbox.sqlite", rows)
        with serving("sandbox", directory) as server:
            yield server
    finally:
        shutil.rmtree(directory)


def _run(side: str, subject: str, sandbox: Server, rows: int) -> Spent:
    """One ingest into a new warehouse. Raises `BenchError` when it fails or has not brought every row."""
    with tempfile.TemporaryDirectory(prefix="c360-ingest-") as home:
        arguments = (side, subject, f"http://127.0.0.1:{sandbox.port}", str(Path(home) / "warehouse.duckdb"))
        process = subprocess.run(  # noqa: S603  (our own executable and arguments)
            [sys.executable, "-m", "c360_platform.bench.ingest_side", *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if process.returncode != 0:
        said = process.stderr.decode(errors="replace").strip()[-2000:]
        raise BenchError(f"the ingest of {subject} ({side}) ended with {process.returncode}: {said}")
    spent = msgspec.json.decode(process.stdout.splitlines()[-1], type=Spent)
    if spent.rows != rows:
        raise BenchError(f"the ingest of {subject} ({side}) brought {spent.rows} of {rows} rows")
    return spent


def _median(runs: list[Spent]) -> Cost:
    return Cost(cpu=median(run.cpu for run in runs), wall=median(run.wall for run in runs))

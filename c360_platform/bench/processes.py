"""What a process costs, and two commands against each other.

Belongs here: running a command to its end, its CPU seconds, medians of alternating runs. Does not belong
here: which commands are worth comparing.

CPU seconds are user plus system time of the process and of all children that it waited for: they repeat
within some 15 %, wall time on a shared machine does not.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Say = Callable[[str], None]


class BenchError(RuntimeError):
    """A measured command failed; the message ends with what it said last."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one run, or the medians of several.

    `peak` is the most bytes that any process of it had at once, and at least what the one who measures had.
    """

    cpu: float
    wall: float
    peak: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """Something to measure. `prepare` runs before each measurement and is not measured."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Ratio:
    """What ours costs in units of the floor; both are medians of `rounds` alternating runs."""

    name: str
    ours: Cost
    floor: Cost
    rounds: int
    detail: str

    @property
    def value(self) -> float:
        return self.ours.cpu / self.floor.cpu

    def __str__(self) -> str:
        return (
            f"{self.name} = {self.value:.2f}  "
            f"(CPU {self.ours.cpu:.2f} s ÷ {self.floor.cpu:.2f} s, wall {self.ours.wall:.2f} s ÷ "
            f"{self.floor.wall:.2f} s; medians of {self.rounds} alternating runs; {self.detail})"
        )


def compare(name: str, ours: Command, floor: Command, *, rounds: int, detail: str, say: Say) -> Ratio:
    """Run both commands `rounds` times, in turn, so that whatever else the machine does meets both."""
    costs: dict[str, list[Cost]] = {"ours": [], "floor": []}
    for number in range(1, rounds + 1):
        for side, command in (("ours", ours), ("floor", floor)):
            command.prepare()
            costs[side].append(measure(command))
            say(f"  {name}, round {number} of {rounds}: {side} {costs[side][-1].cpu:.2f} s CPU")
    return Ratio(name, _medians(costs["ours"]), _medians(costs["floor"]), rounds, detail)


def measure(command: Command) -> Cost:
    """Run a command to its end. Raises `BenchError` when it fails."""
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: S603  (our own executables and paths)
            command.arguments,
            env={**os.environ, **command.environment},
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace").strip()[-2000:]
            raise BenchError(f"{' '.join(command.arguments)} ended with {process.returncode}: {said}")
    return Cost(cpu=usage.ru_utime + usage.ru_stime, wall=wall, peak=usage.ru_maxrss * 1024)


def machine() -> str:
    """The machine and the versions that the figures belong to, on one line."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("dbt-core", "duckdb", "dagster")
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {load}; Python {platform.python_version()}, {versions}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _medians(costs: Sequence[Cost]) -> Cost:
    return Cost(cpu=median(cost.cpu for cost in costs), wall=median(cost.wall for cost in costs))

"""What a sync costs: the platform's, the floor's and the peer's in turn, against one sandbox.

Belongs here: rounds, rows and figures. Does not belong here: the sides (`sync_ours`, `sync_floor`), the rows
(`sync_data`), time under Klaviyo's limits (`sync_wall`).

Every run has a fresh copy of the warehouse's file and a process of its own; the sandbox has another, without
limits and in benchmark mode: it checks and counts bulk bodies and keeps nothing. CPU seconds are the sending
process's alone, without its imports. Ratios are of medians.

Usage: python -m c360_platform.bench.sync_speed [--long], for these figures alone.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from c360_platform.bench import sync_data, sync_floor
from c360_platform.bench.processes import Say
from c360_platform.bench.sandbox_speed import Server, serving
from c360_platform.bench.sync_goals import Figure
from c360_platform.bench.sync_side import Spent, result, start
from c360_platform.bench.sync_wall import wall_figures

_MEGABYTE: Final = 1e6
_BODY_LIMIT: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """Rows of each figure, and requests of those that wait for the limits."""

    profiles: int = 1_000_000
    small: int = 100_000  # a first load in which the fixed costs of a run weigh
    changed: int = 1_000_000
    events: int = 50_000
    read_back: int = 20_000
    requests: int = 300


LONG: Final = Size(profiles=2_000_000, changed=2_000_000, events=200_000, requests=300)


def sync_figures(directory: Path, *, rounds: int, say: Say, size: Size) -> Iterator[Figure]:
    """Every figure of the syncs, each as soon as it is known; `say` gets a line for each run."""
    with _Place.open(directory, rounds, say) as place:
        yield from _profiles(place, size.profiles)
        yield from _small(place, size.small)
        yield from _changes(place, size.changed)
        yield from _events(place, size.events)
        yield from _events_read_back(place, size.read_back)
    yield from wall_figures(directory / "wall", requests=size.requests)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where sides run: a sandbox and a directory."""

    sandbox: Server
    directory: Path
    rounds: int
    say: Say

    @classmethod
    @contextmanager
    def open(cls, directory: Path, rounds: int, say: Say) -> Iterator[_Place]:
        directory.mkdir(parents=True)
        with serving("sandbox", directory) as sandbox:
            sandbox.order("/sandbox/benchmark", {"enabled": True})
            yield cls(sandbox, directory, rounds, say)

    def file(self, name: str) -> Path:
        return self.directory / f"{name}.duckdb"

    def in_turn(
        self, what: str, fresh: Path, sides: Mapping[str, str], rows: int, *, keeping: bool = False
    ) -> dict[str, list[Spent]]:
        """Run every side as often as there are rounds, each on a copy of the file `fresh`.

        `sides` are names and `module.function`; the peer sends fewer rows than the others. With `keeping`
        each run has a new sandbox that keeps what it is sent.
        """
        spent: dict[str, list[Spent]] = {name: [] for name in sides}
        for number in range(1, self.rounds + 1):
            for name, side in sides.items():
                _copy(fresh, self.file(name))
                run = self.once(side, self.file(name), _rows_of(name, rows), keeping=keeping)
                spent[name].append(run)
                self.say(f"  {what}, round {number} of {self.rounds}: {name} {run.cpu:.2f} s CPU")
        return spent

    def once(self, side: str, warehouse: Path, rows: int, *, keeping: bool = False) -> Spent:
        if not keeping:
            return result(start(side, self.sandbox, warehouse), rows=rows)
        with (
            tempfile.TemporaryDirectory(dir=self.directory) as state,
            serving("sandbox", Path(state)) as sandbox,
        ):
            return result(start(side, sandbox, warehouse), rows=rows)


def _copy(fresh: Path, file: Path) -> None:
    """A warehouse's file and, if it has one, its log."""
    for ending in ("", ".wal"):
        source, target = (path.with_name(path.name + ending) for path in (fresh, file))
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.copyfile(source, target)


def _rows_of(name: str, rows: int) -> int:
    return min(sync_floor.PEER_ROWS, rows) if name == "peer" else rows


def _profiles(place: _Place, rows: int) -> Iterator[Figure]:
    fresh = place.file(f"{rows}_profiles")
    sync_data.fill_profiles(fresh, rows)
    sides = {"ours": "sync_ours.profiles", "floor": "sync_floor.profiles", "peer": "sync_floor.one_by_one"}
    spent = place.in_turn("profiles", fresh, sides, rows)
    ours, floor, peer = (median(run.per_row for run in spent[name]) for name in sides)
    yield Figure(
        "sync, outbound profiles ÷ JSON built in SQL and posted",
        ours / floor,
        f"CPU {ours:.1f} µs ÷ {floor:.1f} µs a row; first load of {rows:,} profiles with plan, ledger, jobs "
        f"and confirmation; {_rounds(place)}",
        most=2.0,
    )
    yield Figure(
        "sync, one request a row ÷ ours",
        peer / ours,
        f"CPU {peer:.0f} µs ÷ {ours:.1f} µs a row; {_rows_of('peer', rows):,} rows one by one; "
        f"{_rounds(place)}",
        least=35,
    )
    sent = spent["ours"][-1].sent
    yield Figure(
        "sync, bulk requests for each 100,000 profiles",
        sent.bodies / rows * 100_000,
        f"{sent.bodies} for {rows:,} profiles, and {sent.requests - sent.bodies} that only read; the floor "
        f"sends {spent['floor'][-1].sent.bodies}",
        most=13,
        unit="requests",
    )
    detail = "Klaviyo takes less than 5 MB"
    yield Figure("sync, the largest body", sent.largest, detail, most=_BODY_LIMIT - 1, unit="bytes")
    peak = max(run.peak for run in spent["ours"]) / _MEGABYTE
    detail = "first load, the whole process with its imports"
    yield Figure(f"sync, memory for {rows:,} profiles", peak, detail, most=600, unit="MB")


def _small(place: _Place, rows: int) -> Iterator[Figure]:
    """Opening the warehouse seven times and planning cost about 0.3 s, however few rows there are."""
    fresh = place.file(f"{rows}_profiles")
    sync_data.fill_profiles(fresh, rows)
    spent = place.in_turn(
        "few profiles", fresh, {"ours": "sync_ours.profiles", "floor": "sync_floor.profiles"}, rows
    )
    ours, floor = (median(run.cpu for run in spent[name]) for name in ("ours", "floor"))
    yield Figure(
        f"sync, {rows:,} profiles ÷ JSON built in SQL and posted",
        ours / floor,
        f"CPU {ours:.2f} s ÷ {floor:.2f} s, fixed costs included; {_rounds(place)}",
    )


def _changes(place: _Place, rows: int) -> Iterator[Figure]:
    """All rows are loaded once; each round then begins with the file after that load and the changes."""
    fresh = place.file("changed")
    sync_data.fill_profiles(fresh, rows)
    place.once("sync_ours.profiles", fresh, rows)
    sync_floor.snapshot(fresh)
    changed = sync_data.change_profiles(fresh, rows)
    sides = {"ours": "sync_ours.profiles", "floor": "sync_floor.changes"}
    spent = place.in_turn("changed profiles", fresh, sides, changed)
    ours, floor = (median(run.cpu for run in spent[name]) for name in sides)
    yield Figure(
        "sync, 1 % changed ÷ md5 diff, JSON, posts, commit",
        ours / floor,
        f"CPU {ours:.2f} s ÷ {floor:.2f} s; {changed:,} of {rows:,} profiles, "
        f"{spent['ours'][-1].sent.requests} requests ÷ {spent['floor'][-1].sent.requests}; {_rounds(place)}",
        most=1.5,
    )
    unchanged = place.once("sync_ours.profiles", place.file("ours"), 0)
    yield Figure(
        "sync, calls when nothing changed",
        unchanged.sent.requests,
        f"{rows:,} profiles compared in {unchanged.cpu:.2f} s CPU",
        most=0,
        unit="requests",
    )


def _events(place: _Place, rows: int) -> Iterator[Figure]:
    fresh = place.file("events")
    sync_data.fill_events(fresh, rows, datetime.now(UTC))
    sides = {"ours": "sync_ours.events", "floor": "sync_floor.events"}
    spent = place.in_turn("events", fresh, sides, rows)
    ours, floor = (median(run.per_row for run in spent[name]) for name in sides)
    yield Figure(
        "sync, bulk events ÷ orjson loop",
        ours / floor,
        f"CPU {ours:.1f} µs ÷ {floor:.1f} µs an event; {rows:,} events planned, recorded and sent; where "
        f"none is kept they cannot be read back, see the next line; {_rounds(place)}",
        most=2.5,
    )


def _events_read_back(place: _Place, rows: int) -> Iterator[Figure]:
    fresh = place.file("events_read_back")
    sync_data.fill_events(fresh, rows, datetime.now(UTC))
    sides = {"ours": "sync_ours.events_read_back", "floor": "sync_floor.events_read_back"}
    spent = place.in_turn("events read back", fresh, sides, rows, keeping=True)
    ours, floor = (median(run.per_row for run in spent[name]) for name in sides)
    yield Figure(
        "sync, bulk events read back and confirmed ÷ orjson loop that reads back",
        ours / floor,
        f"CPU {ours:.1f} µs ÷ {floor:.1f} µs an event; {rows:,} events, kept by the sandbox; "
        f"{_rounds(place)}",
    )


def _rounds(place: _Place) -> str:
    return f"medians of {place.rounds} alternating runs"


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    chosen = LONG if "--long" in sys.argv else Size()
    with tempfile.TemporaryDirectory(prefix="c360-bench-") as temporary:
        for measured in sync_figures(Path(temporary) / "sync", rounds=3, say=_write, size=chosen):
            _write(str(measured))

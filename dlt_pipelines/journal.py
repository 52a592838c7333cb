"""What a load sees on its way: progress, waits, what the API sends otherwise than expected, rejected rows.

Belongs here: collecting it over all packages of a load, and telling it while the load runs. Does not belong
here: deciding what fits (`pages`), waiting (`pacing`, `transport`), storing rejected rows (`quarantine`).
Names of fields and types are told, values never.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

_EVERY_SECONDS: Final = 5.0
_TOLD_WAIT_SECONDS: Final = 2.0
_ALWAYS_SENT: Final = "always_sent"


@dataclass(slots=True)
class TableJournal:
    """One table's progress; `lag_seconds` is how far its cursor is behind the service's clock."""

    pages: int = 0
    rows: int = 0
    rejected: Counter[str] = field(default_factory=Counter)  # rows that could not be read, by reason
    position: datetime | None = None
    lag_seconds: float | None = None
    unknown: set[str] = field(default_factory=set)
    misfits: dict[str, str] = field(default_factory=dict)
    vanished: set[str] = field(default_factory=set)
    sampled: set[str] = field(default_factory=set)
    in_every_sample: set[str] | None = None

    def drift(self) -> list[str]:
        """One line for every field that came otherwise than expected."""
        return [
            *(f"new field {name}, kept in extra_fields" for name in sorted(self.unknown)),
            *(f"{name} changed its type ({why})" for name, why in sorted(self.misfits.items())),
            *(f"field {name} no longer comes" for name in sorted(self.vanished)),
        ]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be read: of which table, its key when it has one, why, and its exact JSON text."""

    table: str
    key: str | None
    reason: str
    record: bytes = field(repr=False)


class Journal:
    """The journal of one load of one source; `report` gets a line now and then while it runs."""

    def __init__(self, source: str, report: Callable[[str], None] | None = None) -> None:
        self.source = source
        self.tables: dict[str, TableJournal] = {}
        self.requests = 0
        self.refusals = 0  # answers 429
        self.waited: dict[str, float] = {}  # seconds by reason
        self.unknown: dict[type, frozenset[str]] = {}
        self.idle_pages: Counter[str] = Counter()  # pages in a row that brought nothing, by path
        self._rejected: list[Rejected] = []
        self._report = report or (lambda _: None)
        self._reported_at = time.monotonic()

    def table(self, name: str) -> TableJournal:
        return self.tables.setdefault(name, TableJournal())

    def page(
        self, table: str, rows: int, *, position: datetime | None = None, now: datetime | None = None
    ) -> None:
        """Note a page that was read, and where its last row stands in time."""
        entry = self.table(table)
        entry.pages += 1
        entry.rows += rows
        if position is not None and now is not None:
            entry.position = position
            entry.lag_seconds = max(0.0, round((now - position).total_seconds(), 1))
        if time.monotonic() - self._reported_at >= _EVERY_SECONDS:
            self.tell(f"{table}: {entry.pages} pages, {entry.rows} rows{_where(entry)}")

    def waits(self, reason: str, seconds: float) -> None:
        """Note a wait that is about to begin."""
        self.waited[reason] = self.waited.get(reason, 0.0) + seconds
        if seconds >= _TOLD_WAIT_SECONDS:
            self.tell(f"waiting {seconds:.0f} s: {reason}")

    def unknown_field(self, record: type, table: str, name: str) -> None:
        """Note a field that the record's type does not have; its values are kept."""
        self.unknown[record] = self.unknown.get(record, frozenset()) | {name}
        if name not in self.table(table).unknown:
            self.table(table).unknown.add(name)
            self.tell(f"{table}: the new field {name} is kept in extra_fields")

    def misfit(self, table: str, name: str, reason: str) -> None:
        """Note a value that does not fit its column."""
        if name not in self.table(table).misfits:
            self.table(table).misfits[name] = reason
            self.tell(f"{table}: {name} does not fit its column ({reason})")

    def reject(self, rejected: Rejected) -> None:
        """Note a row that cannot be read; `take_rejected` hands it on."""
        self.table(rejected.table).rejected[rejected.reason] += 1
        self._rejected.append(rejected)

    @property
    def rejections(self) -> int:
        """How many rows were rejected so far."""
        return sum(table.rejected.total() for table in self.tables.values())

    def take_rejected(self) -> list[Rejected]:
        """The rows that were rejected since the last call."""
        taken, self._rejected = self._rejected, []
        return taken

    def sample(self, table: str, names: Iterable[str]) -> None:
        """Note which of the known fields a row had."""
        entry, found = self.table(table), set(names)
        entry.sampled |= found
        entry.in_every_sample = found if entry.in_every_sample is None else entry.in_every_sample & found

    def compare_fields(self, tables: Iterable[str], state: dict[str, Any]) -> None:
        """Find fields that were always sent before and no longer come; `state` is the resource's own."""
        before: Mapping[str, list[str]] = state.get(_ALWAYS_SENT, {})
        now = dict(before)
        for table in tables:
            entry = self.table(table)
            if entry.in_every_sample is None:
                continue
            for name in sorted(set(before.get(table, ())) - entry.sampled - entry.vanished):
                entry.vanished.add(name)
                self.tell(f"{table}: the field {name} no longer comes")
            now[table] = sorted(entry.in_every_sample)
        state[_ALWAYS_SENT] = now

    def drift(self) -> list[str]:
        """One line for everything that came otherwise than expected, by table."""
        lines = []
        for table, entry in sorted(self.tables.items()):
            lines += [f"{table}: {line}" for line in entry.drift()]
            if entry.rejected:
                lines.append(f"{table}: {entry.rejected.total()} rows could not be read, see rejected_rows")
        return lines

    def metadata(self, table: str) -> dict[str, Any]:
        """What there is to say about a table: counts, seconds, names; JSON values only."""
        entry = self.table(table)
        found: dict[str, Any] = {"pages": entry.pages, "rows_read": entry.rows}
        if entry.position is not None:
            found |= {"read_up_to": entry.position.isoformat(), "cursor_lag_seconds": entry.lag_seconds}
        lists = {
            "new_fields": entry.unknown,
            "vanished_fields": entry.vanished,
            "misfits": set(entry.misfits),
        }
        found |= {name: sorted(values) for name, values in lists.items() if values}
        if entry.rejected:
            found["rejected_rows"] = entry.rejected.total()
        return found

    def traffic(self) -> dict[str, Any]:
        """Requests, refusals and waits of the whole load; JSON values only."""
        waits = {f"waited_seconds ({why})": round(seconds, 1) for why, seconds in self.waited.items()}
        return {"requests": self.requests, "refused_429": self.refusals, **waits}

    def tell(self, text: str) -> None:
        """Report a line at once."""
        self._reported_at = time.monotonic()
        self._report(f"{self.source}: {text}")


def _where(entry: TableJournal) -> str:
    if entry.position is None or entry.lag_seconds is None:
        return ""
    return f", up to {entry.position:%Y-%m-%d %H:%M} ({_duration(entry.lag_seconds)} behind)"


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"

"""Comparing what a judge read with what the sandbox holds, and the table of all verdicts.

Belongs here: sets of ids, versions of rows, printing. Does not belong here: where either side comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tests.judges.judges import Reading, Record
from tests.judges.truth import Rows

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*")
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """One stream of one judge. `differences` is empty when every row was read in its version."""

    judge: str
    stream: str
    expected: int
    read: int
    differences: str = ""
    known: str | None = None

    @property
    def fails(self) -> bool:
        return bool(self.differences) and self.known is None


def judged(
    judge: str, reading: Reading, expected: Rows, records: Sequence[Record], earlier: Sequence[Record] = ()
) -> Verdict:
    """Every id was read, no other, and the last version read of each is the one that is held.

    `earlier` is what the same client read before, from where it went on.
    """
    rows = [reading.row(record) for record in records if reading.counts(record)]
    found = dict(reading.row(record) for record in earlier if reading.counts(record)) | dict(rows)
    held = {identifier: version[: len(reading.fields)] for identifier, version in expected.items()}
    parts = [
        f"{len(wrong)} {word}: {', '.join(sorted(wrong)[:_SHOWN])}"
        for word, wrong in (
            ("missing", held.keys() - found.keys()),
            ("unknown", found.keys() - held.keys()),
            ("in another version", {i for i in held.keys() & found.keys() if _differ(held[i], found[i])}),
        )
        if wrong
    ]
    stream = f"{reading.stream}, resumed" if earlier else reading.stream
    return Verdict(judge, stream, len(held), len(rows), "; ".join(parts), reading.known)


def table(verdicts: Iterable[Verdict]) -> str:
    """The verdicts as a table in Markdown."""
    lines = ["| judge | stream | rows expected | rows read | differences |", "|---|---|---:|---:|---|"]
    for verdict in verdicts:
        difference = verdict.differences or "none"
        if verdict.known is not None:
            difference += f" (known: {verdict.known})"
        lines.append(
            f"| {verdict.judge} | {verdict.stream} | {verdict.expected} | {verdict.read} | {difference} |"
        )
    return "\n".join(lines)


def _differ(held: tuple[Any, ...], found: tuple[Any, ...]) -> bool:
    return [_plain(value) for value in held] != [_plain(value) for value in found]


def _plain(value: Any) -> Any:
    """A value in one spelling: times as whole seconds since 1970, truth values as numbers."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and _TIME.fullmatch(value):
        moment = datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return value

"""What a load did, as values and as lines that can be printed.

Belongs here: the report of a load and of one table in it. Does not belong here: problems (a load with
problems has no report), formatting for a particular terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_SHOWN = 8  # undeclared columns; a loader's table can have a hundred


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """One raw table that was replaced. `file` is relative to the loaded folder; the rest is in declared
    names.

    `mapped`: declared columns that were found (declared name -> name in the file); `missing`: declared
    columns that were not; `extra`: undeclared columns, kept as text.
    """

    source: str
    table: str
    schema: str
    file: str
    rows: int
    mapped: dict[str, str]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        renamed = [f"{name} from {found}" for name, found in self.mapped.items() if name != found.lower()]
        yield f"{self.schema}.{self.table}: {_rows(self.rows)} from {self.file}"
        yield f"  columns: {len(self.mapped)} of {len(self.mapped) + len(self.missing)} declared"
        if renamed:
            yield f"  renamed: {', '.join(renamed)}"
        if self.missing:
            yield f"  missing (null): {', '.join(self.missing)}"
        if self.extra:
            more = f" and {len(self.extra) - _SHOWN} more" if len(self.extra) > _SHOWN else ""
            yield f"  undeclared (kept as text): {', '.join(self.extra[:_SHOWN])}{more}"
        for note in self.notes:
            yield f"  note: {note}"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A whole load. `missing_tables` are declared tables of the loaded sources that no file brought;
    `ignored` maps files that belong to no declared table to the reason."""

    tables: tuple[LoadedTable, ...]
    missing_tables: tuple[str, ...]
    ignored: dict[str, str]
    notes: tuple[str, ...]
    seconds: float

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    def lines(self) -> Iterator[str]:
        for table in self.tables:
            yield from table.lines()
        if self.missing_tables:
            yield f"no file for: {', '.join(self.missing_tables)} (read as empty)"
        for file, reason in self.ignored.items():
            yield f"ignored {file}: {reason}"
        for note in self.notes:
            yield f"note: {note}"
        yield f"{len(self.tables)} tables, {_rows(self.rows)} in {self.seconds:.1f} s"


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"

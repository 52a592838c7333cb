"""One raw file into one typed table, with every cell that does not fit named by its place.

Belongs here: the mapping of a file's columns to the declared ones, and the search for cells that do not
fit. Does not belong here: the warehouse; tables of the given scratch connection are all that is written.

A file is read at full speed by DuckDB when it is UTF-8 and strict CSV. Anything else (another encoding,
stray quotes, lines with fewer values than the header) is read again, slower, by Python's csv module. The
line in a message is the one on which the record begins, also when records span several lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from c360_platform.raw_files.contract import RawColumn, RawTable, match_key
from c360_platform.raw_files.csv_text import CsvText, UnreadableFileError, open_csv
from c360_platform.raw_files.discovery import RawFile
from c360_platform.raw_files.problems import Problem, RawFileError, not_of_type
from c360_platform.raw_files.tables import MAX_PROBLEMS, TextCells, lenient_csv, parquet, quoted, strict_csv
from c360_platform.raw_files.typed_sql import DUCKDB_TYPES, cell, parsed, text

if TYPE_CHECKING:
    import duckdb

_PROBLEMS_PER_COLUMN = 5


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file whose rows are in the table `relation`, in the declared columns first, then the
    others.

    `mapped`: declared name -> name in the file. `missing`: declared columns, present as nulls.
    """

    file: RawFile
    relation: str
    rows: int
    mapped: dict[str, str]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Mapping:
    """Which column of the file is which: positions of the declared columns, names and positions of the
    others.
    """

    table: RawTable
    declared: dict[str, int]
    extra: dict[str, int]

    @property
    def present(self) -> list[RawColumn]:
        return [column for column in self.table.columns if column.name in self.declared]


def stage_file(connection: duckdb.DuckDBPyConnection, file: RawFile, relation: str) -> StagedFile:
    """Read `file` into the table `relation`.

    The connection's time zone must be UTC. Raises `RawFileError` with every problem of this file.
    """
    import duckdb

    csv_text = None
    is_parquet = file.path.name.lower().endswith(".parquet")
    try:
        if is_parquet:
            cells = parquet(connection, file.path)
        else:
            csv_text = open_csv(file.path)
            cells = (
                strict_csv(csv_text) if csv_text.is_utf8 else lenient_csv(connection, csv_text, file.label)
            )
        mapping = _map_columns(file, cells.names)
        try:
            bad = _create(connection, relation, cells, mapping)
        except duckdb.Error:
            if csv_text is None or cells.rows_are_lines:
                raise
            cells = lenient_csv(connection, csv_text, file.label)
            bad = _create(connection, relation, cells, mapping)
    except UnreadableFileError as error:
        raise RawFileError([Problem(file.label, str(error), error.line)]) from error
    except (duckdb.Error, OSError, EOFError) as error:
        kind = "Parquet" if is_parquet else "CSV"
        raise RawFileError([Problem(file.label, f"cannot be read as {kind}: the file is damaged")]) from error
    if bad:
        raise RawFileError(_problems(connection, file, csv_text, cells, mapping))
    rows, notes = _count(connection, relation, mapping)
    return StagedFile(
        file=file,
        relation=relation,
        rows=rows,
        mapped={name: cells.names[position] for name, position in mapping.declared.items()},
        missing=tuple(column.name for column in file.table.columns if column.name not in mapping.declared),
        extra=tuple(mapping.extra),
        notes=(*cells.notes, *notes),
    )


def _map_columns(file: RawFile, names: tuple[str, ...]) -> _Mapping:
    declared = file.table.match_columns(names)
    times = Counter(map(match_key, names))
    problems = [
        Problem(file.label, "the file has this column twice", column=name)
        for name, position in declared.items()
        if times[match_key(names[position])] > 1
    ]
    for column in file.table.columns:
        if column.required and column.name not in declared:
            others = f" (nor {', '.join(column.aliases)})" if column.aliases else ""
            message = (
                f"required, but the file has no column of this name{others}; is its first line the header?"
            )
            problems.append(Problem(file.label, message, column=column.name))
    if problems:
        raise RawFileError(problems)
    taken = {column.name.lower() for column in file.table.columns}
    extra: dict[str, int] = {}
    for position, name in enumerate(names):
        if position not in declared.values():
            extra[_free_name(name, position, taken)] = position
    return _Mapping(file.table, declared, extra)


def _free_name(name: str, position: int, taken: set[str]) -> str:
    """A lower-case column name that is not taken yet, and now is."""
    plain = "".join(char if char.isalnum() else "_" for char in name.strip().lower())
    plain = plain if plain.strip("_") else f"column_{position + 1}"
    free, number = plain, 1
    while free in taken:
        number += 1
        free = f"{plain}_{number}"
    taken.add(free)
    return free


def _typed(source: str, mapping: _Mapping) -> str:
    """A query over text cells with `t_<name>` (text), `p_<name>` (typed) and `b_<name>` (does not fit)
    per column.
    """
    present = mapping.present
    texts = [f"{cell(f'c{mapping.declared[c.name]}', c)} as {quoted('t_' + c.name)}" for c in present]
    types = [f"{parsed(quoted('t_' + c.name), c)} as {quoted('p_' + c.name)}" for c in present]
    bad = [f"{_does_not_fit(c)} as {quoted('b_' + c.name)}" for c in present]
    filled = " or ".join(
        f"{text(f'c{i}')} is not null" for i in (*mapping.declared.values(), *mapping.extra.values())
    )
    return (
        f"select *, {', '.join(bad)} from (select *, {', '.join(types)} from "
        f"(select *, {', '.join(texts)} from {source} where {filled}))"
    )


def _does_not_fit(column: RawColumn) -> str:
    value, typed = quoted("t_" + column.name), quoted("p_" + column.name)
    if column.in_key:
        return f"({typed} is null)"
    if column.data_type == "string" and not column.is_identifier:
        return "false"
    return f"({value} is not null and {typed} is null)"


def _create(
    connection: duckdb.DuckDBPyConnection, relation: str, cells: TextCells, mapping: _Mapping
) -> bool:
    """Create the typed table; whether any cell does not fit."""
    columns = [
        f"{quoted('p_' + c.name)} as {quoted(c.name)}"
        if c.name in mapping.declared
        else f"cast(null as {DUCKDB_TYPES[c.data_type]}) as {quoted(c.name)}"
        for c in mapping.table.columns
    ]
    columns += [f"{text(f'c{position}')} as {quoted(name)}" for name, position in mapping.extra.items()]
    bad = " or ".join(quoted("b_" + c.name) for c in mapping.present)
    connection.execute(
        f"create or replace table {relation} as "
        f"select {', '.join(columns)}, {bad} as _does_not_fit from ({_typed(cells.relation, mapping)})"
    )
    found = connection.execute(f"select coalesce(bool_or(_does_not_fit), false) from {relation}").fetchall()
    connection.execute(f"alter table {relation} drop column _does_not_fit")
    return bool(found[0][0])


def _problems(
    connection: duckdb.DuckDBPyConnection,
    file: RawFile,
    csv_text: CsvText | None,
    cells: TextCells,
    mapping: _Mapping,
) -> list[Problem]:
    """The first cells that do not fit, by place, and how many more there are."""
    present = mapping.present
    found = ", ".join(
        f"case when {quoted('b_' + c.name)} then {{'i': {i}, 't': {quoted('t_' + c.name)}}} end"
        for i, c in enumerate(present)
    )
    first = connection.execute(
        f"""
        with cells as (select _row, unnest([{found}]) as cell from ({_typed(cells.numbered, mapping)})),
        ranked as (
            select
                cell.i as i, _row, cell.t as t,
                row_number() over (partition by cell.i order by _row) as nth,
                count(*) over (partition by cell.i) as total
            from cells where cell is not null
        )
        select i, _row, t, total from ranked where nth <= {_PROBLEMS_PER_COLUMN} order by _row, i
        """
    ).fetchall()
    shown = first[:MAX_PROBLEMS]
    lines = _lines(csv_text, (row for _, row, _, _ in shown)) if csv_text and not cells.rows_are_lines else {}
    problems = []
    for i, row, value, _ in shown:
        line = lines.get(row) if lines else row if cells.rows_are_lines else None
        message = "is empty, but every row needs one" if value is None else not_of_type(value, present[i])
        problems.append(
            Problem(file.label, message, line, row=None if csv_text else row, column=present[i].name)
        )
    told = Counter(i for i, _, _, _ in shown)
    for i, total in sorted({i: total for i, _, _, total in first}.items()):
        if total > told[i]:
            more = f"{total - told[i]:,} more values do not fit"
            problems.append(Problem(file.label, more, column=present[i].name))
    return problems


def _lines(csv_text: CsvText, rows: Iterable[int]) -> dict[int, int]:
    """The line on which each record begins, by its number from 1."""
    wanted, lines = set(rows), {}
    for number, (line, _) in enumerate(csv_text.records(), start=1):
        if number in wanted:
            lines[number] = line
            if len(lines) == len(wanted):
                break
    return lines


def _count(connection: duckdb.DuckDBPyConnection, relation: str, mapping: _Mapping) -> tuple[int, list[str]]:
    """Rows of a staged table, and what is noteworthy about them."""
    table, notes = mapping.table, []
    required = [c.name for c in mapping.present if c.required and not c.in_key]
    key = [quoted(name) for name in table.key if name in mapping.declared]
    distinct = f"count(distinct ({', '.join(key)}))" if len(key) == len(table.key) > 0 else "count(*)"
    empty = "".join(f", count(*) - count({quoted(name)})" for name in required)
    rows, keys, *blanks = connection.execute(
        f"select count(*), {distinct}{empty} from {relation}"
    ).fetchall()[0]
    if keys < rows:
        notes.append(f"rows that repeat the {', '.join(table.key)} of another: {rows - keys:,}")
    notes += [
        f"rows without {name}: {blank:,}" for name, blank in zip(required, blanks, strict=True) if blank
    ]
    return rows, notes

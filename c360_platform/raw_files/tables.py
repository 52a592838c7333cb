"""One raw file as a relation of text cells that DuckDB can scan.

Belongs here: how DuckDB reads a strict CSV or Parquet file, and how Python's csv module brings in the others.
Does not belong here: declared types, the warehouse.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from c360_platform.raw_files.csv_text import CsvText
from c360_platform.raw_files.problems import Problem, RawFileError

if TYPE_CHECKING:
    import duckdb

MAX_PROBLEMS = 20
_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class TextCells:
    """A relation with the text columns `c0`, `c1`, … of one file, in its column order.

    `numbered` is the same relation with `_row`: the number of the record from 1, or, when
    `rows_are_lines`, the line on which it begins. It is only scanned when a place has to be named,
    because numbering costs.
    """

    names: tuple[str, ...]
    relation: str
    numbered: str
    rows_are_lines: bool = False
    notes: tuple[str, ...] = ()


def strict_csv(text: CsvText) -> TextCells:
    """A UTF-8 file as DuckDB's own parser reads it: in parallel, refusing what is not strict CSV when
    scanned.
    """
    columns = ", ".join(f"'c{i}': 'varchar'" for i in range(len(text.header)))
    compression = "gzip" if text.path.suffix.lower() == ".gz" else "none"
    delimiter = text.delimiter.replace("\t", "\\t")
    relation = (
        f"read_csv({_file(text.path)}, auto_detect = false, header = true, delim = '{delimiter}', "
        f"quote = '\"', escape = '\"', compression = '{compression}', columns = {{{columns}}})"
    )
    return TextCells(text.header, relation, f"(select row_number() over () as _row, * from {relation})")


def lenient_csv(connection: duckdb.DuckDBPyConnection, text: CsvText, label: str) -> TextCells:
    """Any file that Python's csv module can read, copied into a temporary table.

    Records with fewer values than the header are filled up with nulls, as dbt does with its seeds; more
    values are a problem unless they are empty. Raises `RawFileError`, and `UnreadableFileError` when a
    quote is never closed.
    """
    import pyarrow as pa

    width, short, too_long = len(text.header), 0, 0
    problems: list[Problem] = []
    names = ["_row", *(f"c{i}" for i in range(width))]
    definition = ", ".join(f"c{i} varchar" for i in range(width))
    connection.execute(f"create or replace temp table text_cells (_row bigint, {definition})")
    for batch in _batches(text.records()):
        rows = []
        for line, record in batch:
            if len(record) > width and any(value.strip() for value in record[width:]):
                too_long += 1
                if too_long <= MAX_PROBLEMS:
                    problems.append(Problem(label, f"{len(record)} values, but {width} columns", line))
                continue
            short += len(record) < width and any(value.strip() for value in record)
            rows.append((line, *record[:width], *itertools.repeat(None, width - len(record))))
        if rows and not too_long:
            columns = [pa.array(column) for column in zip(*rows, strict=True)]
            connection.register("text_batch", pa.table(columns, names=names))
            connection.execute("insert into text_cells select * from text_batch")
            connection.unregister("text_batch")
    if too_long:
        if too_long > MAX_PROBLEMS:
            problems.append(Problem(label, f"{too_long - MAX_PROBLEMS:,} more lines with too many values"))
        raise RawFileError(problems)
    notes = []
    if not text.is_utf8:
        notes.append(f"not UTF-8, read as {text.encoding}")
    if short:
        notes.append(f"lines with fewer values than the header, read as nulls: {short:,}")
    return TextCells(text.header, "text_cells", "text_cells", rows_are_lines=True, notes=tuple(notes))


def parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> TextCells:
    """A Parquet file with every value as the text that a CSV export of it would hold; nested values as
    JSON.
    """
    scan = f"read_parquet({_file(path)}, file_row_number = true)"
    described = connection.execute(f"describe select * exclude (file_row_number) from {scan}").fetchall()
    names = tuple(str(row[0]) for row in described)
    cells = ", ".join(f"{_as_text(quoted(row[0]), row[1])} as c{i}" for i, row in enumerate(described))
    relation = f"(select {cells} from {scan})"
    return TextCells(names, relation, f"(select file_row_number + 1 as _row, {cells} from {scan})")


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _as_text(column: str, data_type: str) -> str:
    if data_type in {
        "FLOAT",
        "DOUBLE",
    }:  # a data frame's ids and counts are doubles when one of them is empty
        whole = f"isfinite({column}) and {column} = trunc({column}) and abs({column}) < 1e18"
        return (
            f"case when {whole} then cast(cast({column} as bigint) as varchar) "
            f"when isfinite({column}) then cast({column} as varchar) end"
        )
    if data_type.endswith("]") or data_type.startswith(("STRUCT", "MAP", "UNION")):
        return f"cast(to_json({column}) as varchar)"
    return f"cast({column} as varchar)"


def literal(value: object) -> str:
    """An SQL string."""
    return "'" + str(value).replace("'", "''") + "'"


def _file(path: Path) -> str:
    """A file to read as an SQL string; DuckDB expands patterns, so their characters are put in brackets."""
    return literal(re.sub(r"[*?\[]", r"[\g<0>]", str(path)))


def _batches(records: Iterable[tuple[int, list[str]]]) -> Iterator[list[tuple[int, list[str]]]]:
    iterator = iter(records)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch

"""CSV files as they are found: which encoding, which delimiter, which header, and where a record begins.

Belongs here: everything about the text of one file, plain or gzipped. Does not belong here: declared tables,
types, DuckDB.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

_DELIMITERS = ",;\t|"
_CHUNK = 1 << 20
_LONGEST_FIELD = 1 << 27  # characters; beyond it a quote was surely never closed
_UTF8 = "utf-8-sig"


class UnreadableFileError(ValueError):
    """A file that is not CSV. `line` is where the trouble begins, when it has a place."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class CsvText:
    """What is known of one CSV file before its rows are read. `header` is as written, without blanks
    around it.
    """

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]

    @property
    def is_utf8(self) -> bool:
        return self.encoding == _UTF8

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Every record after the header as (line on which it begins, fields); blank lines are skipped.

        Read leniently, as Python's csv module does: a quote in the middle of a field stays text. Raises
        `UnreadableFileError` when a quote is never closed.
        """
        return itertools.islice(_records(self.path, self.encoding, self.delimiter), 1, None)


def open_csv(path: Path) -> CsvText:
    """Find out how a file is written. Raises `UnreadableFileError` when it is empty or not text."""
    encoding = _encoding(path)
    headers = {delimiter: _header(path, encoding, delimiter) for delimiter in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda candidate: len(headers[candidate]))  # the first one when equal
    return CsvText(path, encoding, delimiter, headers[delimiter])


def _header(path: Path, encoding: str, delimiter: str) -> tuple[str, ...]:
    for _, record in _records(path, encoding, delimiter):
        return tuple(name.strip() for name in record)
    raise UnreadableFileError("is empty: a header line is needed")


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_FIELD)
    ended = False

    def lines(file: TextIO) -> Iterator[str]:
        nonlocal ended
        yield from file
        ended = True

    with io.TextIOWrapper(_open(path), encoding, newline="") as file:
        reader = csv.reader(lines(file), delimiter=delimiter)
        begin = 1
        while True:
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise UnreadableFileError(
                    f"the record that begins here cannot be read: {error}", begin
                ) from error
            if ended:  # the file ended inside a record: only an open quote does that
                raise UnreadableFileError(
                    "the record that begins here has a quote that is never closed", begin
                )
            if record:
                yield begin, record
            begin = reader.line_num + 1


def _encoding(path: Path) -> str:
    """UTF-8 when the whole file is; UTF-16 by its mark; else Windows-1252, the superset of Latin-1 in use."""
    decoders = {name: codecs.getincrementaldecoder(name)() for name in (_UTF8, "cp1252")}
    with _open(path) as file:
        chunk = file.read(_CHUNK)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if b"\0" in chunk or chunk.startswith(b"PK\x03\x04"):
            raise UnreadableFileError("is not a text file: export it as CSV (UTF-8)")
        while decoders:
            for name in tuple(decoders):
                try:
                    decoders[name].decode(chunk, final=not chunk)
                except UnicodeDecodeError:
                    del decoders[name]
            if not chunk:
                break
            chunk = file.read(_CHUNK)
    return next(iter(decoders), "latin-1")


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")

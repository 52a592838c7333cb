"""Which file of a folder is which raw table.

Belongs here: names of folders and files, and what to say about those that fit nothing. Does not belong here:
opening a file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from c360_platform.raw_files.contract import RawContract, RawSource, RawTable
from c360_platform.raw_files.problems import Problem

_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file that holds one declared table. `label` names it in messages: relative to the folder."""

    path: Path
    label: str
    source: RawSource
    table: RawTable


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a folder holds: files by table, files that fit no table, and what is wrong with the selection."""

    files: tuple[RawFile, ...]
    ignored: dict[str, str]
    problems: tuple[Problem, ...]


def discover(folder: Path, contract: RawContract) -> Discovery:
    """Look through `<folder>/<schema>/<table>.<suffix>`; nothing is opened."""
    if not folder.is_dir():
        return Discovery((), {}, (Problem(str(folder), "is not a folder"),))
    files: dict[RawTable, RawFile] = {}
    ignored: dict[str, str] = {}
    problems: list[Problem] = []
    for path in _visible_files(folder):
        label = path.relative_to(folder).as_posix()
        found = _identify(path, label, contract)
        if isinstance(found, str):
            ignored[label] = found
        elif (other := files.get(found.table)) is not None:
            table = f"{found.source.name}.{found.table.name}"
            problems.append(Problem(label, f"is table {table}, and so is {other.label}: keep one of them"))
        else:
            files[found.table] = found
    if not files and not problems:
        known = ", ".join(source.name for source in contract.sources)
        reason = next(iter(ignored.values()), "it is empty")
        problems.append(
            Problem(
                str(folder),
                f"holds no raw table ({reason}): put files at <schema>/<table>.csv or .parquet, "
                f"where schema is one of {known}",
            )
        )
    return Discovery(tuple(files.values()), ignored, tuple(problems))


def _visible_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _identify(path: Path, label: str, contract: RawContract) -> RawFile | str:
    """The declared table behind a file, or why there is none."""
    parts = label.split("/")
    suffix = next(
        (suffix for suffix in sorted(_SUFFIXES, key=len) if parts[-1].lower().endswith(suffix)), None
    )
    if suffix is None:
        return "not a .csv, .tsv (also .gz) or .parquet file"
    if len(parts) != 2:
        return "not at <schema>/<table>"
    source = contract.source(parts[0])
    if source is None:
        return f"no source is called {parts[0]}{_suggestion(parts[0], [s.name for s in contract.sources])}"
    stem = parts[1][: -len(suffix)]
    table = source.table(stem)
    if table is None:
        names = [name for table in source.tables for name in (table.name, *table.aliases)]
        return f"{source.name} has no table {stem}{_suggestion(stem, names)}"
    return RawFile(path, label, source, table)


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f", did you mean {close[0]}?" if close else ""

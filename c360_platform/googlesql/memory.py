"""What the analyser said before, kept on disk: an unchanged statement on unchanged tables is not asked again.

Belongs here: the file and when an answer still holds. Does not belong here: judging.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from c360_platform.googlesql.engine import cache_directory, engine_version

MOST_ANSWERS = 20_000
# What an answer depends on beside the engine: the dialect, the functions, the rules, the shape of an answer.
_OWN_MODULES = ("analyser.py", "functions.py", "language.py", "rules.py", "tree.py", "types.py")

Columns = Mapping[str, str]
Lookup = Callable[[str], Columns | None]  # columns of a table by its dotted lower-case path


class Memory:
    """Answers by statement. Losing it costs time only; several processes may use one file."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or cache_directory() / f"analyses-{_version()}.json"
        self._answers: dict[str, dict[str, Any]] = _read(self.file)
        self._used: dict[str, dict[str, Any]] = {}

    def recall(self, sql: str, parameters: Sequence[str], columns_of: Lookup) -> Any | None:
        """The kept answer, as it was given to `keep`; None when a table it names looks different now."""
        name = _name(sql, parameters)
        kept = self._used.get(name) or self._answers.get(name)
        if kept is None or any(_digest(columns_of(path)) != seen for path, seen in kept["tables"].items()):
            return None
        self._used[name] = kept
        return kept["answer"]

    def keep(
        self,
        sql: str,
        parameters: Sequence[str],
        tables: Sequence[str],
        columns_of: Lookup,
        answer: Any,
    ) -> None:
        """Remember an answer (JSON values) with the tables that the statement names, known or not."""
        seen = {path: _digest(columns_of(path)) for path in tables}
        self._used[_name(sql, parameters)] = {"tables": seen, "answer": answer}

    def save(self) -> None:
        """Write what is new; a disk that refuses is no error."""
        if self._used.items() <= self._answers.items():
            return
        merged = {**_read(self.file), **self._used}
        kept = dict(list(merged.items())[-MOST_ANSWERS:])
        partial = self.file.with_suffix(f".{os.getpid()}")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            partial.write_text(json.dumps(kept), encoding="utf-8")
            partial.replace(self.file)
        except OSError:
            partial.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _version() -> str:
    digest = hashlib.sha256(engine_version().encode())
    for name in _OWN_MODULES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:16]


def _name(sql: str, parameters: Sequence[str]) -> str:
    return hashlib.sha256("\0".join((sql, *parameters)).encode()).hexdigest()[:32]


def _digest(columns: Columns | None) -> str:
    if columns is None:
        return ""
    return hashlib.sha256(json.dumps(list(columns.items())).encode()).hexdigest()[:16]

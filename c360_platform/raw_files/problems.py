"""What is wrong with raw files, in words that a shop can act on without anybody's data being printed.

Belongs here: the problem of one place in one file, the error that carries all of them, and how an
offending value is described. Does not belong here: finding problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from c360_platform.raw_files.contract import DataType, RawColumn

_EXPECTED: dict[DataType, str] = {
    "string": "an id that can be kept",
    "int64": "a whole number",
    "numeric": "a plain decimal number such as 1234.50",
    "float64": "a number",
    "bool": "true or false",
    "timestamp": "a time such as 2024-05-31 17:45:00 (year first; UTC unless it carries an offset)",
    "date": "a date such as 2024-05-31",
    "json": "JSON",
}
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("an e-mail address", re.compile(r".*@.*", re.DOTALL)),
    ("broken JSON", re.compile(r"[\[{].*", re.DOTALL)),
    ("a date that does not begin with the year", re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b.*")),
    (
        "a date or time that does not exist or is not ISO 8601",
        re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b.*"),
    ),
    ("a number in scientific notation, digits are lost", re.compile(r"[+-]?\d([.,]\d+)?[eE]\+\d+")),
    ("a decimal comma", re.compile(r"[+-]?\d+,\d{1,2}")),
    ("thousands separators", re.compile(r"[+-]?\d{1,3}([., ']\d{3})+([.,]\d+)?")),
    ("an amount with a currency sign", re.compile(r"[+-]?([$€£¥] ?[\d.,]+|[\d.,]+ ?[$€£¥])")),
    ("a number", re.compile(r"[+-]?\d+(\.\d+)?")),
)
_LONGEST_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place. `line` counts lines of a text file from 1, `row` rows of a Parquet
    file.
    """

    file: str
    message: str
    line: int | None = None
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        place = self.file
        if self.line is not None:
            place += f":{self.line}"
        elif self.row is not None:
            place += f", row {self.row}"
        column = f" column {self.column}:" if self.column is not None else ""
        return f"{place}:{column} {self.message}"


class RawFileError(ValueError):
    """Files that cannot be loaded as they are; nothing was written. `problems` holds every one that is
    shown.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems]
        if len(lines) == 1:
            super().__init__(f"{lines[0]} (nothing was loaded)")
        else:
            super().__init__("\n  ".join(["nothing was loaded:", *lines]))


def not_of_type(value: str, column: RawColumn) -> str:
    """Why `value` does not fit `column`. The value itself is shown only when it cannot tell who somebody
    is.
    """
    kind = next((kind for kind, pattern in _KINDS if pattern.fullmatch(value)), "text")
    if column.is_personal or _may_be_personal(value, kind):
        shown = f"a value of {len(value)} characters"
    else:
        shown = f"'{value[:_LONGEST_SHOWN]}{'…' if len(value) > _LONGEST_SHOWN else ''}'"
    return f"{shown} ({kind}) is not {_EXPECTED[column.data_type]}"


def _may_be_personal(value: str, kind: str) -> bool:
    """Whether to hide a value from any column: broken lines shift words, addresses and phone numbers."""
    if "@" in value or re.search(r"[^\W\d_]{3,}", value):
        return True
    return "date" not in kind and re.fullmatch(r"[+(0][\d\s()/.-]{6,}", value) is not None

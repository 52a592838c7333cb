"""The filter parameter: `equals(email,"a@shop.example"),greater-than(updated,2026-01-01T00:00:00Z)`.

Belongs here: parsing a filter and turning it into SQL conditions. Does not belong here: which fields a
resource can be filtered by; each resource gives its `FilterField`s.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from c360_platform.sandbox.klaviyo import times
from c360_platform.sandbox.klaviyo.errors import ApiError, invalid_parameter

COMPARISONS: Final = ("greater-or-equal", "greater-than", "less-or-equal", "less-than")
TEXT_OPERATORS: Final = ("contains", "ends-with", "equals", "starts-with")
_PATTERNS: Final = {"contains": "%{}%", "starts-with": "{}%", "ends-with": "%{}"}
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<string> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
        | (?P<mark> [(),\[\]] )
        | (?P<word> [^(),\[\]"']+ )
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class FilterField:
    """What a field can be compared by. `sql` is an expression; times are integers in `units` per second.

    `condition` is an SQL template with `{comparison}` for a value that stands in several rows of JSON.
    """

    operators: Sequence[str]
    sql: str
    kind: Literal["string", "enum", "time", "number", "boolean"] = "string"
    units: int = 1_000_000
    lower: bool = False
    condition: str = "{comparison}"


@dataclass(slots=True)
class Conditions:
    """SQL conditions, to be joined by AND, with their parameters and the names of the fields used."""

    sql: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)

    def add(self, sql: str, *parameters: Any) -> None:
        self.sql.append(sql)
        self.parameters.extend(parameters)


def conditions(text: str | None, fields: Mapping[str, FilterField]) -> Conditions:
    """The conditions of a filter; None or empty has none. Raises a 400 that names the filter."""
    found = Conditions()
    if text and text.strip():
        for name, field_name, value in _Parser(text).expressions():
            _add(found, name, field_name, value, fields)
    return found


def _add(found: Conditions, operator: str, name: str, value: Any, fields: Mapping[str, FilterField]) -> None:
    known = fields.get(name)
    if known is None:
        raise _bad(f"'{name}' is not a filterable field. Allowed: {', '.join(sorted(fields))}.")
    if operator not in known.operators:
        raise _bad(f"'{operator}' is not allowed for '{name}'. Allowed: {', '.join(known.operators)}.")
    found.fields.add(name)
    if operator == "has":
        found.add(known.sql)
        return
    comparison, parameters = _comparison(operator, name, known, value)
    found.add(known.condition.format(comparison=comparison), *parameters)


def _comparison(operator: str, name: str, known: FilterField, value: Any) -> tuple[str, list[Any]]:
    if operator == "any":
        values = value if isinstance(value, list) else [value]
        if not values:
            raise _bad(f"any({name},[…]) needs at least one value.")
        marks = ", ".join("?" * len(values))
        return f"{known.sql} in ({marks})", [_text(name, known, item) for item in values]
    if operator in _PATTERNS:
        text = re.sub(r"([%_\\])", r"\\\1", _text(name, known, value))
        return f"{known.sql} like ? escape '\\'", [_PATTERNS[operator].format(text)]
    if operator == "equals" and known.kind != "time":
        return f"{known.sql} = ?", [_text(name, known, value)]
    seconds = _seconds(name, known, value)
    # Times are compared at the second that Klaviyo shows: 10:00:00.7 is not greater than 10:00:00.
    after, at_or_after = math.floor(seconds) + 1, math.ceil(seconds)
    if operator == "equals":
        return f"{known.sql} between ? and ?", [at_or_after * known.units, after * known.units - 1]
    bound, sign = {
        "greater-than": (after, ">="),
        "greater-or-equal": (at_or_after, ">="),
        "less-than": (at_or_after, "<"),
        "less-or-equal": (after, "<"),
    }[operator]
    return f"{known.sql} {sign} ?", [bound * known.units]


def _text(name: str, known: FilterField, value: Any) -> Any:
    if known.kind == "enum":
        return str(value)
    if known.kind == "boolean":
        if isinstance(value, str) or str(value).lower() not in ("true", "false"):
            raise _bad(f"'{name}' must be compared with true or false.")
        return int(str(value).lower() == "true")
    if not isinstance(value, str):
        raise _bad(f"'{name}' must be compared with text in quotation marks.")
    return value.lower() if known.lower else value


def _seconds(name: str, known: FilterField, value: Any) -> float:
    try:
        if known.kind == "number":
            return float(value)
        return times.parse(str(value)) / 1_000_000
    except ValueError:
        expected = "a number" if known.kind == "number" else "a date-time such as 2026-01-01T00:00:00Z"
        raise _bad(f"'{name}' must be compared with {expected}.") from None


def _bad(detail: str) -> ApiError:
    return invalid_parameter(f"Invalid filter provided: {detail}", "filter")


class _Parser:
    """Reads `operator(field,value)` joined by commas or by and(…); there is no or."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise _bad(f"cannot read it at character {position + 1}.")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind].strip() if kind == "word" else match[kind]))
            position = match.end()
        self._next = 0

    def expressions(self) -> list[tuple[str, str, Any]]:
        found = self._list()
        if self._next < len(self._tokens):
            raise _bad(f"unexpected '{self._tokens[self._next][1]}'.")
        return found

    def _list(self) -> list[tuple[str, str, Any]]:
        found = self._expression()
        while self._peek() == ",":
            self._take("mark", ",")
            found += self._expression()
        return found

    def _expression(self) -> list[tuple[str, str, Any]]:
        operator = self._take("word")
        self._take("mark", "(")
        if operator == "and":
            found = self._list()
        elif operator in ("or", "not"):
            raise _bad(f"'{operator}' is not supported.")
        else:
            name, value = self._take("word"), None
            if self._peek() == ",":
                self._take("mark", ",")
                value = self._value()
            found = [(operator, name, value)]
        self._take("mark", ")")
        return found

    def _value(self) -> Any:
        if self._peek() != "[":
            return self._scalar()
        self._take("mark", "[")
        values = []
        while self._peek() != "]":
            values.append(self._scalar())
            if self._peek() == ",":
                self._take("mark", ",")
        self._take("mark", "]")
        return values

    def _scalar(self) -> Any:
        kind, text = self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")
        if kind == "string":
            self._next += 1
            return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        return _Bare(self._take("word"))

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self, kind: str, text: str | None = None) -> str:
        found = self._tokens[self._next] if self._next < len(self._tokens) else ("end", "its end")
        if found[0] != kind or text not in (None, found[1]):
            raise _bad(f"expected {text or 'a name'!r} before {found[1]!r}.")
        self._next += 1
        return found[1]


class _Bare:
    """A value without quotation marks: a number, a date-time or a boolean, never text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    def __float__(self) -> float:
        return float(self._text)

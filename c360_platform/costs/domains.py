"""What a condition leaves of a column, as far as BigQuery can skip parts of a table by it.

Belongs here: reading conditions of Google's resolved statements into spans of time, nulls and texts. Does not
belong here: which scan a condition reaches (`reads`), and what skipping saves (`tables`).

BigQuery skips partitions by conditions that compare the column itself with a constant; a subquery or another
column prunes nothing: https://cloud.google.com/bigquery/docs/querying-partitioned-tables
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

from c360_platform.googlesql.tree import field, node

Span = tuple[float, float]  # microseconds since 1970, both ends included
_EVER: Span = (float("-inf"), float("inf"))
_MICROSECONDS_PER_DAY = 86_400_000_000
_FLIPPED = {"greater": "less", "less": "greater"}
_SHARD = re.compile(r"\d{8}")  # of tables that are one per day, and their day as a column: 20260630


@dataclass(frozen=True, slots=True)
class Domain:
    """Values that a column can still have: times in `spans`, null, and `texts` (None: any).

    `derived`: it is about a text made of the column. That skips tables that are one per day, whose names
    BigQuery puts into the condition, and no partition.
    """

    spans: tuple[Span, ...] = (_EVER,)
    null: bool = True
    texts: frozenset[str] | None = None
    derived: bool = False

    def both(self, other: Domain) -> Domain:
        """What satisfies two conditions."""
        spans = [
            (max(a[0], b[0]), min(a[1], b[1]))
            for a in self.spans
            for b in other.spans
            if max(a[0], b[0]) <= min(a[1], b[1])
        ]
        texts = other.texts if self.texts is None else self.texts
        if self.texts is not None and other.texts is not None:
            texts = self.texts & other.texts
        return Domain(tuple(spans), self.null and other.null, texts, self.derived or other.derived)

    def either(self, other: Domain) -> Domain:
        """What satisfies one of two conditions."""
        texts = None if self.texts is None or other.texts is None else self.texts | other.texts
        spans = tuple(dict.fromkeys((*self.spans, *other.spans)))
        return Domain(spans, self.null or other.null, texts, self.derived or other.derived)


Domains = Mapping[int, Domain]  # by the id that the analyser gave to a column
ANYTHING = Domain()
NOTHING = -1  # in place of a column's id: a condition that never holds


def both(one: Domains, other: Domains) -> dict[int, Domain]:
    """Conditions that hold together."""
    return {
        column: one.get(column, ANYTHING).both(other.get(column, ANYTHING)) for column in {**one, **other}
    }


def either(alternatives: Iterable[Domains]) -> dict[int, Domain]:
    """Conditions of which one holds: a column is limited only when all of them limit it."""
    first, *others = alternatives
    found = dict(first)
    for other in others:
        found = {column: found[column].either(other[column]) for column in found if column in other}
    return found


class Conditions:
    """The conditions of one statement; constants are worked out from its text."""

    def __init__(self, sql: str) -> None:
        self._text = sql

    @cached_property
    def _bytes(self) -> bytes:
        return self._text.encode()  # the analyser counts bytes

    def domains(self, condition: Any) -> dict[int, Domain]:
        """Columns that a condition limits. What is not understood limits nothing."""
        expression = node(condition)
        function, arguments = _call(expression)
        found: dict[int, Domain] = {}
        if function == "$and":
            for argument in arguments:
                found = both(found, self.domains(argument))
        elif function == "$or":
            found = either([self.domains(argument) for argument in arguments])
        elif function:
            found = self._simple(function, arguments)
        elif expression.DESCRIPTOR.name == "ResolvedLiteralProto":
            value = expression.value.value
            if value.WhichOneof("value") == "bool_value" and not value.bool_value:
                found = {NOTHING: Domain(spans=(), null=False)}
        return found

    def _simple(self, function: str, arguments: Sequence[Any]) -> dict[int, Domain]:
        if function == "$is_null":
            column = _column(arguments[0])
            return {} if column is None else {column: Domain(spans=(), null=True, texts=frozenset())}
        if function == "$between":
            column = _column(arguments[0])
            first, last = self._moment(arguments[1]), self._moment(arguments[2])
            if column is None or first is None or last is None:
                return {}
            return {column: Domain(((first, last),), null=False)}
        if function == "$in":
            return either([self._comparison("equal", arguments[0], value) for value in arguments[1:]])
        if function in ("$equal", "$greater", "$greater_or_equal", "$less", "$less_or_equal"):
            return self._comparison(function[1:], *arguments)
        return {}

    def _comparison(self, operator: str, left: Any, right: Any) -> dict[int, Domain]:
        column, constant = _column(left), right
        if column is None:
            column, constant = _column(right), left
            first, _, rest = operator.partition("_")
            operator = "_".join(filter(None, (_FLIPPED.get(first, first), rest)))
        if column is None:
            return {}
        text = _text(constant)
        if text is not None and not _SHARD.fullmatch(text):
            return {column: Domain(null=False, texts=frozenset({text}))} if operator == "equal" else {}
        moment = self._moment(constant) if text is None else _day(text)
        if moment is None:
            return {}
        low = moment if operator in ("equal", "greater", "greater_or_equal") else _EVER[0]
        high = moment if operator in ("equal", "less", "less_or_equal") else _EVER[1]
        return {column: Domain(((low + (operator == "greater"), high - (operator == "less")),), null=False)}

    def _moment(self, expression: Any) -> float | None:
        """A constant time in microseconds; None when it is no constant or no time."""
        expression = node(expression)
        of = field(expression, "type")
        place = field(expression, "parse_location_range")
        if of is None or place is None or not place.end or not _is_constant(expression):
            return None
        return _evaluated(self._bytes[place.start : place.end].decode(), int(of.type_kind))


@lru_cache(maxsize=4096)
def _evaluated(text: str, type_kind: int) -> float | None:
    from zetasql.wasi._pb2.zetasql.public.type_pb2 import TypeKind

    from c360_platform.googlesql.evaluator import EvaluationFailed, Evaluator

    name = TypeKind.Name(type_kind)
    if name not in ("TYPE_DATE", "TYPE_DATETIME", "TYPE_TIMESTAMP"):
        return None
    of = name.removeprefix("TYPE_")
    # A literal that was typed by its neighbour stands in the text as a plain string.
    value = f"cast({text} as {of})"
    as_number = f"unix_date({value})" if of == "DATE" else f"unix_micros(timestamp({value}))"
    try:
        number = Evaluator().evaluate(f"select {as_number} as moment")[0]["moment"]
    except EvaluationFailed:
        return None
    return None if number is None else float(number) * (_MICROSECONDS_PER_DAY if of == "DATE" else 1)


def _day(shard: str) -> float | None:
    try:
        return datetime.strptime(shard, "%Y%m%d").replace(tzinfo=UTC).timestamp() * 1_000_000
    except ValueError:
        return None


def source_of(expression: Any) -> tuple[int, bool] | None:
    """The column that an expression is, or (True) the text column that it only tidies up; None for others."""
    expression = node(expression)
    if expression.DESCRIPTOR.name == "ResolvedColumnRefProto":
        return int(expression.column.column_id), False
    function, arguments = _call(expression)
    if function in ("nullif", "replace") and all(_is_constant(node(rest)) for rest in arguments[1:]):
        found = source_of(arguments[0])
        return (found[0], True) if found else None
    return None


def _call(expression: Any) -> tuple[str, list[Any]]:
    """Name and arguments of a function call; an empty name for anything else."""
    if expression.DESCRIPTOR.name != "ResolvedFunctionCallProto":
        return "", []
    return field(expression, "function").name.removeprefix("ZetaSQL:"), list(
        field(expression, "argument_list") or []
    )


def _column(expression: Any) -> int | None:
    expression = node(expression)
    is_column = expression.DESCRIPTOR.name == "ResolvedColumnRefProto"
    return int(expression.column.column_id) if is_column else None


def _text(expression: Any) -> str | None:
    expression = node(expression)
    if expression.DESCRIPTOR.name != "ResolvedLiteralProto":
        return None
    value = expression.value.value
    return str(value.string_value) if value.WhichOneof("value") == "string_value" else None


def _is_constant(message: Any) -> bool:
    name = message.DESCRIPTOR.name
    if name in ("ResolvedColumnRefProto", "ResolvedSubqueryExprProto", "ResolvedParameterProto"):
        return False
    return all(_is_constant(child) for child in children(message))


def children(message: Any) -> Iterable[Any]:
    """The resolved nodes directly inside a message, whatever they are wrapped in."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        is_many = not hasattr(value, "DESCRIPTOR")
        for child in value if is_many else (value,):
            if hasattr(child, "DESCRIPTOR") and "resolved_ast" in child.DESCRIPTOR.file.name:
                yield node(child)

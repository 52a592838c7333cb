"""The filters inside segment conditions: `{"type": "string", "operator": "equals", "value": "x"}`.

Belongs here: their types and operators, and what they mean in SQL. Does not belong here: what they are
applied to (`segment_definition`), and the filter parameter of collections (`filters`).

Text is equal as it is written, contains and begins without regard to case (assumed: no page says). A negated
filter holds for profiles without the property.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final

from c360_platform.sandbox.klaviyo import times
from c360_platform.sandbox.klaviyo.errors import Problem

_OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "string": (
        *("equals", "not-equals", "contains", "not-contains", "starts-with", "not-starts-with"),
        *("ends-with", "not-ends-with", "in", "not-in", "regex", "nregex"),
        *("phone-country-code-in", "phone-country-code-not-in"),
    ),
    "numeric": (
        *("equals", "not-equals", "greater-than", "greater-than-or-equal", "less-than"),
        *("less-than-or-equal", "between"),
    ),
    "boolean": ("equals",),
    "date": (
        *("after", "before", "between-static", "between", "in-the-last", "in-the-next", "at-least"),
        *("alltime", "calendar-month", "anniversary", "anniversary-month", "anniversary-last"),
        *("anniversary-next", "flow-start"),
    ),
    "existence": ("is-set", "not-set"),
    "list": (
        *("contains", "not-contains", "contains-any", "contains-all", "not-contains-any"),
        *("not-contains-all", "contains-substring", "not-contains-substring", "length-equals"),
        *("length-greater-than", "length-greater-than-or-equal", "length-less-than"),
        "length-less-than-or-equal",
    ),
}
_SIGNS: Final = {
    "equals": "=",
    "greater-than": ">",
    "greater-than-or-equal": ">=",
    "less-than": "<",
    "less-than-or-equal": "<=",
}
_UNITS: Final = {"hour": 3600, "day": 86_400, "week": 7 * 86_400}


@dataclass(frozen=True, slots=True)
class Sql:
    """An expression with the parameters of its question marks."""

    text: str
    parameters: tuple[Any, ...] = ()

    def negated(self) -> Sql:
        return Sql(f"not coalesce({self.text}, 0)", self.parameters)


NOBODY: Final = Sql("0")


def joined(conditions: Sequence[Sql], word: str) -> Sql:
    """The conditions joined by `and` or `or`."""
    text = f" {word} ".join(condition.text for condition in conditions)
    return Sql(f"({text})", tuple(value for condition in conditions for value in condition.parameters))


def filter_problems(sent: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    """What is wrong with a filter."""
    kind, operator = str(sent.get("type")), str(sent.get("operator"))
    if kind not in _OPERATORS:
        yield Problem(f"'{kind}' is not a valid filter type.", f"{pointer}/type")
        return
    if operator not in _OPERATORS[kind]:
        yield Problem(f"'{operator}' is not a valid operator for '{kind}'.", f"{pointer}/operator")
        return
    for name in _needed(kind, operator):
        if name not in sent:
            yield Problem(f"'{name}' is a required field.", f"{pointer}/{name}")
        elif not _fits(kind, operator, name, sent[name]):
            yield Problem(f"Invalid value for '{name}'.", f"{pointer}/{name}")


def compare(held: Sql, sent: Mapping[str, Any], now_s: int, *, seconds: bool = False) -> Sql:
    """The filter applied to an expression; `seconds` when that is a time in whole seconds and not text."""
    kind, operator = sent["type"], sent["operator"]
    if kind == "date":
        moment = held if seconds else Sql(f"unixepoch({held.text})", held.parameters)
        return _date(moment, sent, now_s)
    if operator.startswith("not-") and operator != "not-set":
        return compare(held, {**sent, "operator": operator.removeprefix("not-")}, now_s).negated()
    return _COMPARISONS[kind](held, operator, sent)


def _needed(kind: str, operator: str) -> tuple[str, ...]:
    if kind == "existence" or operator in ("alltime", "anniversary", "anniversary-month", "flow-start"):
        return ()
    if operator in ("between", "between-static"):
        return ("start", "end", "unit") if kind == "date" and operator == "between" else ("start", "end")
    if operator in ("after", "before"):
        return ("date",)
    if kind == "date" and operator != "calendar-month":
        return ("unit", "quantity")
    return ("value",)


def _fits(kind: str, operator: str, name: str, value: Any) -> bool:
    """True when a member of a filter has the type that its operator needs."""
    if name == "date" or operator == "between-static":
        return _is_time(value)
    if name == "unit":
        return value in _UNITS
    if operator in ("in", "not-in") or operator.endswith(("-any", "-all", "-code-in", "-code-not-in")):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    whole = kind == "date" or operator.startswith("length-")
    types = {"numeric": (int, float), "boolean": (bool,), "list": (int, str, NoneType)}
    allowed = (int,) if whole else types.get(kind, (str, NoneType))
    return isinstance(value, allowed) and (kind == "boolean" or not isinstance(value, bool))


def _is_time(value: Any) -> bool:
    try:
        times.parse(value)
    except (TypeError, ValueError, AttributeError):
        return False
    return True


def _existence(held: Sql, operator: str, _: Mapping[str, Any]) -> Sql:
    return Sql(f"{held.text} is {'not ' if operator == 'is-set' else ''}null", held.parameters)


def _numeric(held: Sql, operator: str, sent: Mapping[str, Any]) -> Sql:
    # SQLite sorts every text above every number.
    number = f"typeof({held.text}) in ('integer', 'real') and {held.text}"
    if operator == "between":
        return Sql(f"({number} between ? and ?)", (*held.parameters * 2, sent["start"], sent["end"]))
    return Sql(f"({number} {_SIGNS[operator]} ?)", (*held.parameters * 2, sent["value"]))


def _boolean(held: Sql, _: str, sent: Mapping[str, Any]) -> Sql:
    return Sql(f"{held.text} = ?", (*held.parameters, int(sent["value"])))


def _string(held: Sql, operator: str, sent: Mapping[str, Any]) -> Sql:
    value = sent["value"]
    if operator == "equals":
        return Sql(f"{held.text} is ?", (*held.parameters, value))
    if not value:
        return NOBODY
    text, values = {
        "in": (f"in ({', '.join('?' * len(value))})", tuple(value)),
        "contains": ("like '%' || ? || '%' escape '\\'", (_unlike(value),)),
        "starts-with": ("like ? || '%' escape '\\'", (_unlike(value),)),
        "ends-with": ("like '%' || ? escape '\\'", (_unlike(value),)),
    }.get(operator, ("is null and 0", ()))
    return Sql(f"({held.text} {text})", (*held.parameters, *values))


def _unlike(value: Any) -> str:
    """Text for `like` that means itself."""
    return re.sub(r"([%_\\])", r"\\\1", str(value))


def _list(held: Sql, operator: str, sent: Mapping[str, Any]) -> Sql:
    value = sent["value"]
    # What is no list is one with a single item; json_each gives lists as their JSON text.
    items = (
        f"case when json_valid({held.text}) and {held.text} like '[%' then {held.text} "
        f"else json_array({held.text}) end"
    )
    parameters = held.parameters * 4
    if operator.startswith("length-"):
        sign = _SIGNS[operator.removeprefix("length-")]
        return Sql(f"json_array_length({items}) {sign} ?", (*parameters, value))
    if operator in ("contains-all", "contains-any"):
        each = [_list(held, "contains", {"value": one}) for one in value]
        word, of_nothing = ("and", Sql("1")) if operator == "contains-all" else ("or", NOBODY)
        return joined(each, word) if each else of_nothing
    test = "instr(item.value, ?) > 0" if operator == "contains-substring" else "item.value = ?"
    return Sql(f"exists (select 1 from json_each({items}) as item where {test})", (*parameters, value))


def _date(moment: Sql, sent: Mapping[str, Any], now_s: int) -> Sql:
    operator = sent["operator"]
    if operator == "alltime":
        return Sql("1")
    if operator in ("after", "before"):
        sign = ">" if operator == "after" else "<"
        return Sql(f"{moment.text} {sign} ?", (*moment.parameters, _second(sent["date"])))
    if operator == "between-static":
        first, last = _second(sent["start"]), _second(sent["end"])
    elif operator == "between":  # so many units ago
        unit = _UNITS[sent["unit"]]
        first, last = sorted((now_s - sent["start"] * unit, now_s - sent["end"] * unit))
    elif operator in ("in-the-last", "in-the-next", "at-least"):
        length = sent["quantity"] * _UNITS[sent["unit"]]
        if operator == "at-least":  # at least so long ago
            return Sql(f"{moment.text} <= ?", (*moment.parameters, now_s - length))
        first, last = (now_s - length, now_s) if operator == "in-the-last" else (now_s, now_s + length)
    else:
        return NOBODY
    return Sql(f"{moment.text} between ? and ?", (*moment.parameters, first, last))


def _second(text: str) -> int:
    return times.parse(text) // 1_000_000


_COMPARISONS: Final[Mapping[str, Callable[[Sql, str, Mapping[str, Any]], Sql]]] = {
    "existence": _existence,
    "numeric": _numeric,
    "boolean": _boolean,
    "string": _string,
    "list": _list,
}

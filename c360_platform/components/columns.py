"""Columns of an upstream table as SQL, whatever type they came in.

Belongs here: finding a column, and reading it as text, time or number. Does not belong here: what a column is
for, and what a value means to identity (keys_sql.py).

A reference in a mapping is the name of a column, `column.field` for a field of a struct or of JSON text, or
`column[key]` for a parameter of GA4's lists of keys and values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from c360_platform.components.contract import Form

Types = Mapping[str, str]
"""Column of a relation to DuckDB's name of its type."""

BLANKS: Final = " \t\r\n\v\f\u00a0\u2007\u200b\u202f\u3000\ufeff"
_PARAMETER: Final = re.compile(r"(?P<column>.+)\[(?P<key>[^\[\]]+)\]")
_PARAMETERS: Final = (
    '[{"key":"VARCHAR","value":{"string_value":"VARCHAR","int_value":"BIGINT",'
    '"float_value":"DOUBLE","double_value":"DOUBLE"}}]'
)
_FLOATS: Final = ("DOUBLE", "FLOAT")
_INTEGERS: Final = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
)  # fmt: skip


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def find(reference: str, types: Types) -> tuple[str, str] | None:
    """The expression of a reference and the type that it has; None when there is no such column.

    Names match exactly, or else in any case, with or without blanks and underscores.
    """
    name = _name(reference, types)
    if name is not None:
        return quoted(name), types[name]
    parameter = _PARAMETER.fullmatch(reference)
    if parameter is not None:
        name = _name(parameter["column"], types)
        return None if name is None else (_parameter(name, types[name], parameter["key"]), "VARCHAR")
    column, dot, field = reference.partition(".")
    name = _name(column, types) if dot else None
    if name is None:
        return None
    path = "$" + "".join("." + '"' + part.replace('"', "") + '"' for part in field.split("."))
    return f"json_extract_string({_json(name, types[name])}, {literal(path)})", "VARCHAR"


def base_column(reference: str, names: Iterable[str]) -> str | None:
    """The column of the table that a reference reads; None when there is none."""
    known = dict.fromkeys(names, "")
    parameter = _PARAMETER.fullmatch(reference)
    for candidate in (
        reference,
        parameter["column"] if parameter else reference,
        reference.partition(".")[0],
    ):
        name = _name(candidate, known)
        if name is not None:
            return name
    return None


def read(expression: str, kind: str, form: Form) -> str:
    """The expression as VARCHAR, TIMESTAMP WITH TIME ZONE or DECIMAL(38,6); null for what cannot be read."""
    return {"text": as_text, "time": as_time, "number": as_number}[form](expression, kind)


def as_text(expression: str, kind: str) -> str:
    """Text without blanks around it, null when nothing is left.

    pandas keeps whole numbers as floats as soon as one is missing: 12.0 is the id 12.
    """
    if kind in _FLOATS:
        whole = f"{expression} = trunc({expression}) and abs({expression}) < 1e15"
        text = f"case when {whole} then cast(cast({expression} as bigint) as varchar) "
        return text + f"when not isnan({expression}) then cast({expression} as varchar) end"
    if kind in _INTEGERS:
        return f"cast({expression} as varchar)"
    text = expression if kind == "VARCHAR" else f"cast({expression} as varchar)"
    # To look at both ends is ten times as fast as to trim, and few values have blanks.
    has_blanks = f"contains({literal(BLANKS)}, ({text})[1]) or contains({literal(BLANKS)}, ({text})[-1])"
    return f"nullif(if({has_blanks}, trim({text}, {literal(BLANKS)}), {text}), '')"


def as_time(expression: str, kind: str) -> str:
    """An instant; without a zone it is UTC. Numbers are (milli-, micro-, nano-) seconds since 1970."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return expression
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"cast({expression} as timestamptz)"
    if kind in _INTEGERS:
        return _since_1970(expression, "1000000", "1000", "//")
    if kind in _FLOATS or kind.startswith("DECIMAL"):
        return _since_1970(f"cast({expression} as double)")
    text = as_text(expression, kind)
    written = f"case when isfinite(try_cast({text} as timestamptz)) then try_cast({text} as timestamptz) end"
    return f"coalesce({written}, {_since_1970(f'try_cast({text} as double)')})"


def can_fail(kind: str, form: Form) -> bool:
    """Whether a value of this type may be there and still not be readable."""
    return form != "text" and kind not in _INTEGERS and kind != "DATE" and not kind.startswith("TIMESTAMP")


def as_number(expression: str, kind: str) -> str:
    """A decimal number with six places."""
    source = as_text(expression, kind) if kind == "VARCHAR" else expression
    return f"try_cast({source} as decimal(38, 6))"


def _since_1970(number: str, million: str = "1e6", thousand: str = "1e3", divided_by: str = "/") -> str:
    """Seconds have at most eleven digits, milliseconds fourteen, microseconds seventeen."""
    return (
        f"make_timestamptz(try_cast(case when abs({number}) < 100000000000 then {number} * {million} "
        f"when abs({number}) < 100000000000000 then {number} * {thousand} "
        f"when abs({number}) < 100000000000000000 then {number} "
        f"else {number} {divided_by} {thousand} end as bigint))"
    )


def _parameter(name: str, kind: str, key: str) -> str:
    entries = f"from_json({_json(name, kind)}, {literal(_PARAMETERS)})"
    value = f"list_filter({entries}, lambda entry: entry.key = {literal(key)})[1].value"
    return (
        f"coalesce({value}.string_value, cast({value}.int_value as varchar), "
        f"cast({value}.double_value as varchar), cast({value}.float_value as varchar))"
    )


def _json(name: str, kind: str) -> str:
    if kind in ("VARCHAR", "JSON"):
        return f"try_cast({quoted(name)} as json)"
    return f"to_json({quoted(name)})"


def _name(reference: str, types: Types) -> str | None:
    if reference in types:
        return reference
    return next((name for name in types if _squeezed(name) == _squeezed(reference)), None)


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()

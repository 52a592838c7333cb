"""BigQuery's names of types and Google's type messages.

Belongs here: reading `ARRAY<STRUCT<sku STRING, price NUMERIC(10, 2)>>` and writing it. Does not belong here:
which types a feature may use (rules.py).

Names: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zetasql.wasi._pb2.zetasql.public.type_pb2 import TypeProto

# BigQuery's name to the member of Google's TypeKind.
KINDS = {
    "INT64": "TYPE_INT64",
    "FLOAT64": "TYPE_DOUBLE",
    "NUMERIC": "TYPE_NUMERIC",
    "BIGNUMERIC": "TYPE_BIGNUMERIC",
    "BOOL": "TYPE_BOOL",
    "STRING": "TYPE_STRING",
    "BYTES": "TYPE_BYTES",
    "DATE": "TYPE_DATE",
    "DATETIME": "TYPE_DATETIME",
    "TIME": "TYPE_TIME",
    "TIMESTAMP": "TYPE_TIMESTAMP",
    "JSON": "TYPE_JSON",
    "GEOGRAPHY": "TYPE_GEOGRAPHY",
    "INTERVAL": "TYPE_INTERVAL",
}
# Other spellings: BigQuery's aliases in SQL, and the names that its table schemas use.
ALIASES = {
    **dict.fromkeys(("INT", "SMALLINT", "INTEGER", "BIGINT", "TINYINT", "BYTEINT"), "INT64"),
    "FLOAT": "FLOAT64",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
    "BOOLEAN": "BOOL",
}
_OPENING, _CLOSING = "<(", ">)"


class UnknownType(ValueError):  # noqa: N818  (reads as what happened)
    """The text names no type of BigQuery."""


@lru_cache(maxsize=4096)
def parse_type(text: str) -> TypeProto:
    """The type that a text such as `numeric(10, 2)` or `ARRAY<STRUCT<a INT64>>` names; do not change it.

    Parameters such as a length are dropped: the analyser does not carry them. Raises `UnknownType`.
    """
    from zetasql.wasi._pb2.zetasql.public.type_pb2 import TypeKind, TypeProto

    found = TypeProto()
    name, inner = _parts(text)
    if name == "ARRAY" and inner is not None:
        found.type_kind = TypeKind.Value("TYPE_ARRAY")
        found.array_type.element_type.CopyFrom(parse_type(inner))
    elif name == "RANGE" and inner is not None:
        found.type_kind = TypeKind.Value("TYPE_RANGE")
        found.range_type.element_type.CopyFrom(parse_type(inner))
    elif name in ("STRUCT", "RECORD") and inner is not None:
        found.type_kind = TypeKind.Value("TYPE_STRUCT")
        found.struct_type.SetInParent()
        for field in _split(inner):
            label, *of = field.split(maxsplit=1)
            found.struct_type.field.add(field_name=label.strip("`"), field_type=parse_type("".join(of)))
    elif (kind := KINDS.get(ALIASES.get(name, name))) is not None and inner is None:
        found.type_kind = TypeKind.Value(kind)
    else:
        raise UnknownType(f"{text.strip()!r} is no type of BigQuery")
    return found


def type_text(found: TypeProto) -> str:
    """The type as BigQuery writes it; `UNKNOWN` (or Google's name) for what BigQuery does not have."""
    from zetasql.wasi._pb2.zetasql.public.type_pb2 import TypeKind

    if found.HasField("array_type"):
        return f"ARRAY<{type_text(found.array_type.element_type)}>"
    if found.HasField("range_type"):
        return f"RANGE<{type_text(found.range_type.element_type)}>"
    if found.HasField("struct_type"):
        fields = (f"{f.field_name} {type_text(f.field_type)}".strip() for f in found.struct_type.field)
        return f"STRUCT<{', '.join(fields)}>"
    name = TypeKind.Name(found.type_kind)
    return next((ours for ours, theirs in KINDS.items() if theirs == name), name.removeprefix("TYPE_"))


def canonical(text: str) -> str:
    """The one spelling of a type, to compare by: `integer` → `INT64`. Raises `UnknownType`."""
    return type_text(parse_type(text))


def _parts(text: str) -> tuple[str, str | None]:
    """The name in upper case, and what stands in its angle brackets; a length in parentheses is dropped."""
    text = text.strip()
    if "<" in text and text.endswith(">"):
        name, _, inner = text.partition("<")
        return name.strip().upper(), inner[:-1]
    return text.partition("(")[0].strip().upper(), None


def _split(fields: str) -> list[str]:
    """At the commas that are in no brackets."""
    parts, depth, current = [], 0, ""
    for character in fields:
        depth += (character in _OPENING) - (character in _CLOSING)
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]

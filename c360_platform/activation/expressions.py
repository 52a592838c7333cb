"""A mapped row as SQL expressions: its payload as JSON text, its filled fields, its problems.

Belongs here: which columns of a table can be mapped, and choosing the kind of row. The expressions are in
`profile_rows`, `event_rows` and `mapped_rows`: written so that the warehouse builds bodies, a tenth of the
work of building them in Python. Does not belong here: comparing rows (`plan_statement`), bodies (`payloads`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import get_args

from c360_platform.activation.dialects import Dialect, Kind
from c360_platform.activation.errors import SyncFailed
from c360_platform.activation.event_rows import EventRows
from c360_platform.activation.mapped_rows import RowExpressions
from c360_platform.activation.profile_rows import ProfileRows
from c360_platform.activation.spec import SyncSpec

ROW_BYTES = 100_000  # a profile may have 100 KB, an event's text too


def row_expressions(spec: SyncSpec, types: Mapping[str, str], dialect: Dialect) -> RowExpressions:
    """The expressions of a sync over a table with these columns (name to engine type).

    Raises `SyncFailed` when the table lacks a mapped column or one has a type that Klaviyo cannot hold.
    """
    rows = EventRows if spec.object == "events" else ProfileRows
    return rows(spec, column_kinds(spec, types, dialect), dialect).build()


def column_kinds(spec: SyncSpec, types: Mapping[str, str], dialect: Dialect) -> dict[str, Kind]:
    """The kind of every mapped column.

    Raises `SyncFailed` for one that is missing or has a type that its place cannot take.
    """
    kinds: dict[str, Kind] = {}
    for column in spec.columns:
        where = f"sync {spec.name}: column {column} of {spec.schema}.{spec.table}"
        if column not in types:
            raise SyncFailed(f"{where} is not in the table: build the model, then push again")
        kind = dialect.kind(types[column])
        if kind is None:
            raise SyncFailed(f"{where} has type {types[column]}, unknown to Klaviyo: cast it in the model")
        kinds[column] = kind
        for columns, allowed, words in _places(spec):
            if column in columns and kind not in allowed:
                raise SyncFailed(f"{where} has type {types[column]}: {words}")
    return kinds


def _places(spec: SyncSpec) -> Iterator[tuple[Collection[str | None], Collection[str], str]]:
    """Columns of the mapping, the kinds that they may have, and what is wrong with others."""
    plain = [kind for kind in get_args(Kind) if kind != "json" and not kind.startswith("list")]
    yield (spec.key, spec.event_id, spec.metric), ("text",), "it must be text"
    yield (spec.value,), ("integer", "decimal", "double"), "it must be a number"
    yield (spec.occurred_at,), ("timestamp", "naive", "date"), "it must be a time"
    yield (spec.consent if spec.create == "consented" else None,), ("boolean",), "it must be boolean"
    yield spec.fields, plain, "a field of a profile holds one plain value"

"""Rows of one engine against rows of the other.

Belongs here: when two values count as the same, and words for rows that differ. Does not belong here: where
the rows come from.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

# Floats are sums of many numbers in an order that engines choose; everything else is exact.
RELATIVE_TOLERANCE = 1e-9
ROWS_IN_A_MESSAGE = 3

Row = Mapping[str, Any]


def difference(duckdb: Sequence[Row], bigquery: Sequence[Row], keys: Sequence[str] = ()) -> str:
    """What differs between two results, whatever their order, in a few lines; empty when nothing does.

    `keys` are the columns that tell rows apart; without them rows are told apart by all that is no float.
    Values are compared by kind: a decimal is never a float, text is never a date, null is only null.
    """
    left, right = [_comparable(row) for row in duckdb], [_comparable(row) for row in bigquery]
    if left and right and left[0].keys() != right[0].keys():
        return f"columns: DuckDB {sorted(left[0].keys() - right[0].keys())}, BigQuery " + str(
            sorted(right[0].keys() - left[0].keys())
        )
    rows_left, rows_right = Counter(map(_frozen, left)), Counter(map(_frozen, right))
    only_left = [_thawed(row) for row in (rows_left - rows_right).elements()]
    only_right = [_thawed(row) for row in (rows_right - rows_left).elements()]
    keys = [key.lower() for key in keys] or _exact_columns(only_left + only_right)
    lines = list(islice(_unlike(only_left, only_right, keys), ROWS_IN_A_MESSAGE))
    if not lines:
        return ""
    counts = f"{len(left)} rows in DuckDB, {len(right)} in BigQuery, {len(only_left)} not the same bit by bit"
    return "\n".join([counts, *lines])


def same(duckdb: object, bigquery: object) -> bool:
    """Whether two values are the same one: floats to the tolerance, everything else exactly."""
    if isinstance(duckdb, float) and isinstance(bigquery, float):
        if math.isnan(duckdb) or math.isnan(bigquery):
            return math.isnan(duckdb) and math.isnan(bigquery)
        return math.isclose(duckdb, bigquery, rel_tol=RELATIVE_TOLERANCE)
    if isinstance(duckdb, tuple) and isinstance(bigquery, tuple):
        return len(duckdb) == len(bigquery) and all(map(same, duckdb, bigquery))
    return type(duckdb) is type(bigquery) and duckdb == bigquery


def comparable(value: Any) -> Any:
    """A value in the form in which both engines' values can be compared."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, Decimal):
        return value.normalize() + 0  # no trailing zeros, no negative zero
    if isinstance(value, list | tuple):
        return tuple(comparable(element) for element in value)
    if isinstance(value, dict):
        return tuple((name, comparable(field)) for name, field in value.items())
    return value


def _comparable(row: Row) -> dict[str, Any]:
    return {name.lower(): comparable(value) for name, value in sorted(row.items())}


def _frozen(row: Mapping[str, Any]) -> tuple[tuple[str, type, Any], ...]:
    """With the type, because to Python 1, 1.0, True and Decimal(1) are equal."""
    return tuple((name, type(value), value) for name, value in row.items())


def _thawed(row: tuple[tuple[str, type, Any], ...]) -> dict[str, Any]:
    return {name: value for name, _, value in row}


def _exact_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [] if not rows else [c for c in rows[0] if not any(isinstance(row[c], float) for row in rows)]


def _unlike(
    left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> Iterator[str]:
    """A line for each pair of rows of one key that differ, and for each row that has no partner."""

    def key(row: Mapping[str, Any]) -> str:
        return ", ".join(f"{name} {row[name]!r}" for name in keys)

    partners: dict[str, list[Mapping[str, Any]]] = {}
    for row in right:
        partners.setdefault(key(row), []).append(row)
    for row in left:
        waiting = partners.get(key(row))
        if not waiting:
            yield f"only in DuckDB: {key(row)}"
            continue
        partner = waiting.pop()
        unlike = [c for c in row if not same(row[c], partner[c])]
        if unlike:
            told = "; ".join(f"{c}: DuckDB {row[c]!r}, BigQuery {partner[c]!r}" for c in unlike)
            yield f"{key(row)}: {told}"
    for waiting in partners.values():
        yield from (f"only in BigQuery: {key(row)}" for row in waiting)

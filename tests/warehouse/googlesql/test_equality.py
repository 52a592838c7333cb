"""What counts as a difference between the engines, and how it is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.warehouse.googlesql.equality import difference

MORNING = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duckdb", "bigquery"),
    [
        (Decimal("10.50"), Decimal("10.500000000")),
        (0.1 + 0.2, 0.3),
        (float("nan"), float("nan")),
        (MORNING.astimezone(timezone(timedelta(hours=2))), MORNING),
        ([1, None], (1, None)),
        (None, None),
    ],
)
def test_values_that_mean_the_same_are_no_difference(duckdb: Any, bigquery: Any) -> None:
    assert difference([{"id": 1, "V": duckdb}], [{"v": bigquery, "ID": 1}]) == ""


@pytest.mark.parametrize(
    ("duckdb", "bigquery"),
    [
        (Decimal("10.50"), Decimal("10.51")),
        (Decimal("10.5"), 10.5),
        (1.0, 1.0 + 1e-8),
        (1, True),
        ("2026-03-01", date(2026, 3, 1)),
        (MORNING, MORNING + timedelta(microseconds=1)),
        ("", None),
        ([], None),
    ],
)
def test_values_that_mean_something_else_are_told_with_their_key(duckdb: Any, bigquery: Any) -> None:
    told = difference([{"id": 1, "v": duckdb}], [{"id": 1, "v": bigquery}], keys=["id"])

    assert "id 1: v: DuckDB" in told


def test_missing_and_repeated_rows_are_told_and_never_more_than_three() -> None:
    rows = [{"id": number, "v": 1.5} for number in range(9)]

    assert "only in DuckDB: id 8" in difference(rows, rows[:8], ["id"])
    assert "only in BigQuery: id 0" in difference(rows, [*rows, rows[0]], ["id"])
    assert len(difference(rows, [], ["id"]).splitlines()) == 1 + 3


def test_other_columns_are_told() -> None:
    assert difference([{"id": 1, "a": 1}], [{"id": 1, "b": 1}]) == "columns: DuckDB ['a'], BigQuery ['b']"

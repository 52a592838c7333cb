"""The evaluator as a small BigQuery: tables in, typed rows out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_platform.googlesql.evaluator import EvaluationFailed, Evaluator

ORDERS = ("shop-project", "Sales", "orders")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "INT64": st.integers(-(2**63), 2**63 - 1),
    "FLOAT64": st.floats(allow_nan=False),
    "NUMERIC": st.decimals(-(10**28), 10**28, allow_nan=False, places=9),
    "BIGNUMERIC": st.decimals(-(10**20), 10**20, allow_nan=False, places=38),
    "BOOL": st.booleans(),
    "STRING": st.text(st.characters(codec="utf-8")),
    "BYTES": st.binary(),
    "DATE": st.dates(),
    "DATETIME": st.datetimes(),
    "TIME": st.times(),
    "TIMESTAMP": st.datetimes(timezones=st.just(UTC)),
    "ARRAY<INT64>": st.lists(st.integers(0, 9)),
    "STRUCT<a STRING, b ARRAY<DATE>>": st.fixed_dictionaries({"a": st.none(), "b": st.lists(st.dates())}),
}
COLUMNS = {f"c{position}": name for position, name in enumerate(VALUES)}


@given(
    st.lists(
        st.fixed_dictionaries({name: st.none() | VALUES[of] for name, of in COLUMNS.items()}), max_size=5
    )
)
@settings(max_examples=20, deadline=None)
def test_values_of_every_type_come_back_as_they_went_in(rows: list[dict[str, Any]]) -> None:
    evaluator = Evaluator()
    evaluator.add_table(ORDERS, COLUMNS, rows)

    assert evaluator.evaluate("select * from `shop-project`.`Sales`.`orders`") == rows


@pytest.mark.parametrize(
    "sql",
    [
        "select orders.id from `shop-project`.`Sales`.`orders`",
        "select o.id from `shop-project`.`Sales`.`orders` o where true",
        "select o.id from `shop-project.Sales.orders` as o -- a comment",
        "select id from `shop-project`.`Sales`.`orders` -- from\nwhere orders.id > 0",
        "with orders as (select * from `shop-project`.`Sales`.`orders`) select id from orders",
        "select a.id from `shop-project`.`Sales`.`orders` a join `shop-project`.`Sales`.`orders` using (id)",
    ],
)
def test_a_table_is_found_and_named_as_in_bigquery(sql: str) -> None:
    evaluator = Evaluator()
    evaluator.add_table(ORDERS, {"id": "INT64"}, [{"id": 7}])

    assert evaluator.evaluate(sql) == [{"id": 7}]


def test_a_result_is_a_table_for_the_next_query() -> None:
    evaluator = Evaluator()
    made = evaluator.create_table(
        ("p", "d", "t"), "select timestamp '2026-01-31 23:30:00+00' as made_at, numeric '1.10' as n, [1] as a"
    )

    assert made == [{"made_at": datetime(2026, 1, 31, 23, 30, tzinfo=UTC), "n": Decimal("1.1"), "a": [1]}]
    assert evaluator.columns(("p", "d", "t")) == {"made_at": "TIMESTAMP", "n": "NUMERIC", "a": "ARRAY<INT64>"}
    # A day of an instant is one of UTC unless a zone is named, as in BigQuery.
    assert evaluator.evaluate("select date(made_at) as d, time(made_at) as t from `p`.`d`.`t`") == [
        {"d": date(2026, 1, 31), "t": time(23, 30)}
    ]
    assert evaluator.create_table(("p", "d", "t"), "select 1 as a from `p`.`d`.`t` where false") == []
    assert evaluator.evaluate("select count(*) as n from `p`.`d`.`t`") == [{"n": 0}]


def test_errors_name_the_query_or_the_column_and_never_a_value() -> None:
    evaluator = Evaluator()

    with pytest.raises(EvaluationFailed, match=r"^stg_orders: Unrecognized name: colour \[at 2:8\]$"):
        evaluator.evaluate("\nselect colour", "stg_orders")
    with pytest.raises(EvaluationFailed, match="division by zero"):
        evaluator.evaluate("select 1 / 0 as x")
    with pytest.raises(EvaluationFailed) as raised:
        evaluator.add_table(ORDERS, {"email": "INT64"}, [{"email": "anna@example.com"}])
    assert str(raised.value) == ("table shop-project.Sales.orders: column email (INT64) cannot hold this str")
    with pytest.raises(EvaluationFailed, match=r"column amount \(NUMERIC\)"):
        evaluator.add_table(ORDERS, {"amount": "NUMERIC"}, [{"amount": Decimal("1E-10")}])

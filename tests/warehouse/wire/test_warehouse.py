"""The warehouse protocol over the wire: what `tests/unit` holds DuckDB to, on BigQuery."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from c360_platform.resources import WarehouseAccess
from c360_platform.settings import Settings
from c360_platform.warehouse import Value, Warehouse, WarehouseError
from tests.warehouse.emulator.process import Emulator


@pytest.fixture
def warehouse(staging: Settings) -> Warehouse:
    made = WarehouseAccess(staging).open(asset="wire/test")
    made.create_schema(made.own_schema("marts"))
    return made


def test_rows_go_in_and_out_as_arrow_by_column_name(warehouse: Warehouse) -> None:
    schema = warehouse.own_schema("marts")
    table = warehouse.relation(schema, "people")
    warehouse.append(table, pa.table({"a": [1, 2], "b": ["x", "y"]}))
    warehouse.append(table, pa.table({"b": ["z"]}))

    batches = list(warehouse.query(f"select * from {table} where b <> ? order by b", ["x"]))

    assert pa.Table.from_batches(batches).to_pylist() == [{"a": 2, "b": "y"}, {"a": None, "b": "z"}]
    assert warehouse.columns(schema, "people") == {"a": "INT64", "b": "STRING"}
    assert warehouse.tables(schema) == {"people": "table"}
    assert warehouse.row_counts([table]) == [3]
    assert warehouse.exists(table)
    assert not warehouse.exists(warehouse.relation(schema, "nothing"))
    changed = warehouse.last_changed_at(table)
    assert changed is not None
    assert datetime.now(UTC) - changed < timedelta(minutes=5)


def test_values_of_every_kind_come_back_as_they_went(warehouse: Warehouse) -> None:
    row: dict[str, Value] = {
        "text": 'it\'s; a "quote" \\ and a ?',
        "whole": -(2**53) - 1,
        "money": Decimal("12345678901234567.89"),
        "number": 0.1,
        "flag": False,
        "day": date(2024, 2, 29),
        "moment": datetime(2026, 6, 30, 21, 59, 59, 999999, UTC),
    }
    table = warehouse.relation(warehouse.own_schema("marts"), "kinds")
    warehouse.append(table, pa.Table.from_pylist([row, dict.fromkeys(row)], schema=_schema(row)))

    [back] = warehouse.table(f"select * from {table} where text = ?", [row["text"]]).to_pylist()
    parameters = ", ".join(f"? as {name}" for name in row)
    [echoed] = warehouse.table(f"select {parameters}", list(row.values())).to_pylist()

    assert back == row
    assert echoed == row


def test_a_query_without_rows_has_its_columns(warehouse: Warehouse) -> None:
    [batch] = warehouse.query("select 1 as a, 'x' as b from unnest([1]) where false")
    assert batch.num_rows == 0
    assert batch.schema.names == ["a", "b"]


def test_a_transaction_is_all_or_nothing_and_errors_hold_no_values(
    warehouse: Warehouse, emulator: Emulator
) -> None:
    table = warehouse.relation(warehouse.own_schema("marts"), "t")
    warehouse.execute(f"create table {table} as select 1 as a")
    warehouse.transaction(
        [(f"insert into {table} (a) values (?)", [2]), (f"delete from {table} where a = ?", [1])]
    )
    assert warehouse.table(f"select a from {table}").to_pylist() == [{"a": 2}]

    with pytest.raises(WarehouseError) as caught:
        warehouse.transaction(
            [(f"delete from {table} where true", []), ("select cast(? as int64)", ["ann@shop.example"])]
        )

    assert "ann@shop.example" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert warehouse.table(f"select a from {table}").to_pylist() == [{"a": 2}]
    assert {"wire-test", "wire_test"} & {job["labels"].get("asset") for job in emulator.jobs()}


def _schema(row: dict[str, Value]) -> pa.Schema:
    kinds = [
        pa.string(), pa.int64(), pa.decimal128(38, 9), pa.float64(), pa.bool_(), pa.date32(),
        pa.timestamp("us", tz="UTC"),
    ]  # fmt: skip
    return pa.schema(list(zip(row, kinds, strict=True)))

"""The warehouse protocol on a DuckDB file."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from c360_platform.warehouse import WarehouseError, open_warehouse
from c360_platform.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    made = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    made.execute("create schema marts")
    return made


def test_rows_go_in_and_out_as_arrow_by_column_name(warehouse: DuckDBWarehouse) -> None:
    table = warehouse.relation("marts", 'odd "name"')
    warehouse.append(table, pa.table({"a": [1, 2], "b": ["x", "y"]}))
    warehouse.append(table, pa.table({"b": ["z"]}))

    batches = list(warehouse.query(f"select * from {table} where b <> ? order by b", ["x"]))

    assert pa.Table.from_batches(batches).to_pylist() == [{"a": 2, "b": "y"}, {"a": None, "b": "z"}]
    assert warehouse.columns("marts", 'odd "name"') == {"a": "BIGINT", "b": "VARCHAR"}
    assert warehouse.exists(table)
    assert warehouse.row_counts([table, table]) == [3, 3]
    warehouse.execute(f"create view marts.v as select a from {table}")
    assert warehouse.tables("marts") == {'odd "name"': "table", "v": "view"}
    assert warehouse.tables("nowhere") == {}
    [none] = warehouse.query(f"select * from {table} where false")
    assert (none.num_rows, none.schema.names) == (0, ["a", "b"])
    assert not warehouse.exists(warehouse.relation("marts", "nothing"))
    changed = warehouse.last_changed_at(table)
    assert changed is not None
    assert datetime.now(UTC) - changed < timedelta(minutes=1)


def test_a_transaction_is_all_or_nothing_and_errors_hold_no_values(warehouse: DuckDBWarehouse) -> None:
    warehouse.execute("create table marts.t as select 1 as a")

    with pytest.raises(WarehouseError) as caught:
        warehouse.transaction(
            [("delete from marts.t", []), ("select cast(? as int) from range(3)", ["ann@shop.example"])]
        )

    assert "ann@shop.example" not in str(caught.value)
    assert warehouse.table("select a from marts.t").to_pylist() == [{"a": 1}]


def test_sessions_open_the_file_once_and_nest(
    warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = duckdb.connect

    def connect(path: str) -> duckdb.DuckDBPyConnection:
        opened.append(path)
        return real(path)

    monkeypatch.setattr(duckdb, "connect", connect)

    with warehouse.session():
        warehouse.execute("create table marts.t as select 1 as a")
        with warehouse.session():
            assert warehouse.table("select a from marts.t").num_rows == 1
        assert warehouse.exists(warehouse.relation("marts", "t"))
    assert len(opened) == 1

    warehouse.execute("drop table marts.t")
    assert len(opened) == 2


@pytest.mark.parametrize("in_session", [True, False])
def test_days_are_utc_days_whatever_the_machine_says(tmp_path: Path, *, in_session: bool) -> None:
    code = (
        "import sys, contextlib; from c360_platform.warehouse.duckdb import DuckDBWarehouse\n"
        "warehouse = DuckDBWarehouse(sys.argv[1])\n"
        f"with warehouse.session() if {in_session} else contextlib.nullcontext():\n"
        "    rows = warehouse.table(\"select cast(timestamptz '2026-01-01 00:30:00+00' as date) as day\")\n"
        "print(rows['day'][0])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "w.duckdb")],
        env={**os.environ, "TZ": "America/New_York"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.strip() == "2026-01-01"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("relative.duckdb", "is relative"),
        ("nowhere/w.duckdb", "its directory does not exist"),
        ("text", "not a database"),
    ],
)
def test_a_path_that_cannot_be_a_warehouse_is_named(tmp_path: Path, path: str, says: str) -> None:
    (tmp_path / "text").write_text("no database" * 1000)
    chosen = Path(path) if says == "is relative" else tmp_path / path

    with pytest.raises(WarehouseError, match=says) as caught:
        open_warehouse(warehouse_path=chosen).table("select 1")
    assert str(chosen) in str(caught.value)

"""DuckDB and BigQuery's evaluator as two warehouses of the sync engine, with the same tables in both.

Belongs here: what planning asks of a warehouse, answered by the evaluator. Does not belong here: which rows
are planned. Statements that change rows are not evaluated: a plan only reads, and makes its own table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import SCHEMA, TABLES
from c360_platform.activation.plan import Planner
from c360_platform.activation.spec import SyncSpec
from c360_platform.googlesql.evaluator import Evaluator
from c360_platform.warehouse import Engine, Warehouse

# A column's type in DuckDB, and what it is in BigQuery.
TYPES = {
    "varchar": "STRING",
    "bigint": "INT64",
    "double": "FLOAT64",
    "boolean": "BOOL",
    "date": "DATE",
    "timestamptz": "TIMESTAMP",
    "timestamp": "DATETIME",
    "decimal(18,2)": "NUMERIC",
    "decimal(38,9)": "NUMERIC",
    "varchar[]": "ARRAY<STRING>",
    "bigint[]": "ARRAY<INT64>",
    "boolean[]": "ARRAY<BOOL>",
    "date[]": "ARRAY<DATE>",
    "decimal(18,2)[]": "ARRAY<NUMERIC>",
}
LEDGER_TYPES = {"s": "varchar", "i": "bigint", "b": "boolean", "t": "timestamptz", "n": "double"}
CREATE_AS = re.compile(r"create or replace table (?P<table>\S+) .*?\bas\s+(?P<query>with\b.*)", re.DOTALL)


@dataclass
class DuckDBSide:
    """A database in memory, in the words of the warehouse protocol."""

    connection: duckdb.DuckDBPyConnection
    engine: Engine = "duckdb"

    def add(
        self, schema: str, table: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        self.connection.execute(f"create schema if not exists {schema}")
        definition = ", ".join(f'"{name}" {of}' for name, of in columns.items())
        self.connection.execute(f"create or replace table {schema}.{table} ({definition})")
        if rows:
            marks = ", ".join("?" * len(columns))
            values = [[row.get(name) for name in columns] for row in rows]
            self.connection.executemany(f"insert into {schema}.{table} values ({marks})", values)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        found = self.connection.execute(sql, list(params))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    @contextmanager
    def session(self) -> Iterator[None]:
        yield

    def table(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        return pa.Table.from_pylist(self.rows(sql, params))

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        self.connection.execute(sql, list(params))

    def columns(self, schema: str, table: str) -> dict[str, str]:
        return {row["column_name"]: row["column_type"] for row in self.rows(f"describe {schema}.{table}")}

    def exists(self, table: str) -> bool:
        raise NotImplementedError

    def relation(self, schema: str, table: str) -> str:
        return f'"{schema}"."{table}"'

    def own_schema(self, name: str) -> str:
        return name


@dataclass
class BigQuerySide(DuckDBSide):
    """The evaluator in the words of the warehouse protocol."""

    engine: Engine = "bigquery"
    evaluator: Evaluator = field(default_factory=Evaluator)

    def add(
        self, schema: str, table: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        types = {name: TYPES[of] for name, of in columns.items()}
        self.evaluator.add_table((schema, table), types, rows)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        assert not params
        return self.evaluator.evaluate(sql)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        made = CREATE_AS.match(sql)
        assert made, sql
        assert not params
        self.evaluator.create_table(made["table"].replace("`", "").split("."), made["query"], "plan")

    def columns(self, schema: str, table: str) -> dict[str, str]:
        return self.evaluator.columns((schema, table))

    def relation(self, schema: str, table: str) -> str:
        return f"`{schema}.{table}`"


def both_plans(
    spec: SyncSpec,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    state: Sequence[Mapping[str, Any]] = (),
    rejections: Sequence[Mapping[str, Any]] = (),
) -> dict[Engine, list[dict[str, Any]]]:
    """What each engine plans for a model with these columns (DuckDB types) and rows, over the same ledger."""
    plans: dict[Engine, list[dict[str, Any]]] = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for side in (DuckDBSide(connection), BigQuerySide(connection)):
            kept = {"state": state, "rejections": rejections}
            for table, kinds in TABLES.items():
                types = {name: LEDGER_TYPES[kind] for name, kind in kinds.items()}
                side.add(SCHEMA, table, types, kept.get(table, ()))
            side.add(spec.schema, spec.table, columns, rows)
            warehouse: Warehouse = side  # type: ignore[assignment]  # what planning needs of it
            ledger = Ledger(warehouse, spec.name)
            ledger.read_open()
            Planner(spec, warehouse, ledger, now).make(allow_removals=True)
            plans[side.engine] = side.rows(f"select * from {ledger.plan}")
    return plans

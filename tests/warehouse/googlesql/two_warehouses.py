"""DuckDB and BigQuery's evaluator as two warehouses of the sync engine, with the same tables in both.

Belongs here: what planning asks of a warehouse, answered by the evaluator. Does not belong here: which rows
are planned. Statements that make tables or change rows are not evaluated: what is compared is the query that
yields a plan, and the one that writes rows of open batches anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from c360_platform.activation.delivery import Overrides
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import SCHEMA, TABLES
from c360_platform.activation.merged import ADDRESS, GOES_ON_AS
from c360_platform.activation.payloads import LANE_OF
from c360_platform.activation.plan import COLUMNS, Planner
from c360_platform.activation.spec import SyncSpec
from c360_platform.googlesql.evaluator import Evaluator
from c360_platform.warehouse import Engine, Statement, Warehouse
from tests.warehouse.googlesql.equality import difference

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
    "decimal(9,9)": "NUMERIC",
    "json": "JSON",
    "varchar[]": "ARRAY<STRING>",
    "bigint[]": "ARRAY<INT64>",
    "boolean[]": "ARRAY<BOOL>",
    "date[]": "ARRAY<DATE>",
    "decimal(18,2)[]": "ARRAY<NUMERIC>",
}
ENGINES: tuple[Engine, ...] = ("duckdb", "bigquery")
LEDGER_TYPES = {"s": "varchar", "i": "bigint", "b": "boolean", "t": "timestamptz", "n": "double"}


@dataclass
class DuckDBSide:
    """A database in memory, in the words of the warehouse protocol."""

    connection: duckdb.DuckDBPyConnection
    engine: Engine = "duckdb"
    answer: list[dict[str, Any]] = field(default_factory=list)  # to the last `query`

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

    def query(self, sql: str, params: Sequence[Any] = ()) -> Iterator[pa.RecordBatch]:
        self.answer = self.rows(sql, params)
        yield from pa.Table.from_pylist(self.answer).to_batches()

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Nothing is made or changed."""

    def append(self, table: str, rows: pa.Table) -> None:
        """As above."""

    def transaction(self, statements: Sequence[Statement]) -> None:
        """As above."""

    def columns(self, schema: str, table: str) -> dict[str, str]:
        return {row["column_name"]: row["column_type"] for row in self.rows(f"describe {schema}.{table}")}

    def exists(self, table: str) -> bool:
        return True

    def relation(self, schema: str, table: str) -> str:
        return f'"{schema}"."{table}"'

    def notes_path(self, name: str) -> None:
        """Nothing is beside it."""

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

    def columns(self, schema: str, table: str) -> dict[str, str]:
        return self.evaluator.columns((schema, table))

    def relation(self, schema: str, table: str) -> str:
        return f"`{schema}.{table}`"


@dataclass(frozen=True)
class Shop:
    """A sync, its model (columns are DuckDB's types), and what both engines know beside it.

    `ledger` has rows of its tables by name; `plan` are the rows of an earlier plan, whose batches are open.
    `ingested` are the profiles of our own Klaviyo ingest, e-mail address to whether it was deleted. `aliases`
    are the rows of the sync's model of them, old address to the one in use.
    """

    spec: SyncSpec
    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    now: datetime
    ledger: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    plan: Sequence[Mapping[str, Any]] = ()
    ingested: Mapping[str, bool] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    overrides: Overrides = field(default_factory=Overrides)

    @contextmanager
    def planners(self) -> Iterator[dict[Engine, tuple[DuckDBSide, Planner]]]:
        """A planner on each engine, over the same tables."""
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            sides = (DuckDBSide(connection), BigQuerySide(connection))
            yield {side.engine: (side, self._planner(side)) for side in sides}

    def _planner(self, side: DuckDBSide) -> Planner:
        for table, kinds in TABLES.items():
            side.add(SCHEMA, table, _types(kinds), self.ledger.get(table, ()))
        if self.plan:
            side.add(SCHEMA, f"plan_{self.spec.name}", _types(COLUMNS), self.plan)
        side.add(self.spec.schema, self.spec.table, self.columns, self.rows)
        if self.ingested is not None:
            profiles = [{"email": email, "is_deleted": gone} for email, gone in self.ingested.items()]
            side.add("raw", "profiles", {"email": "varchar", "is_deleted": "boolean"}, profiles)
        if self.spec.aliases is not None:
            pairs = [{ADDRESS: old, GOES_ON_AS: new} for old, new in self.aliases.items()]
            columns = dict.fromkeys((ADDRESS, GOES_ON_AS), "varchar")
            side.add(self.spec.aliases.schema, self.spec.aliases.table, columns, pairs)
        spec = replace(self.spec, ingest_schema="" if self.ingested is None else "raw")
        warehouse: Warehouse = side  # type: ignore[assignment]  # what planning needs of it
        ledger = Ledger(warehouse, spec.name)
        ledger.read_open()
        return Planner(spec, warehouse, ledger, self.now, self.overrides)


def both_plans(shop: Shop) -> dict[Engine, list[dict[str, Any]]]:
    """What each engine plans, payloads included, with the positions that the rows would get."""
    plans: dict[Engine, list[dict[str, Any]]] = {}
    with shop.planners() as planners:
        for engine, (side, planner) in planners.items():
            planner.make()
            plans[engine] = [{**row, "position": n} for n, row in enumerate(side.answer, start=1)]
    return plans


def same_plan(plans: Mapping[Engine, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The plan, after both are the same but for the order of rows, which each engine may choose."""
    ours, theirs = ([{**row, "position": None} for row in plans[engine]] for engine in ENGINES)
    told = difference(ours, theirs, ["key", "operation"])
    assert not told, told
    return ours


def confirmed(shop: Shop, plan: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ledger's state after everything that travels of a plan was confirmed."""
    names = ("key", "digest", "filled", "is_ours")
    same = {"sync": shop.spec.name, "target": "", "run_id": "a", "confirmed_at": shop.now}
    return [{**same, **{name: row[name] for name in names}} for row in plan if row["operation"] in LANE_OF]


def both_renderings(shop: Shop) -> dict[Engine, dict[int, str]]:
    """Position to payload of the shop's open batches, as each engine writes them anew."""
    renderings: dict[Engine, dict[int, str]] = {}
    with shop.planners() as planners:
        for engine, (_, planner) in planners.items():
            renderings[engine] = {
                position: payload
                for _, positions, payloads in planner.render(planner.ledger.open_batches)
                for position, payload in zip(positions.tolist(), payloads.to_pylist(), strict=True)
            }
    return renderings


def _types(kinds: Mapping[str, str]) -> dict[str, str]:
    return {name: LEDGER_TYPES[kind] for name, kind in kinds.items()}

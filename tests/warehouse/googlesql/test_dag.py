"""The project's BigQuery SQL, run by Google's evaluator on a small shop, makes the rows that DuckDB made.

The shop is the small home: its raw tables are the evaluator's sources, in the columns and types that the
source YAML declares; every seed, model and singular test then runs in the order of the project.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from c360_platform.googlesql.check import ANY_PROJECT
from c360_platform.googlesql.compiled import AS_OF, CompiledProject, Node, compile_project
from c360_platform.googlesql.evaluator import EvaluationFailed, Evaluator
from c360_platform.settings import Settings
from tests.warehouse.dbt_home import DBT_PROJECT
from tests.warehouse.googlesql.equality import difference

# What the evaluator cannot run, and why. Everything that reads such a model gets DuckDB's rows of it.
NOT_EVALUATED: dict[str, str] = {}

# Declared types of raw columns: how the table holds them on BigQuery, and in DuckDB's raw tables.
RAW_TYPES = {
    "string": ("STRING", "VARCHAR"),
    "json": ("JSON", "VARCHAR"),
    "int64": ("INT64", "BIGINT"),
    "float64": ("FLOAT64", "DOUBLE"),
    "numeric": ("NUMERIC", "DECIMAL(18,2)"),
    "bool": ("BOOL", "BOOLEAN"),
    "timestamp": ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    "date": ("DATE", "DATE"),
}
SEED_TYPES = {
    "INTEGER": "INT64",
    **{duck: bigquery for name, (bigquery, duck) in RAW_TYPES.items() if name != "json"},
}


@dataclass(frozen=True)
class Evaluated:
    """The project as the evaluator ran it, beside the warehouse that DuckDB built."""

    project: CompiledProject
    as_of: date
    warehouse: duckdb.DuckDBPyConnection
    evaluator: Evaluator
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # of models and singular tests
    failures: dict[str, str] = field(default_factory=dict)

    def nodes(self, kind: str) -> Iterator[Node]:
        return (node for node in self.project.nodes.values() if node.kind == kind)

    def duckdb_rows(self, node: Node) -> list[dict[str, Any]]:
        _, schema, name = node.path
        return _rows(self.warehouse, f'select * from "{schema}"."{name}"')

    def duckdb_types(self, node: Node) -> dict[str, str]:
        columns = self.warehouse.execute(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = ? and table_name = ?",
            node.path[1:],
        )
        return dict(columns.fetchall())

    def keys(self, node: Node) -> Sequence[str]:
        """Columns that the project's tests say are unique, for the words of a difference."""
        for test in self.project.manifest["nodes"].values():
            if test.get("attached_node") == node.unique_id and test.get("test_metadata"):
                arguments = test["test_metadata"]["kwargs"]
                if test["test_metadata"]["name"] == "unique":
                    return [str(arguments["column_name"])]
                if test["test_metadata"]["name"] == "unique_combination":
                    return [str(column) for column in arguments["columns"]]
        return ()


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = connection.execute(sql)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _is_singular_test(node: Node, project: CompiledProject) -> bool:
    return node.kind == "test" and not project.manifest["nodes"][node.unique_id].get("test_metadata")


@pytest.fixture(scope="module")
def shop(small_home: Settings) -> Iterator[Evaluated]:
    """The small home's project, compiled for the home's day and run from the raw tables to the marts."""
    assert small_home.as_of == date.fromisoformat(AS_OF)
    project = compile_project(DBT_PROJECT, project=ANY_PROJECT)
    with duckdb.connect(str(small_home.warehouse_path), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        warehouse.execute("set default_null_order = 'nulls_first_on_asc_last_on_desc'")
        shop = Evaluated(project, small_home.as_of, warehouse, Evaluator())
        for node in project.nodes.values():
            _run(node, shop)
        yield shop


def _run(node: Node, shop: Evaluated) -> None:
    if node.kind == "source":
        shop.evaluator.add_table(node.path, _source_types(node), _source_rows(node, shop))
    elif node.kind == "seed":
        types = {name: SEED_TYPES[of] for name, of in shop.duckdb_types(node).items()}
        shop.evaluator.add_table(node.path, types, shop.duckdb_rows(node))
    elif node.kind == "model" or _is_singular_test(node, shop.project):
        try:
            shop.rows[node.name] = shop.evaluator.create_table(node.path, node.sql or "", node.name)
        except EvaluationFailed as failure:
            shop.failures[node.name] = str(failure) if node.sql else f"{node.name}: {node.error}"
            if node.kind == "model":
                types = {name: SEED_TYPES[of] for name, of in shop.duckdb_types(node).items()}
                shop.evaluator.add_table(node.path, types, shop.duckdb_rows(node))


def _source_types(node: Node) -> dict[str, str]:
    return {name: RAW_TYPES[of.lower()][0] for name, of in node.columns.items()}


def _source_rows(node: Node, shop: Evaluated) -> list[dict[str, Any]]:
    """Rows of a raw table; one that is not there is empty, a column that is not there is null."""
    present = shop.duckdb_types(node)
    if not present:
        return []
    for name in node.columns.keys() & present.keys():
        declared = RAW_TYPES[node.columns[name].lower()][1]
        assert present[name] == declared, f"{node.name}.{name} is {present[name]}, the YAML means {declared}"
    return shop.duckdb_rows(node)


def test_every_model_of_bigquery_equals_duckdb_row_for_row(shop: Evaluated) -> None:
    models = [node for node in shop.nodes("model") if node.name not in shop.failures]

    found = {
        node.name: difference(shop.duckdb_rows(node), shop.rows[node.name], shop.keys(node))
        for node in models
    }

    assert not any(found.values()), "\n".join(f"{name}: {text}" for name, text in found.items() if text)
    assert sum(bool(shop.rows[node.name]) for node in models) > 0.9 * len(
        models
    )  # rows to compare, not voids


def test_the_evaluator_runs_every_model_and_singular_test(shop: Evaluated) -> None:
    """Beside what is listed with a reason; what it can run by now must leave the list."""
    assert shop.failures.keys() == NOT_EVALUATED.keys(), "\n".join(shop.failures.values())


def test_singular_tests_hold_on_bigquery(shop: Evaluated) -> None:
    tests = [node for node in shop.project.nodes.values() if _is_singular_test(node, shop.project)]

    assert tests
    assert [node.name for node in tests if shop.rows.get(node.name)] == []


def test_a_later_run_over_the_same_data_changes_nothing(shop: Evaluated) -> None:
    """The incremental form gives the rows of its window, which are in the table already, and no other.

    What has no window gives changes alone, so nothing.
    """
    windowed = [node for node in shop.nodes("model") if node.incremental_sql]
    assert windowed

    for node in windowed:
        rows = shop.evaluator.evaluate(node.incremental_sql or "", f"{node.name} (incremental)")

        window = node.config["meta"].get("window")
        if window is None:
            assert rows == [], node.name
            continue
        first_day = shop.as_of - timedelta(days=window["lookback_days"])
        replaced = [row for row in shop.rows[node.name] if _day(row[window["column"]]) >= first_day]
        assert difference(replaced, rows, shop.keys(node)) == "", node.name


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value

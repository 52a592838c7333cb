"""One Jinja query rendered for both engines and run on the same rows in each.

Belongs here: rendering with the project's macros (two dbt processes for any number of queries), rows into
both engines. Does not belong here: which queries there are and what they must give.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from c360_platform.googlesql.evaluator import Evaluator
from tests.warehouse.dbt_home import DBT_PROJECT, DbtHome

# Types of inputs: in BigQuery and in DuckDB.
INPUT_TYPES = {
    "string": ("STRING", "varchar"),
    "int64": ("INT64", "bigint"),
    "float64": ("FLOAT64", "double"),
    "numeric": ("NUMERIC", "decimal(38, 9)"),
    "money": ("NUMERIC", "decimal(18, 2)"),
    "bool": ("BOOL", "boolean"),
    "date": ("DATE", "date"),
    "timestamp": ("TIMESTAMP", "timestamptz"),
    "datetime": ("DATETIME", "timestamp"),
    "json": ("JSON", "json"),
    "strings": ("ARRAY<STRING>", "varchar[]"),
    "struct": ("STRUCT<a STRING, b INT64>", "struct(a varchar, b bigint)"),
    "structs": ("ARRAY<STRUCT<a STRING, b INT64>>", "struct(a varchar, b bigint)[]"),
}
INPUT = "__input__"  # stands for the table of the rows in a query
ENGINES = ("duckdb", "bigquery")
_PROFILES = {
    "duckdb": {"type": "duckdb", "path": ":memory:", "schema": "main"},
    "bigquery": {
        "type": "bigquery", "method": "oauth-secrets", "token": "none", "project": "project",
        "dataset": "main", "api_endpoint": "http://127.0.0.1:9", "job_retries": 0,
    },
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Rendered:
    """Queries by engine and name, ready to run."""

    queries: Mapping[str, Mapping[str, str]]

    def run(
        self, name: str, types: Mapping[str, str], rows: Sequence[Sequence[Any]]
    ) -> dict[str, list[dict[str, Any]]]:
        """Rows of a query in each engine, over a table of `types` with these rows and their number `n`."""
        numbered = [{"n": n, **dict(zip(types, row, strict=True))} for n, row in enumerate(rows)]
        return {
            "duckdb": _in_duckdb(self.queries["duckdb"][name], types, numbered),
            "bigquery": _in_bigquery(self.queries["bigquery"][name], types, numbered, name),
        }


def render(queries: Mapping[str, str], directory: Path) -> Rendered:
    """Compile Jinja queries with the project's macros and variables for both engines. 10 seconds."""
    project = directory / "project"
    (project / "models").mkdir(parents=True)
    (project / "macros").symlink_to(DBT_PROJECT / "macros")
    own = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    settings = {
        "name": own["name"], "profile": "engines", "vars": own["vars"],
        "flags": {"send_anonymous_usage_stats": False},
    }  # fmt: skip
    (project / "dbt_project.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    for name, sql in queries.items():
        (project / "models" / f"{name}.sql").write_text(sql, encoding="utf-8")

    def compiled(engine: str) -> dict[str, str]:
        place = directory / engine
        place.mkdir()
        profile = {"engines": {"target": engine, "outputs": {engine: _PROFILES[engine]}}}
        (place / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
        done = DbtHome(directory / "none.duckdb", place, project=project, profiles=place).dbt(
            "compile", "--quiet", "--no-populate-cache", "--no-introspect"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        nodes = json.loads((place / "manifest.json").read_text(encoding="utf-8"))["nodes"]
        return {node["name"]: node["compiled_code"] for node in nodes.values()}

    with ThreadPoolExecutor(len(ENGINES)) as pool:
        return Rendered(dict(zip(ENGINES, pool.map(compiled, ENGINES), strict=True)))


def duckdb_session() -> duckdb.DuckDBPyConnection:
    """An empty database with the settings that profiles.yml gives to every session."""
    profiles = (DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8")
    output = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", profiles))["c360"]["outputs"]["duckdb"]
    connection = duckdb.connect()
    for name, value in output["settings"].items():
        connection.execute(f"set {name} = '{value}'")
    return connection


def _in_duckdb(sql: str, types: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    columns = {"n": "bigint", **{name: INPUT_TYPES[of][1] for name, of in types.items()}}
    with duckdb_session() as connection:
        definition = ", ".join(f'"{name}" {of}' for name, of in columns.items())
        connection.execute(f"create table {INPUT} ({definition})")
        if rows:
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"insert into {INPUT} values ({marks})", [list(r.values()) for r in rows])
        found = connection.execute(sql)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _in_bigquery(
    sql: str, types: Mapping[str, str], rows: Sequence[Mapping[str, Any]], name: str
) -> list[dict[str, Any]]:
    evaluator = Evaluator()
    columns = {"n": "INT64", **{column: INPUT_TYPES[of][0] for column, of in types.items()}}
    evaluator.add_table((INPUT,), columns, rows)
    return evaluator.evaluate(sql.replace(INPUT, f"`{INPUT}`"), name)

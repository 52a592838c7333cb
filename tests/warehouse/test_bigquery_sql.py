"""The models compile for BigQuery without asking it, and what comes out is its SQL."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot

from tests.warehouse.dbt_home import DbtHome

# A target that cannot be reached: compiling must not try.
PROFILE = """
c360:
  target: offline
  outputs:
    offline:
      type: bigquery
      method: oauth-secrets
      token: none
      project: project
      dataset: c360
      location: EU
      api_endpoint: http://127.0.0.1:9
      threads: 1
      job_retries: 0
"""
DUCKDB_ONLY = re.compile(
    r"\b(?:try_cast|timestamptz|varchar|epoch_us|list_filter|strftime|arg_max_null)\b|::"
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bigquery")
    (directory / "profiles.yml").write_text(PROFILE, encoding="utf-8")
    home = DbtHome(directory / "none.duckdb", directory / "target", profiles=directory)
    done = home.dbt(
        "compile", "--quiet", "--no-populate-cache", "--no-introspect",
        "--select", "resource_type:model", "--exclude", "resource_type:test", "resource_type:unit_test",
        variables={"offline_compile": True},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "target"


@pytest.fixture(scope="module")
def compiled(target: Path) -> dict[str, str]:
    models = target / "compiled" / "c360" / "models"
    return {path.stem: path.read_text(encoding="utf-8") for path in models.rglob("*.sql")}


def test_every_model_is_bigquery_sql(compiled: dict[str, str]) -> None:
    models = {path.stem for path in (Path(__file__).parents[2] / "dbt_project" / "models").rglob("*.sql")}

    assert set(compiled) == models
    for name, sql in compiled.items():
        sqlglot.parse_one(sql, dialect="bigquery")
        assert not DUCKDB_ONLY.search(sql), f"{name} has {DUCKDB_ONLY.search(sql)}"


def test_window_functions_that_take_no_frame_have_none(compiled: dict[str, str]) -> None:
    """BigQuery refuses a frame for numbering and navigation functions; DuckDB and the parser let it pass."""
    for name, sql in compiled.items():
        tree = sqlglot.parse_one(sql, dialect="bigquery")
        named = {
            window.this.name: window
            for select in tree.find_all(sqlglot.exp.Select)
            for window in select.args.get("windows") or []
        }
        for window in tree.find_all(sqlglot.exp.Window):
            if not isinstance(
                window.this, sqlglot.exp.RowNumber | sqlglot.exp.Lag | sqlglot.exp.Lead | sqlglot.exp.Rank
            ):
                continue
            frame = named.get(window.alias, window).args.get("spec")
            assert frame is None, f"{name}: {window.sql(dialect='bigquery')}"


def test_every_table_that_grows_is_laid_out_and_every_partition_is_a_month(target: Path) -> None:
    nodes: dict[str, Any] = json.loads((target / "manifest.json").read_text())["nodes"]
    tables = {
        node["name"]: node["config"]
        for node in nodes.values()
        if node["config"]["materialized"] in ("table", "incremental", "snapshot")
    }
    unsorted = {name for name, config in tables.items() if not config.get("cluster_by")}
    partitions = [config["partition_by"] for config in tables.values() if config.get("partition_by")]

    assert unsorted == {
        "stg_products",
        "stg_reporting_currency",
        "int_product__traits",
    }  # as many as articles
    assert {partition["granularity"] for partition in partitions} == {"month"}
    incremental = {name for name, config in tables.items() if config["materialized"] == "incremental"}
    assert incremental <= {name for name, config in tables.items() if config.get("partition_by")}

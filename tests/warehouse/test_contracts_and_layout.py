"""What tables promise: the types of their columns on either engine, and how BigQuery keeps their rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from c360_platform.dbt_manifest import read_manifest
from c360_platform.settings import load_settings
from tests.warehouse.dbt_home import DBT_PROJECT, DbtHome

PROJECT = """
name: small
version: "1.0.0"
config-version: 2
profile: c360
flags: {send_anonymous_usage_stats: false}
models: {small: {+materialized: table, +contract: {enforced: true}}}
"""
COLUMNS = """
models:
  - name: kept
    columns: &columns
      - {name: name, data_type: string}
      - {name: orders, data_type: int64}
      - {name: score, data_type: float64}
      - {name: revenue, data_type: numeric}
      - {name: is_vip, data_type: bool}
      - {name: first_order_at, data_type: timestamp}
      - {name: first_order_date, data_type: date}
  - name: broken
    columns: *columns
"""
KEPT = """
select
    'Ada' as name,
    cast(2 as {{ type_integer() }}) as orders,
    cast(0.5 as {{ type_double() }}) as score,
    {{ to_money('10.004') }} as revenue,
    true as is_vip,
    {{ x_ts('2026-06-30 00:00:00+00:00') }} as first_order_at,
    date '2026-06-30' as first_order_date
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The project as BigQuery's."""
    settings = load_settings({"C360_ENV": "production"}, home=tmp_path_factory.mktemp("home"))
    return read_manifest(settings)


def test_a_contract_in_bigquerys_types_is_kept_and_its_breach_is_named(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(DBT_PROJECT / "macros" / "engine", project / "macros")
    (project / "models").mkdir()
    (project / "dbt_project.yml").write_text(PROJECT)
    (project / "models" / "models.yml").write_text(COLUMNS)
    (project / "models" / "kept.sql").write_text(KEPT)
    (project / "models" / "broken.sql").write_text(KEPT.replace("date '2026-06-30'", "'2026-06-30'"))
    home = DbtHome(tmp_path / "warehouse.duckdb", tmp_path / "target", project=project)

    done = home.dbt("run")

    assert "PASS=1 WARN=0 ERROR=1" in done.stdout, done.stdout
    assert "This model has an enforced contract that failed." in done.stdout
    [breach] = [line for line in done.stdout.splitlines() if "first_order_date" in line]
    assert [cell.strip() for cell in breach.split("|")] == [
        "", "first_order_date", "VARCHAR", "DATE", "data type mismatch", ""
    ]  # fmt: skip
    assert [kind for _, kind, *_ in home.query("describe main.kept")] == [
        "VARCHAR", "BIGINT", "DOUBLE", "DECIMAL(18,2)", "BOOLEAN", "TIMESTAMP WITH TIME ZONE", "DATE"
    ]  # fmt: skip


def test_every_mart_has_a_contract(manifest: dict[str, Any]) -> None:
    marts = [node for node in manifest["nodes"].values() if node["fqn"][1:2] == ["marts"]]
    models = {
        node["name"]: node["contract"]["enforced"] for node in marts if node["resource_type"] == "model"
    }

    assert len(models) >= 9
    assert all(models.values()), models


def test_every_table_that_grows_is_laid_out_and_every_partition_is_a_month(manifest: dict[str, Any]) -> None:
    tables = {
        node["name"]: node["config"]
        for node in manifest["nodes"].values()
        if node["config"].get("materialized") in ("table", "incremental", "snapshot")
    }
    unsorted = {name for name, config in tables.items() if not config.get("cluster_by")}
    partitioned = {
        name: config["partition_by"] for name, config in tables.items() if config.get("partition_by")
    }
    # Those that a full refresh does not empty are memories, which know no window.
    incremental = {
        name
        for name, config in tables.items()
        if config["materialized"] == "incremental" and config["full_refresh"] is not False
    }

    # As many rows as articles, or as pairs of articles that are often bought together; a report of a page.
    assert unsorted <= {
        "identity_report",
        *("stg_products", "stg_reporting_currency", "int_product__traits", "int_product__articles"),
        *("int_product__sales", "int_product__affinities", "int_basket__pairs"),
    }
    assert {partition["granularity"] for partition in partitioned.values()} == {"month"}
    assert incremental
    assert {name: partitioned[name]["field"] for name in incremental} == {
        name: tables[name]["meta"]["window"]["column"] for name in incremental
    }

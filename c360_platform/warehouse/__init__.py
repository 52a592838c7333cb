"""The warehouse behind one small protocol: queries as Arrow, appends as Arrow, statements.

Belongs here: connecting, waiting for locks, moving Arrow in and out. Does not belong here: Dagster, dbt, any
knowledge of customers or Klaviyo. Engines are imported only when one is opened.
"""

from __future__ import annotations

from pathlib import Path

from c360_platform.warehouse.protocol import (
    Engine,
    Statement,
    Value,
    Warehouse,
    WarehouseError,
    WarehouseLocked,
)

__all__ = ["Engine", "Statement", "Value", "Warehouse", "WarehouseError", "WarehouseLocked", "open_warehouse"]


def open_warehouse(
    *,
    engine: Engine = "duckdb",
    warehouse_path: Path | None = None,
    bigquery_project: str | None = None,
    bigquery_location: str | None = None,
) -> Warehouse:
    """The warehouse of an installation; the arguments bear the names that they have in the settings.

    Nothing is connected yet. Raises `WarehouseError` when what the engine needs is missing.
    """
    if engine == "duckdb":
        from c360_platform.warehouse.duckdb import DuckDBWarehouse

        if warehouse_path is None:
            raise WarehouseError("the DuckDB warehouse needs a path: set C360_WAREHOUSE_PATH or C360_HOME")
        return DuckDBWarehouse(warehouse_path)
    if engine == "bigquery":
        from c360_platform.warehouse.bigquery import BigQueryWarehouse

        if not bigquery_project:
            raise WarehouseError("the BigQuery warehouse needs a project: set C360_BIGQUERY_PROJECT")
        return BigQueryWarehouse(bigquery_project, bigquery_location)
    raise WarehouseError(f"unknown warehouse engine {engine!r}: use duckdb or bigquery")

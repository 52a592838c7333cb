"""The warehouse behind one small protocol: queries as Arrow, appends as Arrow, statements.

Belongs here: connecting, waiting for locks, moving Arrow in and out. Does not belong here: Dagster, dbt, any
knowledge of customers or Klaviyo. Engines are imported only when one is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from c360_platform.warehouse.protocol import (
    Engine,
    Statement,
    Value,
    Warehouse,
    WarehouseError,
    WarehouseLocked,
    WarehouseUnavailable,
)

__all__ = [
    "Engine",
    "Statement",
    "Value",
    "Warehouse",
    "WarehouseError",
    "WarehouseLocked",
    "WarehouseUnavailable",
    "open_warehouse",
]


def open_warehouse(
    *,
    engine: Engine = "duckdb",
    warehouse_path: Path | None = None,
    bigquery_project: str | None = None,
    bigquery_location: str | None = None,
    bigquery_dataset_prefix: str = "",
    bigquery_max_bytes_billed: int | None = None,
    bigquery_job_timeout_seconds: int | None = None,
    labels: Mapping[str, str] | None = None,
    make_bigquery_client: Callable[[], Any] | None = None,
) -> Warehouse:
    """The warehouse of an installation; the arguments bear the names that they have in the settings.

    `labels` (asset, run, sync …) mark what the caller's BigQuery jobs cost and whose they are.
    `make_bigquery_client` gives the `google.cloud.bigquery.Client`; without it, one is made from the
    application's default credentials. Raises `WarehouseError` when what the engine needs is missing.
    """
    if engine == "duckdb":
        from c360_platform.warehouse.duckdb import DuckDBWarehouse

        if warehouse_path is None:
            raise WarehouseError("the DuckDB warehouse needs a path: set C360_WAREHOUSE_PATH or C360_HOME")
        return DuckDBWarehouse(warehouse_path)
    if engine == "bigquery":
        from c360_platform.warehouse.bigquery import BigQueryWarehouse
        from c360_platform.warehouse.bigquery_jobs import JobOptions

        if not bigquery_project:
            raise WarehouseError("the BigQuery warehouse needs a project: set C360_BIGQUERY_PROJECT")
        options = JobOptions(
            project=bigquery_project,
            location=bigquery_location,
            maximum_bytes_billed=bigquery_max_bytes_billed,
            timeout_seconds=bigquery_job_timeout_seconds,
            labels=labels or {},
        )
        return BigQueryWarehouse(
            options, dataset_prefix=bigquery_dataset_prefix, make_client=make_bigquery_client
        )
    raise WarehouseError(f"unknown warehouse engine {engine!r}: use duckdb or bigquery")

"""The statements that dbt wraps around a model's query.

Belongs here: CREATE TABLE as dbt-bigquery builds it from a model's config, and the columns of a MERGE. Does
not belong here: the query itself, for which a row of the right types stands in.

dbt renders them only while it talks to the warehouse; the DDL has the form of its macro
`bigquery__create_table_as`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from c360_platform.googlesql.offline_dbt import MERGE_COLUMN, MERGE_SOURCE

Config = Mapping[str, Any]
SOURCE = "DBT_INTERNAL_SOURCE"


def create_table(path: Sequence[str], columns: Mapping[str, str], config: Config) -> str:
    """The DDL of a table model or of the first run of an incremental one."""
    layout = [*_partition_by(config.get("partition_by")), *_cluster_by(cluster_columns(config))]
    return f"create or replace table {_quoted(path)}\n{' '.join(layout)}\nas (\n{_typed_row(columns)}\n)"


def merge(template: str, columns: Mapping[str, str]) -> str:
    """The MERGE of a later run, from what the project's macros made of it for one column."""
    column = f"`{MERGE_COLUMN}`"
    update = ", ".join(f"`{name}` = {SOURCE}.`{name}`" for name in columns)
    names = ", ".join(f"`{name}`" for name in columns)
    filled = template.replace(f"{column} = {SOURCE}.{column}", update).replace(column, names)
    return filled.replace(MERGE_SOURCE, f"({_typed_row(columns)})")


def cluster_columns(config: Config) -> list[str]:
    """The columns that a model is clustered by."""
    return [str(name) for name in _list(config.get("cluster_by"))]


def _partition_by(config: Config | None) -> list[str]:
    """As `PartitionConfig.render` of dbt-bigquery does."""
    if not config:
        return []
    name, kind = config["field"], str(config.get("data_type") or "date").lower()
    granularity = str(config.get("granularity") or "day").lower()
    if kind == "int64":
        spread = config.get("range") or {}
        bounds = ", ".join(str(spread.get(part)) for part in ("start", "end", "interval"))
        return [f"partition by range_bucket({name}, generate_array({bounds}))"]
    if kind == "date" and granularity == "day":
        return [f"partition by {name}"]
    return [f"partition by {kind}_trunc({name}, {granularity})"]


def _cluster_by(columns: Sequence[str]) -> list[str]:
    return [f"cluster by {', '.join(columns)}"] if columns else []


def _typed_row(columns: Mapping[str, str]) -> str:
    return "select " + ", ".join(f"cast(null as {of}) as `{name}`" for name, of in columns.items())


def _quoted(path: Sequence[str]) -> str:
    return ".".join(f"`{part}`" for part in path)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]

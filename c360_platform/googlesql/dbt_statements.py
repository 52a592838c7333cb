"""The statements that dbt wraps around a model's query.

Belongs here: CREATE TABLE and MERGE as dbt-bigquery builds them from a model's config. Does not belong here:
the query itself, for which rows of the right types stand in.

dbt renders them only while it talks to the warehouse; the forms are those of its macros
`bigquery__create_table_as` and `default__get_merge_sql`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Config = Mapping[str, Any]
SOURCE, TARGET = "DBT_INTERNAL_SOURCE", "DBT_INTERNAL_DEST"


def create_table(path: Sequence[str], columns: Mapping[str, str], config: Config) -> str:
    """The DDL of a table model or of the first run of an incremental one."""
    layout = [*_partition_by(config.get("partition_by")), *_cluster_by(cluster_columns(config))]
    return f"create or replace table {_quoted(path)}\n{' '.join(layout)}\nas (\n{_typed_row(columns)}\n)"


def merge(path: Sequence[str], columns: Mapping[str, str], config: Config) -> str:
    """The statement of a later run of an incremental model with the strategy `merge`."""
    keys = _list(config.get("unique_key"))
    conditions = [f"({SOURCE}.{key} = {TARGET}.{key})" for key in keys]
    predicates = [str(text) for text in _list(config.get("incremental_predicates"))]
    matched = " and ".join([*predicates, *conditions]) if keys else "FALSE"
    names = ", ".join(f"`{name}`" for name in columns)
    chosen = _list(config.get("merge_update_columns"))
    spared = {str(name).lower() for name in _list(config.get("merge_exclude_columns"))}
    updated = chosen or [name for name in columns if name.lower() not in spared]
    update = ", ".join(f"`{name}` = {SOURCE}.`{name}`" for name in updated)
    when_matched = f"when matched then update set {update}\n" if keys else ""
    return (
        f"merge into {_quoted(path)} as {TARGET}\nusing (\n{_typed_row(columns)}\n) as {SOURCE}\n"
        f"on ({matched})\n{when_matched}when not matched then insert ({names}) values ({names})"
    )


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

"""Raw tables: their keys, and specs for those that other pipelines load into the warehouse.

Belongs here: what the dbt source contracts say about raw tables, as Dagster sees it. Does not belong here:
loading (ingest.py), judging what is there (checks.py), reading them (dbt staging).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

LOADED_BY_US = "dlt"
COMPUTED_BY_US = "c360"  # by Python assets, of models; see assets/transform.py
OWNERS = ["team:data"]


def raw_key(source: str, table: str) -> dg.AssetKey:
    """The asset key of a raw table: dbt's own source key, so that lineage joins by itself."""
    return dg.AssetKey([source, table])


@dataclass(frozen=True)
class RawTable:
    """One table of the raw contract; `schemas` and `identifiers` are its names in order of preference."""

    source: str
    name: str
    loader: str
    description: str
    schemas: Sequence[str]
    identifiers: Sequence[str]
    columns: Mapping[str, Mapping[str, Any]]
    required: bool
    updated_at: str | None
    stale_after: str | None = None

    @property
    def key(self) -> dg.AssetKey:
        return raw_key(self.source, self.name)

    def required_columns(self) -> dict[str, list[str]]:
        """Required column to all names it may have, lower case."""
        return {
            name: names for name, names in self.names().items() if _meta(self.columns[name]).get("required")
        }

    def names(self) -> dict[str, list[str]]:
        """Column to all names it may have, its own first, lower case."""
        return {
            name: [name.lower(), *(alias.lower() for alias in _meta(column).get("aliases") or ())]
            for name, column in self.columns.items()
        }


def raw_tables(manifest: Mapping[str, Any]) -> list[RawTable]:
    """The raw contract as dbt parsed it, in the order of source and table.

    A schema in another project than the models' is named with it: `project.schema`.
    """
    own = {node["database"] for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    tables = [
        RawTable(
            source=node["source_name"],
            name=node["name"],
            loader=(node.get("source_meta") or {}).get("loader") or "warehouse",
            description=node["description"],
            schemas=[_schema(node, own), *((node.get("source_meta") or {}).get("aliases") or ())],
            identifiers=[node["identifier"], *(_meta(node).get("aliases") or ())],
            columns=node["columns"],
            required=bool(_meta(node).get("required")),
            updated_at=_meta(node).get("updated_at"),
            stale_after=_stale_after(node.get("freshness")),
        )
        for node in manifest["sources"].values()
    ]
    return sorted(tables, key=lambda table: (table.source, table.name))


def tables_already_there(tables: Sequence[RawTable]) -> list[RawTable]:
    """The tables that the shop's own pipelines bring; we read them and never write to them."""
    return [table for table in tables if table.loader not in (LOADED_BY_US, COMPUTED_BY_US)]


def raw_specs(tables: Sequence[RawTable], *, engine: str) -> list[dg.AssetSpec]:
    """Specs of the tables that are already there; loaders outside report their loads to these keys."""
    return [
        dg.AssetSpec(
            table.key,
            group_name=raw_group(table.source),
            description=table.description,
            kinds={table.source, engine},
            owners=OWNERS,
            metadata=table_metadata(table),
        )
        for table in tables_already_there(tables)
    ]


def raw_group(source: str) -> str:
    """Raw tables of one source stand together, apart from what is made of them."""
    return f"raw_{source}"


def table_metadata(table: RawTable) -> dict[str, Any]:
    """The contract as Dagster's column schema, the table's name in the warehouse, how fresh it has to be."""
    columns = [
        dg.TableColumn(name, type=column.get("data_type") or "?", description=column.get("description"))
        for name, column in table.columns.items()
    ]
    freshness = {"stale_after": table.stale_after} if table.stale_after else {}
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": f"{table.schemas[0]}.{table.identifiers[0]}",
        **freshness,
    }


def _stale_after(freshness: Mapping[str, Any] | None) -> str | None:
    """How long without news is too long, as `dbt source freshness` judges; None where nobody says."""
    limit = (freshness or {}).get("warn_after") or {}
    if not limit.get("count"):
        return None
    return f"{limit['count']} {limit['period']}{'s' * (limit['count'] != 1)}"


def _schema(node: Mapping[str, Any], own: Collection[str]) -> str:
    return node["schema"] if node["database"] in own else f"{node['database']}.{node['schema']}"


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return (node.get("config") or {}).get("meta") or node.get("meta") or {}

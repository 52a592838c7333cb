"""Attributes that every component here has: what the asset is called, whose it is, where its table goes.

Belongs here: those attributes and their meaning to Dagster. Does not belong here: what a component computes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import dagster as dg
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from c360_platform.components.workspace import DEFAULT_MEMORY_MB

if TYPE_CHECKING:
    from c360_platform.warehouse import Warehouse


def between(least: float, most: float = inf) -> AfterValidator:
    """A number within limits. A template's text passes: what it gives is looked at when it is filled in."""

    def check(value: float | str | None) -> float | str | None:
        if isinstance(value, (int, float)) and not least <= value <= most:
            raise ValueError(f"give at least {least}" + (f" and at most {most}" if most < inf else ""))
        return value

    return AfterValidator(check)


def one_of(choices: Any, *, several: bool = False) -> dg.Resolver:
    """One of the values of a `Literal`, or a list of them; a wrong one is shown at its place in the file.

    Dagster lets any text through until templates are filled in, and then no longer knows where it stood.
    """
    known = get_args(choices)

    def check(context: dg.ResolutionContext, written: object) -> object:
        given = context.resolve_value(written)
        for value in given if several and isinstance(given, list) else [given]:
            if value not in known:
                raise ValueError(f"{value!r} is none of {', '.join(known)}")
        return given

    return dg.Resolver(check, model_field_type=list[str] if several else str)


class WarehouseAttributes(dg.Model, dg.Resolvable):
    """Where tables are read and written: a DuckDB file, or a resource that opens a warehouse."""

    duckdb: str | None = Field(default=None, description="Path of the file, relative to the project.")
    resource: str | None = Field(
        default=None,
        description="Key of a Dagster resource: a Warehouse, or an object whose open() gives one.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> WarehouseAttributes:
        if (self.duckdb is None) == (self.resource is None):
            raise ValueError("a warehouse is either `duckdb: path` or `resource: key`")
        return self


class AssetAttributes(dg.Model):
    """What the asset is called, whose it is, and where its rows go besides Dagster's IO manager."""

    # Templates turn text that looks like a number into one.
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    asset_name: str = Field(min_length=1, description="Key of the asset; parts are separated by slashes.")
    warehouse: WarehouseAttributes | None = Field(default=None, description="Where tables are.")
    table: str | None = Field(default=None, description="schema.table to write; none without it.")
    returns_dataframe: bool = Field(
        default=True, description="Whether assets downstream get a pandas DataFrame from the IO manager."
    )
    memory_limit_mb: Annotated[int, between(128)] = Field(
        default=DEFAULT_MEMORY_MB, description="Memory of the computation; what is beyond goes to disk."
    )
    description: str | None = Field(default=None, description="What the asset is, for the catalogue.")
    group_name: str | None = Field(default=None, description="Group of the asset.")
    owners: list[str] = Field(default=[], description="team:name or an e-mail address.")
    tags: dict[str, str] = Field(default={}, description="Tags of the asset.")
    pool: str | None = Field(default=None, description="Dagster's concurrency pool of the step.")

    @model_validator(mode="after")
    def _table_has_a_place(self) -> AssetAttributes:
        require_schema(self.table)
        if self.table is not None and self.warehouse is None:
            raise ValueError("`table` is to be written: say with `warehouse` where")
        if self.table is None and not self.returns_dataframe:
            raise ValueError("the result would go nowhere: give `table`, or leave returns_dataframe")
        return self

    @property
    def key(self) -> dg.AssetKey:
        return dg.AssetKey.from_user_string(self.asset_name)

    @property
    def op_name(self) -> str:
        """The step in the UI: the key, with underscores for slashes."""
        return re.sub(r"\W", "_", self.asset_name)

    @property
    def resource_keys(self) -> set[str]:
        resource = self.warehouse.resource if self.warehouse is not None else None
        return {resource} if resource is not None else set()

    @property
    def kinds(self) -> set[str]:
        return {"duckdb"} if self.warehouse is None or self.warehouse.duckdb is not None else {"table"}

    @property
    def asset_arguments(self) -> dict[str, Any]:
        """What `dg.asset` is told of it."""
        return {
            "description": self.description or type(self).__doc__,
            "group_name": self.group_name,
            "owners": self.owners,
            "tags": self.tags,
            "pool": self.pool,
            "kinds": self.kinds,
        }

    def warehouse_access(self, context: dg.ComponentLoadContext) -> WarehouseAccess | None:
        """How to open the warehouse later; None without one."""
        if self.warehouse is None:
            return None
        path = self.warehouse.duckdb
        return WarehouseAccess(
            path=Path(context.project_root, path).resolve() if path is not None else None,
            resource=self.warehouse.resource,
            asset=self.asset_name,
        )


@dataclass(frozen=True)
class WarehouseAccess:
    """Opens the warehouse when a run needs it: definitions load without one."""

    path: Path | None
    resource: str | None
    asset: str

    def open(self, context: dg.AssetExecutionContext) -> Warehouse:
        if self.path is not None:
            from c360_platform.warehouse import open_warehouse

            self.path.parent.mkdir(parents=True, exist_ok=True)
            return open_warehouse(warehouse_path=self.path)
        found = getattr(context.resources, str(self.resource))
        return found.open(asset=self.asset, run=context.run.run_id) if hasattr(found, "open") else found


def require_schema(table: str | None) -> None:
    """Raise `ValueError` for a table without a schema."""
    if table is not None and not all(table.rpartition(".")[::2]):
        raise ValueError(f"table {table!r} has no schema: write schema.table")

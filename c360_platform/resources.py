"""Dagster's handles on the world outside: warehouse, Klaviyo, dbt.

Belongs here: late opening, so that definitions load without a credential and without a connection. Does not
belong here: what is done with them (assets, checks) and how they work (`warehouse`, `activation`, dbt).
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagster_dbt import DbtCliInvocation, DbtCliResource
from packaging.version import Version
from pydantic import Field

from c360_platform.dbt_manifest import dbt_executable, dbt_variables

if TYPE_CHECKING:
    from c360_platform.activation.transport import Klaviyo
    from c360_platform.settings import Settings
    from c360_platform.warehouse import Warehouse


@dataclass(frozen=True)
class WarehouseAccess:
    """Opens the installation's warehouse for one call; nothing is held between calls."""

    settings: Settings

    def open(self) -> Warehouse:
        """Raises `WarehouseError` when what the engine needs is missing."""
        from c360_platform.warehouse import open_warehouse

        return open_warehouse(
            engine=self.settings.engine,
            warehouse_path=self.settings.warehouse_path,
            bigquery_project=self.settings.bigquery_project,
            bigquery_location=self.settings.bigquery_location,
        )


@dataclass(frozen=True)
class KlaviyoAccess:
    """Opens Klaviyo with the key of the settings, at the moment of the first push and not before."""

    settings: Settings

    def open(self) -> Klaviyo:
        """Raises `SettingsError` when there is no key."""
        from c360_platform.activation.transport import Klaviyo

        return Klaviyo(self.settings.klaviyo_key(), self.settings.klaviyo_base_url)


class Dbt(DbtCliResource):
    """The dbt command line of this virtual environment, pointed at this installation's warehouse.

    Two things that dagster-dbt does before every command cost seconds and change nothing here: asking `dbt
    --version` what importlib already knows, and building an adapter in this process, which only its own row
    counts use (on DuckDB the warehouse is asked once instead).
    """

    variables: dict[str, str] = Field(default={}, description="Environment of the dbt process.")

    @cached_property
    def _cli_version(self) -> Version:
        return Version(importlib.metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        if self.variables.get("C360_DBT_TARGET") == "duckdb":
            return None
        return super()._initialize_dbt_core_adapter(args)

    def cli(self, args: Sequence[str], **options: Any) -> DbtCliInvocation:
        """As the parent's, with the variables that profiles.yml reads in the child's environment."""
        with _environment(self.variables):
            return super().cli(args, **options)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """dagster-dbt copies this process's environment and takes no other; so it is lent the variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def make_resources(settings: Settings) -> dict[str, object]:
    """Every resource by the name that assets ask for; dlt needs none, a load opens and closes by itself."""
    return {
        "warehouse": WarehouseAccess(settings),
        "klaviyo": KlaviyoAccess(settings),
        "dbt": Dbt(
            project_dir=str(settings.dbt_project_dir),
            profiles_dir=str(settings.dbt_project_dir),
            dbt_executable=dbt_executable(),
            variables=dbt_variables(settings),
        ),
    }

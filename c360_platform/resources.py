"""Dagster's handles on the world outside: warehouse, Klaviyo, dbt.

Belongs here: late opening, so that definitions load without a credential and without a connection. Does not
belong here: what is done with them (assets, checks) and how they work (`warehouse`, `activation`, dbt).
"""

from __future__ import annotations

import importlib.metadata
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagster_dbt import DbtCliInvocation, DbtCliResource
from packaging.version import Version
from pydantic import Field

from c360_platform.dbt_manifest import dbt_executable, dbt_variables

if TYPE_CHECKING:
    from dagster_gcp import BigQueryResource

    from c360_platform.activation.transport.budget import Lane, Limiter
    from c360_platform.activation.transport.client import Klaviyo
    from c360_platform.settings import Settings
    from c360_platform.warehouse import Warehouse


@dataclass(frozen=True)
class WarehouseAccess:
    """Opens the installation's warehouse: the one place that does.

    `bigquery` gives the client, one per thread, so that a sensor does not sign in at every tick; without it,
    as on the command line, every opening has its own. DuckDB's file is not held between calls.
    """

    settings: Settings
    bigquery: BigQueryResource | None = None
    _clients: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    def open(self, **labels: str) -> Warehouse:
        """`labels` (asset, run, sync) mark BigQuery's jobs; DuckDB has no use for them.

        Raises `WarehouseError` when what the engine needs is missing.
        """
        from c360_platform.warehouse import open_warehouse

        settings = self.settings
        return open_warehouse(
            engine=settings.engine,
            warehouse_path=settings.warehouse_path,
            bigquery_project=settings.bigquery_project,
            bigquery_location=settings.bigquery_location,
            bigquery_dataset_prefix=settings.bigquery_dataset_prefix,
            bigquery_max_bytes_billed=settings.bigquery_max_bytes_billed,
            bigquery_job_timeout_seconds=settings.bigquery_job_timeout_seconds,
            labels=labels,
            make_bigquery_client=self._client if self.bigquery is not None else None,
        )

    def _client(self) -> Any:
        client = getattr(self._clients, "client", None)
        if client is None and self.bigquery is not None:
            from c360_platform.warehouse.bigquery_client import bound_metadata_search

            bound_metadata_search()
            with self.bigquery.get_client() as client:
                self._clients.client = client
        return client


@dataclass(frozen=True)
class KlaviyoAccess:
    """Opens Klaviyo with the key of the settings, at the moment of the first push and not before.

    All processes of a home draw on one budget of Klaviyo's limits.
    """

    settings: Settings

    def open(self, lane: Lane = "profiles") -> Klaviyo:
        """`lane` says who goes first when several wait. Raises `SettingsError` when there is no key."""
        from c360_platform.activation.transport.client import Klaviyo

        settings = self.settings
        return Klaviyo(
            settings.klaviyo_key(),
            settings.klaviyo_base_url,
            lane=lane,
            budget_path=settings.klaviyo_budget_path,
        )

    def ingest_pace(self, endpoint: str, windows: Sequence[tuple[int, float]]) -> Limiter:
        """How dlt's calls to an endpoint draw on the budget: behind everything that is pushed.

        `windows` are calls and seconds, a second and a minute. Raises `SettingsError` when there is no key.
        """
        from c360_platform.activation.transport.budget import account_budget
        from c360_platform.activation.transport.limits import Tier

        settings = self.settings
        (burst, _), (steady, _) = windows
        budget = account_budget(
            settings.klaviyo_base_url,
            settings.klaviyo_key().get_secret_value(),
            settings.klaviyo_budget_path,
        )
        return budget.limiter(endpoint, Tier(burst, steady), "ingest")


class Dbt(DbtCliResource):
    """The dbt command line of this virtual environment, pointed at this installation's warehouse.

    Two things that dagster-dbt does before every command cost seconds and change nothing here: asking `dbt
    --version` what importlib already knows, and building an adapter in this process, which only its own row
    counts use (the warehouse is asked once instead).
    """

    variables: dict[str, str] = Field(default={}, description="Environment of the dbt process.")

    @cached_property
    def _cli_version(self) -> Version:
        return Version(importlib.metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:  # noqa: ARG002
        return None

    def cli(self, args: Sequence[str], **options: Any) -> DbtCliInvocation:
        """As the parent's, with the variables that profiles.yml and macros read in the environment."""
        context = options.get("context")
        run = {"C360_RUN_ID": context.run_id} if context is not None else {}
        with _environment({**self.variables, **run}):
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


def _bigquery(settings: Settings) -> BigQueryResource | None:
    """None on DuckDB: importing dagster-gcp takes as long as everything else together."""
    if settings.engine != "bigquery":
        return None
    from dagster_gcp import BigQueryResource

    return BigQueryResource(project=settings.bigquery_project, location=settings.bigquery_location)


def make_resources(settings: Settings) -> dict[str, object]:
    """Every resource by the name that assets ask for; dlt needs none, a load opens and closes by itself.

    On BigQuery there is `bigquery` as well, dagster-gcp's own, for assets that a team adds.
    """
    bigquery = _bigquery(settings)
    return {
        **({"bigquery": bigquery} if bigquery is not None else {}),
        "warehouse": WarehouseAccess(settings, bigquery),
        "klaviyo": KlaviyoAccess(settings),
        "dbt": Dbt(
            project_dir=str(settings.dbt_project_dir),
            profiles_dir=str(settings.dbt_project_dir),
            dbt_executable=dbt_executable(),
            variables=dbt_variables(settings),
        ),
    }

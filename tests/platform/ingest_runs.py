"""The load assets of the code location, run by Dagster in this process.

Belongs here: what tests and the processes that they kill have in common. Does not belong here: judging a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg

from c360_platform.assets.ingest import ingest_assets
from c360_platform.assets.raw import raw_tables
from c360_platform.dbt_manifest import read_manifest
from c360_platform.resources import make_resources
from c360_platform.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Run:
    """A run that is over, and everything that its event log says."""

    result: dg.ExecuteInProcessResult
    log: list[str]

    @property
    def success(self) -> bool:
        return self.result.success

    @property
    def failures(self) -> dict[str, str]:
        """Step to the line that a person sees."""
        return {
            event.step_key or "": str(event.step_failure_data.user_failure_data.description)
            for event in self.result.get_step_failure_events()
            if event.step_failure_data.user_failure_data
        }

    @property
    def metadata(self) -> dict[str, dict[str, Any]]:
        """Asset to what it was materialized with."""
        made = [event.materialization for event in self.result.get_asset_materialization_events()]
        return {
            each.asset_key.to_user_string(): {name: value.value for name, value in each.metadata.items()}
            for each in made
        }

    @property
    def warnings(self) -> dict[str, str | None]:
        """Check to what it found, of those that did not pass."""
        return {
            f"{each.asset_key.to_user_string()}:{each.check_name}": each.description
            for each in self.result.get_asset_check_evaluations()
            if not each.passed
        }


@dataclass(frozen=True)
class Ingest:
    """Runs loads of an installation; every run has a Dagster instance of its own."""

    settings: Settings

    @cached_property
    def assets(self) -> list[dg.AssetsDefinition]:
        return ingest_assets(self.settings, raw_tables(read_manifest(self.settings)))

    def run(
        self,
        *tables: str,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        selection: dg.AssetSelection | None = None,
    ) -> Run:
        """Load these tables (`klaviyo/events`), or all. `config` is by source."""
        chosen = selection or (dg.AssetSelection.assets(*tables) if tables else None)
        ops = {f"load_{source}": {"config": dict(values)} for source, values in (config or {}).items()}
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                self.assets,
                instance=instance,
                resources=make_resources(self.settings),
                selection=chosen,
                run_config={**QUIET, "ops": ops},
                raise_on_error=False,
            )
            log = [entry.user_message for entry in instance.all_logs(result.run_id)]
            log += [str(entry.dagster_event) for entry in instance.all_logs(result.run_id)]
            return Run(result, log)

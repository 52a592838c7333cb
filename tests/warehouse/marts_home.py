"""A small shop whose marts tests build, push and build again.

Belongs here: filling the shop's systems, keeping the warehouse file of each stage, comparing stages. Does not
belong here: what must be true of the marts; the tests say that.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.warehouse.dbt_process import DbtProcess

AS_OF = date(2026, 6, 30)
# The morning of the day: after the world ends, within the day that the models describe.
NOW = datetime(2026, 6, 30, 6, tzinfo=UTC)
SYNCED_MODELS = (
    "klaviyo_profiles",
    "events_shipments",
    "seg_winback_candidates",
    "seg_vip_customers",
    "seg_repeat_purchase_candidates",
    "seg_high_value_at_risk",
    "seg_cross_channel_customers",
    "seg_upsell_candidates",
)


@dataclass(frozen=True, slots=True)
class MartsHome:
    """One directory: the sandbox's state and a warehouse file per stage. All are built at dbt's own path."""

    directory: Path
    dbt: DbtProcess

    @property
    def sandbox_path(self) -> Path:
        return self.directory / "sandbox.sqlite"

    def warehouse(self, stage: str) -> Path:
        """The warehouse file of a stage."""
        return self.directory / f"{stage}.duckdb"

    def stage(self, name: str, *, after: str) -> Path:
        """Begin a stage with a copy of another one's file."""
        return Path(shutil.copyfile(self.warehouse(after), self.warehouse(name)))

    def build(self, stage: str, *select: str, as_of: date = AS_OF) -> None:
        """Build the seeds and models of a stage without their tests, or only some of its models."""
        self.warehouse(stage).rename(self.dbt.warehouse)
        variables = {"as_of": as_of.isoformat()}
        if select:
            self.dbt.build("--select", *select, variables=variables)
        else:
            self.dbt.build_with_seeds(variables=variables)
        self.dbt.warehouse.rename(self.warehouse(stage))

    def query(self, stage: str, sql: str, **others: str) -> list[tuple[Any, ...]]:
        """Rows of a query on a stage; `others` attaches the files of further stages under a name."""
        with duckdb.connect(str(self.warehouse(stage)), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for name, other in others.items():
                connection.execute(f"attach '{self.warehouse(other)}' as {name} (read_only)")
            return connection.execute(sql).fetchall()

    def changed(self, model: str, *, before: str, after: str, key: str) -> set[str]:
        """Keys of the rows of a mart that differ between two stages, in either direction."""
        rows = self.query(
            after,
            f"(select {key} from (select * from marts.{model} except select * from before.marts.{model})) "
            f"union "
            f"(select {key} from (select * from before.marts.{model} except select * from marts.{model}))",
            before=before,
        )
        return {row[0] for row in rows}


def ingest_and_push(home: MartsHome, stage: str, *, push: bool) -> None:
    """Load Klaviyo and Zendesk over HTTP; with `push`, bring Klaviyo up to the stage's profiles first."""
    import dlt_pipelines.klaviyo
    import dlt_pipelines.zendesk
    from c360_platform.sandbox.server import running_sandbox

    warehouse = home.warehouse(stage)
    with running_sandbox(home.sandbox_path, limits=False) as sandbox:
        sandbox.clock.set(NOW)
        if push:
            _push_profiles(home, warehouse, sandbox.url)
        sandbox.clock.advance(timedelta(hours=1))
        pipelines_dir = home.directory / "dlt"
        dlt_pipelines.klaviyo.load(
            warehouse,
            base_url=sandbox.url,
            api_key="pk_demo_marts",
            pipelines_dir=pipelines_dir / stage,
        )
        dlt_pipelines.zendesk.load(
            warehouse,
            base_url=sandbox.url,
            email="data@example.com",
            api_token="demo",
            pipelines_dir=pipelines_dir / stage,
        )


def _push_profiles(home: MartsHome, warehouse: Path, url: str) -> None:
    from c360_platform.activation.engine import run_sync
    from c360_platform.activation.spec import load_specs
    from c360_platform.activation.transport.client import Klaviyo
    from c360_platform.dbt_manifest import read_manifest
    from c360_platform.settings import load_settings
    from c360_platform.warehouse.duckdb import DuckDBWarehouse

    manifest = read_manifest(load_settings({}, home=home.directory))
    [spec] = [spec for spec in load_specs(manifest) if spec.name == "klaviyo_profiles"]
    klaviyo = Klaviyo(api_key="pk_demo_marts", base_url=url)
    report = run_sync(spec, DuckDBWarehouse(warehouse), klaviyo, run_id="push", now=NOW)
    assert report.confirmed == report.planned > 0, report

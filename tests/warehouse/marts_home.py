"""A small shop whose marts tests build, push and build again.

Belongs here: filling the shop's systems, keeping the warehouse file of each stage, comparing stages. Does not
belong here: what must be true of the marts; the tests say that.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.warehouse.dbt_home import DbtHome

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
    """One directory: the sandbox's state and a warehouse file per stage.

    All stages are built at dbt's own path, because dbt parses the project anew for another one.
    """

    directory: Path
    dbt_directory: Path

    @property
    def sandbox_path(self) -> Path:
        return self.directory / "sandbox.sqlite"

    def warehouse(self, stage: str) -> Path:
        """The warehouse file of a stage."""
        return self.directory / f"{stage}.duckdb"

    def stage(self, name: str, *, after: str) -> Path:
        """Begin a stage with a copy of another one's file."""
        return Path(shutil.copyfile(self.warehouse(after), self.warehouse(name)))

    @property
    def target(self) -> Path:
        """Where dbt leaves the manifest."""
        return self.dbt_directory / "target"

    def build(self, stage: str, *select: str, as_of: date = AS_OF) -> None:
        """Build the seeds and models of a stage without their tests: all of them unless told which."""
        home = DbtHome(self.dbt_directory / "warehouse.duckdb", self.target)
        self.warehouse(stage).rename(home.warehouse)
        done = home.dbt(
            "build", "--quiet", "--exclude-resource-types", "test", "unit_test",
            *(["--select", *select] if select else []),
            variables={"as_of": as_of.isoformat()},
        )  # fmt: skip
        home.warehouse.rename(self.warehouse(stage))
        assert done.returncode == 0, done.stdout + done.stderr

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
    from c360_platform.warehouse.duckdb import DuckDBWarehouse

    manifest = json.loads((home.target / "manifest.json").read_text(encoding="utf-8"))
    [spec] = [spec for spec in load_specs(manifest) if spec.name == "klaviyo_profiles"]
    klaviyo = Klaviyo(api_key="pk_demo_marts", base_url=url)
    report = run_sync(spec, DuckDBWarehouse(warehouse), klaviyo, run_id="push", now=NOW)
    assert report.confirmed == report.planned > 0, report

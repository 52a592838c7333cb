"""The Dagster code location: every asset, check, job, schedule and sensor, put together by hand.

Belongs here: the assembly and nothing else. Does not belong here: anything that another module could want;
the order of the layers ends here.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from c360_platform import automation
from c360_platform.activation.spec import load_specs
from c360_platform.assets.activate import activate_assets
from c360_platform.assets.attribution import attribution_assets
from c360_platform.assets.dry_run import dry_run_job
from c360_platform.assets.identity_review import identity_review_assets, identity_review_job
from c360_platform.assets.ingest import ingest_assets
from c360_platform.assets.raw import raw_specs, raw_tables
from c360_platform.assets.reconcile import reconcile_checks
from c360_platform.assets.transform import transform_assets
from c360_platform.checks import raw_checks
from c360_platform.dbt_manifest import project_variable, read_manifest
from c360_platform.resources import make_resources
from c360_platform.settings import Settings, load_settings
from c360_platform.shipments_sensor import make_shipments_sensor


def build(settings: Settings, *, resource_overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """The definitions for an installation. Needs no credential, no network, no warehouse.

    `resource_overrides` replaces resources by name (warehouse, klaviyo, dbt). Raises `ManifestError` when the
    dbt project does not parse and `SyncConfigError` when a sync is declared wrongly.
    """
    manifest = read_manifest(settings)
    tables = raw_tables(manifest)
    specs = load_specs(manifest, project_dir=settings.dbt_project_dir)
    timezone = project_variable(settings, "shop_timezone")

    ingested = ingest_assets(settings, tables)
    models = [
        *transform_assets(settings, manifest),
        *attribution_assets(settings, manifest, tables),
    ]
    reviews = identity_review_assets(settings, manifest)
    jobs = automation.make_jobs(
        tables,
        specs,
        ingested=dg.AssetSelection.assets(*ingested),
        models=dg.AssetSelection.assets(*models),
    )
    return dg.Definitions(
        assets=[
            *raw_specs(tables, engine=settings.engine),
            *ingested,
            *models,
            *reviews,
            *activate_assets(settings, manifest, specs),
        ],
        asset_checks=[
            raw_checks(tables),
            *reconcile_checks(settings, specs, cron=automation.RECONCILE_CRON, timezone=timezone),
        ],
        jobs=[*jobs, dry_run_job(specs), *identity_review_job(reviews)],
        schedules=automation.make_schedules(settings, jobs, timezone=timezone),
        sensors=[
            automation.make_push_sensor(settings, specs),
            make_shipments_sensor(settings, automation.shipment_tables(tables), jobs),
        ],
        resources={**make_resources(settings), **(resource_overrides or {})},
        # One process: DuckDB has one writer, and every step of its own process would import everything anew.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster` loads: the definitions of the environment that it is started in."""
    return build(load_settings())

"""When things run: jobs, schedules, conditions, and the sensor on new shipment data.

Belongs here: which assets go together and at what times. Does not belong here: the assets themselves, and
how a change of the shipment tables is noticed (shipments_sensor.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dagster as dg

from c360_platform.assets.activate import SCHEDULE_GROUPS, sync_key
from c360_platform.assets.raw import RawTable, tables_already_there
from c360_platform.assets.reconcile import in_step_checks
from c360_platform.assets.transform import DBT_OP

if TYPE_CHECKING:
    from c360_platform.activation.spec import SyncSpec
    from c360_platform.settings import Settings

SHIPMENTS = "shipments"
OBSERVE_SHIPMENTS = "observe_shipments"
SHIPMENT_EVENTS = SCHEDULE_GROUPS["events"]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}

# Job to cron, in the shop's time zone. Pushes are staggered so that a run never waits for another one.
SCHEDULES = {
    "ingest_and_transform": "30 3 * * *",
    "full_refresh": "30 1 * * 0",
    "profiles": "15 */6 * * *",
    "segments": "45 */12 * * *",
    SHIPMENT_EVENTS: "5 * * * *",
}

RECONCILE = "reconcile"
# When every list is compared with Klaviyo: between two pushes of the segments. The sensor keeps this time.
RECONCILE_CRON = "45 6 * * *"

FULL_REFRESH = {"ops": {DBT_OP: {"config": {"full_refresh": True}}}}


def shipment_tables(tables: Sequence[RawTable]) -> list[RawTable]:
    """The carriers' feeds."""
    return [table for table in tables if table.source == SHIPMENTS]


def make_jobs(
    tables: Sequence[RawTable],
    specs: Sequence[SyncSpec],
    *,
    ingested: dg.AssetSelection,
    models: dg.AssetSelection,
) -> list[Any]:
    """Asset jobs. A group of pushes that no model declares has none."""
    raw_checks = dg.AssetSelection.checks_for_assets(*(t.key for t in tables_already_there(tables)))
    selections = {
        "loop": ingested | raw_checks | models | _pushes(specs, *SCHEDULE_GROUPS.values()),
        "ingest": ingested,
        "transform": raw_checks | models,
        "ingest_and_transform": ingested | raw_checks | models,
        "full_refresh": raw_checks | models,
    }
    declared = {SCHEDULE_GROUPS[spec.object] for spec in specs}
    for group in declared:
        selections[group] = _pushes(specs, group)
    if SCHEDULE_GROUPS["list"] in declared:
        selections[RECONCILE] = in_step_checks(specs)
    shipments = [table.key for table in shipment_tables(tables)]
    selections[OBSERVE_SHIPMENTS] = dg.AssetSelection.checks_for_assets(*shipments)
    if SHIPMENT_EVENTS in declared:
        # What lies between the shipment tables and the events made of them; the rest is last night's.
        between = (
            dg.AssetSelection.assets(*shipments).downstream()
            & selections[SHIPMENT_EVENTS].upstream()
            & models
        )
        selections[SHIPMENT_EVENTS] |= between | selections[OBSERVE_SHIPMENTS]
    return [
        dg.define_asset_job(
            name,
            selection,
            description=DESCRIPTIONS[name],
            config=FULL_REFRESH if name == "full_refresh" else None,
            # Only a look has a policy of its own: nobody would come back to it before the next write.
            op_retry_policy=dg.RetryPolicy(max_retries=3, delay=10) if name == OBSERVE_SHIPMENTS else None,
        )
        for name, selection in selections.items()
    ]


DESCRIPTIONS: Mapping[str, str] = {
    "loop": "Everything in order: ingest, raw checks, models and tests, pushes.",
    "ingest": "Load Zendesk and Klaviyo with dlt.",
    "transform": "Check the raw tables, build and test every model.",
    "ingest_and_transform": "The night's work; the pushes follow by themselves when the checks have passed.",
    "full_refresh": "As transform, with incremental models made anew: old deletions show.",
    "profiles": "Push profiles with their properties.",
    "segments": "Mirror every segment into its list.",
    RECONCILE: "Compare every list with who is on it in Klaviyo; nothing is written there.",
    SHIPMENT_EVENTS: "Rebuild what follows from the shipment tables and push the events.",
    OBSERVE_SHIPMENTS: "Look at the shipment tables for a moment and record how many rows they have.",
}


def make_schedules(settings: Settings, jobs: Sequence[Any], *, timezone: str) -> list[dg.ScheduleDefinition]:
    """Profiles every six hours, segments every twelve, shipment events hourly, models at night; all of the
    models' history once a week.
    """
    known = {job.name for job in jobs}
    return [
        dg.ScheduleDefinition(
            name=f"{job}_schedule",
            job_name=job,
            cron_schedule=cron,
            execution_timezone=timezone,
            description=DESCRIPTIONS[job],
            default_status=(
                dg.DefaultScheduleStatus.RUNNING
                if runs_by_itself(settings)
                else dg.DefaultScheduleStatus.STOPPED
            ),
        )
        for job, cron in SCHEDULES.items()
        if job in known
    ]


def make_push_sensor(settings: Settings, specs: Sequence[SyncSpec]) -> dg.AutomationConditionSensorDefinition:
    """Starts a push when its model was rebuilt and no blocking check of it failed; compares lists daily."""
    return dg.AutomationConditionSensorDefinition(
        "pushes_after_models",
        target=_pushes(specs, *SCHEDULE_GROUPS.values()) | in_step_checks(specs),
        description="Pushes a sync when its model was rebuilt and every blocking check on it passed. Once a "
        "day it has every list compared with Klaviyo.",
        default_status=sensor_status(settings),
        minimum_interval_seconds=30,
    )


def sensor_status(settings: Settings) -> dg.DefaultSensorStatus:
    """The status that a sensor has until somebody turns it on or off in the UI."""
    return dg.DefaultSensorStatus.RUNNING if runs_by_itself(settings) else dg.DefaultSensorStatus.STOPPED


def runs_by_itself(settings: Settings) -> bool:
    """Everywhere but on a laptop that points at a real account: there, somebody has to turn things on."""
    return not settings.uses_sandbox or urlsplit(settings.klaviyo_base_url).hostname in LOOPBACK


def _pushes(specs: Sequence[SyncSpec], *groups: str) -> dg.AssetSelection:
    """With the verdict on each push, without the comparisons of whole lists."""
    pushes = [sync_key(spec.name) for spec in specs if SCHEDULE_GROUPS[spec.object] in groups]
    return dg.AssetSelection.assets(*pushes) - in_step_checks(specs)

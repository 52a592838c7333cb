"""One asset per sync: a model tagged `klaviyo_sync` goes to Klaviyo.

Belongs here: what Dagster adds to a sync: lineage, its group, its verdict, when it goes by itself. Does not
belong here: how rows are compared and sent (`activation`), and schedules (automation.py).
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from c360_platform.activation.spec import SyncSpec
from c360_platform.assets.transform import model_key
from c360_platform.failures import one_line_failures, retry_policy
from c360_platform.resources import KlaviyoAccess, WarehouseAccess
from c360_platform.settings import Settings

if TYPE_CHECKING:
    from c360_platform.activation.engine import SyncReport

PREFIX = "klaviyo"
ACCEPTED_CHECK = "all_accepted"
OWNERS = ["team:marketing"]
# The sync's object decides when it is due; the names are those of the jobs.
SCHEDULE_GROUPS = {"profiles": "profiles", "list": "segments", "events": "shipment_events"}
GROUPS = {"profiles": "klaviyo_profiles", "list": "klaviyo_lists", "events": "klaviyo_events"}
KINDS = {"profiles": "profile", "list": "list", "events": "event"}
# Higher goes first when several pushes wait: a customer waits for a parcel, not for a segment.
PRIORITIES = {"events": "2", "profiles": "1", "list": "0"}


class PushConfig(dg.Config):
    """What a person can say to a push in the launchpad."""

    allow_removals: bool = Field(
        default=False,
        description="Let an empty model and removals beyond the fuse pass, in this run.",
    )


def sync_key(name: str) -> dg.AssetKey:
    """The asset key of a sync."""
    return dg.AssetKey([PREFIX, name])


def activate_assets(
    settings: Settings, manifest: Mapping[str, Any], specs: Sequence[SyncSpec]
) -> list[dg.AssetsDefinition]:
    """One push per spec. Lists come after profiles: a flow that a list starts finds its properties."""
    profiles = [sync_key(spec.name) for spec in specs if spec.object == "profiles"]
    return [
        _push(
            spec,
            deps=[
                model_key(manifest["nodes"][spec.unique_id]),
                *(profiles if spec.object == "list" else ()),
            ],
            description=_describe(spec, manifest["nodes"][spec.unique_id]["description"]),
            retries=retry_policy(settings),
        )
        for spec in specs
    ]


def _push(
    spec: SyncSpec, *, deps: Sequence[dg.AssetKey], description: str, retries: dg.RetryPolicy | None
) -> dg.AssetsDefinition:
    key = sync_key(spec.name)

    @dg.asset(
        key=key,
        deps=deps,
        description=description,
        group_name=GROUPS[spec.object],
        kinds={PREFIX, KINDS[spec.object]},
        owners=OWNERS,
        metadata=_definition_metadata(spec),
        check_specs=[
            dg.AssetCheckSpec(
                ACCEPTED_CHECK,
                asset=key,
                description="Klaviyo takes every row of the model; why it refuses others is in "
                "c360_sync.rejections.",
            )
        ],
        automation_condition=dg.AutomationCondition.eager()
        & dg.AutomationCondition.all_deps_blocking_checks_passed(),
        pool="klaviyo",
        op_tags={"dagster/priority": PRIORITIES[spec.object]},
        retry_policy=retries,
    )
    def push(
        context: dg.AssetExecutionContext,
        config: PushConfig,
        warehouse: dg.ResourceParam[WarehouseAccess],
        klaviyo: dg.ResourceParam[KlaviyoAccess],
    ) -> dg.MaterializeResult:
        from c360_platform.activation.delivery import Overrides
        from c360_platform.activation.engine import run_sync

        with one_line_failures(f"push {spec.name}"):
            report = run_sync(
                spec,
                warehouse.open(asset=key.to_user_string(), sync=spec.name, run=context.run_id),
                klaviyo.open(),
                run_id=context.run_id,
                now=datetime.now(UTC),
                progress=context.log.info,
                overrides=Overrides(allow_removals=config.allow_removals),
            )
        return dg.MaterializeResult(metadata=_counters(report), check_results=[_verdict(report)])

    return push


def _counters(report: "SyncReport") -> dict[str, Any]:
    operations = {f"operation/{name}": count for name, count in sorted(report.by_operation.items())}
    return {**report.counters(), **operations, "seconds": round(report.seconds, 3)}


def _verdict(report: "SyncReport") -> dg.AssetCheckResult:
    """A warning: the rejected rows are kept with Klaviyo's reason, all others are in."""
    return dg.AssetCheckResult(
        check_name=ACCEPTED_CHECK,
        passed=report.rejected == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"rows kept out of Klaviyo: {report.rejected}" if report.rejected else None,
        metadata={
            "rejected": report.rejected,
            "reasons": f"select * from c360_sync.rejections where sync = '{report.sync}'",
        },
    )


def _describe(spec: SyncSpec, description: str) -> str:
    target = {"profiles": "profiles", "list": f"the list “{spec.list_name}”", "events": "events"}[spec.object]
    return f"Keeps Klaviyo's {target} equal to `{spec.schema}.{spec.table}`.\n\n{description}".strip()


def _definition_metadata(spec: SyncSpec) -> dict[str, Any]:
    mapped = [
        dg.TableRecord({"column": column, "Klaviyo": name, "kind": kind})
        for kind, names in (("field", spec.fields), ("property", spec.properties))
        for column, name in names.items()
    ]
    metadata: dict[str, Any] = {"object": spec.object, "model": spec.model}
    if spec.list_name:
        metadata["list"] = spec.list_name
    if mapped:
        metadata["mapping"] = dg.MetadataValue.table(mapped)
    return metadata

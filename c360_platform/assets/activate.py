"""One asset per sync: a model tagged `klaviyo_sync` goes to Klaviyo.

Belongs here: what Dagster adds to a sync: lineage, its group, its verdict, when it goes by itself. Does not
belong here: how rows are compared and sent (`activation`), and schedules (automation.py).
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from pydantic import Field

from c360_platform.activation.spec import SyncSpec
from c360_platform.assets.markdown import verbatim
from c360_platform.assets.transform import model_key
from c360_platform.failures import one_line_failures, retry_policy
from c360_platform.resources import KlaviyoAccess, WarehouseAccess
from c360_platform.settings import Settings

if TYPE_CHECKING:
    from c360_platform.activation.report import SyncReport

PREFIX = "klaviyo"
SPLIT = ("planned", "attempted", "confirmed", "rejected", "pending")  # counters that are split by operation
ACCEPTED_CHECK, RATE_CHECK = "all_accepted", "acceptance_rate"
FUSE_CHECK, READ_BACK_CHECK = "removal_fuse", "read_back"
OWNERS = ["team:marketing"]
# The sync's object decides when it is due; the names are those of the jobs.
SCHEDULE_GROUPS = {"profiles": "profiles", "list": "segments", "events": "shipment_events"}
GROUPS = {"profiles": "klaviyo_profiles", "list": "klaviyo_lists", "events": "klaviyo_events"}
KINDS = {"profiles": "profile", "list": "list", "events": "event"}
# Higher goes first when several pushes wait: a customer waits for a parcel, not for a segment.
PRIORITIES = {"events": "2", "profiles": "1", "list": "0"}
LANES: Mapping[str, Literal["events", "profiles", "lists"]] = {
    "events": "events",
    "profiles": "profiles",
    "list": "lists",
}


class PushConfig(dg.Config):
    """What a person can say to a push in the launchpad."""

    allow_removals: bool = Field(
        default=False,
        description="Let an empty model and departures beyond the fuse pass, without a grace period.",
    )
    retry_rejected: bool = Field(
        default=False,
        description="Try rows again that Klaviyo refused before, although nothing in them has changed.",
    )
    accept_account: bool = Field(
        default=False,
        description="The API key belongs to another account than before, on purpose: send everything anew.",
    )
    accept_lost_state: bool = Field(
        default=False,
        description="The ledger was lost: take the events that Klaviyo has as sent, the rest as history.",
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
                *([model_key(manifest["nodes"][spec.aliases.unique_id])] if spec.aliases else ()),
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
        check_specs=_checks(spec, key),
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
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from c360_platform.activation.delivery import Overrides
        from c360_platform.activation.engine import run_sync
        from c360_platform.activation.errors import SuspiciousPlan

        with one_line_failures(f"push {spec.name}"):
            try:
                report = run_sync(
                    spec,
                    warehouse.open(asset=key.to_user_string(), sync=spec.name, run=context.run_id),
                    klaviyo.open(LANES[spec.object]),
                    run_id=context.run_id,
                    now=datetime.now(UTC),
                    progress=context.log.info,
                    overrides=Overrides(**dict(config)),
                )
            except SuspiciousPlan as suspicion:
                yield dg.AssetCheckResult(
                    check_name=FUSE_CHECK, passed=False, description=" ".join(str(suspicion).split())
                )
                raise
        yield dg.MaterializeResult(metadata=_counters(report), check_results=_verdicts(spec, report))

    return push


def _checks(spec: SyncSpec, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    fuse = dg.AssetCheckSpec(
        FUSE_CHECK,
        asset=key,
        blocking=True,
        description="The model has not become empty, and no more members leave at once than the fuse allows.",
    )
    rate = f"{spec.min_acceptance:.0%}"
    return [
        *([fuse] if spec.object != "events" else []),
        dg.AssetCheckSpec(
            ACCEPTED_CHECK,
            asset=key,
            description="Klaviyo takes every row of the model; why others are kept out is in "
            "c360_sync.rejections.",
        ),
        dg.AssetCheckSpec(
            RATE_CHECK,
            asset=key,
            description=f"Of the rows that were sent, Klaviyo takes {rate} or more.",
        ),
        dg.AssetCheckSpec(
            READ_BACK_CHECK,
            asset=key,
            description="A sample of what was confirmed is in Klaviyo as it was sent.",
        ),
    ]


def _counters(report: "SyncReport") -> dict[str, Any]:
    confirmed = {f"operation/{name}": count for name, count in sorted(report.by_operation.items())}
    names = sorted({name for counts in report.operations.values() for name in counts})
    operations = [
        dg.TableRecord(
            {
                "operation": name,
                **{counter: report.operations.get(counter, {}).get(name, 0) for counter in SPLIT},
            }
        )
        for name in names
    ]
    return {
        **report.counters(),
        **confirmed,
        "seconds": round(report.seconds, 3),
        **({"operations": dg.MetadataValue.table(operations)} if operations else {}),
        **({"drift": "; ".join(report.drift)} if report.drift else {}),
    }


def _verdicts(spec: SyncSpec, report: "SyncReport") -> list[dg.AssetCheckResult]:
    rate, read_back = report.acceptance_rate, report.read_back
    fuse = dg.AssetCheckResult(check_name=FUSE_CHECK, passed=True)
    reasons = [dg.TableRecord({"reason": reason, "rows": rows}) for reason, rows in report.reasons.items()]
    return [
        *([fuse] if spec.object != "events" else []),
        # A warning: the rejected rows are kept with their reason, all others are in.
        dg.AssetCheckResult(
            check_name=ACCEPTED_CHECK,
            passed=report.rejected == 0,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"rows kept out of Klaviyo: {report.rejected}" if report.rejected else None,
            metadata={
                "rejected": report.rejected,
                **({"reasons": dg.MetadataValue.table(reasons)} if reasons else {}),
                "rows": "select * from c360_sync.rejections "
                f"where sync = '{report.sync}' and resolved_at is null",
            },
        ),
        dg.AssetCheckResult(
            check_name=RATE_CHECK,
            passed=rate is None or rate >= spec.min_acceptance,
            metadata={"acceptance_rate": rate} if rate is not None else {},
        ),
        dg.AssetCheckResult(
            check_name=READ_BACK_CHECK,
            passed=read_back is None or read_back.holds,
            description="nothing was read back" if read_back is None else None,
            metadata=asdict(read_back) | {"fields": ", ".join(read_back.fields)} if read_back else {},
        ),
    ]


def _describe(spec: SyncSpec, description: str) -> str:
    named = f"the list “{verbatim(spec.list_name)}”"
    target = {"profiles": "profiles", "list": named, "events": "events"}[spec.object]
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

"""Once a day every list that we fill is compared with what Klaviyo has: the check `in_step` of its push.

Belongs here: the checks and what they show. Does not belong here: the comparison (`activation.reconcile`),
and mending, which a person does with `c360 reconcile --repair`.
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from c360_platform.activation.spec import SyncSpec
from c360_platform.assets.activate import sync_key
from c360_platform.failures import one_line_failures, retry_policy
from c360_platform.resources import KlaviyoAccess, WarehouseAccess
from c360_platform.settings import Settings

if TYPE_CHECKING:
    from c360_platform.activation.reconcile import Reconciliation

IN_STEP_CHECK = "in_step"


def reconcile_checks(
    settings: Settings, specs: Sequence[SyncSpec], *, cron: str, timezone: str
) -> list[dg.AssetChecksDefinition]:
    """One check per list. They read whole lists, so they have a time of their own and go with no push."""
    due = dg.AutomationCondition.cron_tick_passed(cron, timezone)
    return [_check(spec, due, retry_policy(settings)) for spec in specs if spec.object == "list"]


def in_step_checks(specs: Sequence[SyncSpec]) -> dg.AssetSelection:
    """The checks of this module."""
    keys = [dg.AssetCheckKey(sync_key(spec.name), IN_STEP_CHECK) for spec in specs if spec.object == "list"]
    return dg.AssetSelection.checks(*keys)


def _check(
    spec: SyncSpec, due: dg.AutomationCondition[dg.AssetCheckKey], retries: dg.RetryPolicy | None
) -> dg.AssetChecksDefinition:
    key = sync_key(spec.name)

    @dg.asset_check(
        asset=key,
        name=IN_STEP_CHECK,
        description=f"“{spec.list_name}” in Klaviyo has everybody whom the sync put on it and nobody whom it "
        "should have taken off.",
        automation_condition=due,
        pool="klaviyo",
        retry_policy=retries,
    )
    def in_step(
        context: dg.AssetCheckExecutionContext,
        warehouse: dg.ResourceParam[WarehouseAccess],
        klaviyo: dg.ResourceParam[KlaviyoAccess],
    ) -> dg.AssetCheckResult:
        from c360_platform.activation.reconcile import reconcile

        with one_line_failures(f"reconcile {spec.name}"):
            found = reconcile(
                spec,
                warehouse.open(asset=key.to_user_string(), sync=spec.name, run=context.run.run_id),
                klaviyo.open("lists"),
                now=datetime.now(UTC),
                examples=0,
                progress=context.log.info,
            )
        return _verdict(found)

    return in_step


def _verdict(found: "Reconciliation") -> dg.AssetCheckResult:
    """A warning: whatever it found, the next push is right to go."""
    counters = {name: count for name, count in found.counters().items() if name != "repaired"}
    differing = ", ".join(
        f"{name} {counters[name]:,}" for name in ("missing", "deleted", "orphaned") if counters[name]
    )
    return dg.AssetCheckResult(
        check_name=IN_STEP_CHECK,
        passed=found.holds,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{differing}: see `c360 reconcile {found.sync}`" if differing else None,
        metadata=counters,
    )

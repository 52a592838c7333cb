"""What the ledger says, held against Klaviyo: drift is counted, shown masked, and mended by the next run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests

from c360_platform.activation.errors import SyncFailed, SyncHeld
from c360_platform.activation.reconcile import Reconciliation, reconcile, repair
from c360_platform.activation.runs import RunRecord
from c360_platform.assets.activate import ACCEPTED_CHECK, sync_key
from c360_platform.assets.reconcile import IN_STEP_CHECK, in_step_checks, reconcile_checks
from c360_platform.automation import make_push_sensor
from c360_platform.reconcile_report import print_json
from c360_platform.settings import load_settings
from tests.platform.sync.shop import EVENTS, NOW, PROFILES, SEGMENT, Shop, person
from tests.platform.sync.test_sync_lists import emails
from tests.platform.sync.test_sync_mirror import put_on

MIRROR = replace(SEGMENT, removal_grace_hours=24)


def test_drift_is_counted_without_a_write_and_a_repair_lets_the_next_run_mend_it(
    shop: Shop, tmp_path: Path
) -> None:
    list_id = drifted(shop)
    shop.calls()
    said: list[str] = []

    found = reconcile(MIRROR, shop.warehouse, shop.klaviyo, now=later(26), progress=said.append)

    drift = {"missing": 2, "deleted": 1, "orphaned": 1, "foreign": 2}
    assert found.counters() == {"in_step": 15, **drift, "leaving": 1, "waiting": 1, "repaired": 0}
    assert {kind: len(addresses) for kind, addresses in found.examples.items()} == drift
    assert not found.holds
    assert set(shop.calls()) == {"GET /api/lists", "GET /api/lists/{id}/profiles", "GET /api/profiles"}
    assert "person" not in repr(found) + "".join(said)
    assert shop.ledger("select table_name from duckdb_tables() where table_name like 'drift%'") == []
    the_check_in_dagster_warns(shop, tmp_path)

    assert mend(shop).repaired == 2
    run = shop.ledger("select status, message from c360_sync.runs where object = 'reconcile'")
    assert run == [{"status": "succeeded", "message": "2 rows made due again"}]
    report = shop.run(MIRROR, now=later(27))
    assert report.by_operation == {"add": 3, "remove": 2}
    assert shop.members(list_id) == set(emails(1, 2, *range(4, 19), 21, 90, 91))
    found = reconcile(MIRROR, shop.warehouse, shop.klaviyo, now=later(28))
    assert (found.in_step, found.deleted, found.foreign, found.missing + found.orphaned) == (18, 1, 2, 0)

    assert mend(shop, revive=True).repaired == 1
    shop.run(MIRROR, now=later(30))
    assert emails(3)[0] in shop.members(list_id)


def test_a_list_that_is_gone_or_was_never_made_is_told(shop: Shop) -> None:
    shop.segment(emails(1, 2))
    assert reconcile(SEGMENT, shop.warehouse, shop.klaviyo, now=NOW).counters()["waiting"] == 2
    shop.run(SEGMENT)
    shop.api.Lists.delete_list(shop.list_id())

    assert reconcile(SEGMENT, shop.warehouse, shop.klaviyo, now=later(1)).missing == 2
    for _ in range(2):
        shop.klaviyo.create_list(SEGMENT.list_name)
    with pytest.raises(SyncFailed, match="2 lists in Klaviyo are named"):
        reconcile(SEGMENT, shop.warehouse, shop.klaviyo, now=later(1))


def test_profiles_that_klaviyo_lost_are_told_and_events_leave_nothing_to_compare(shop: Shop) -> None:
    shop.profiles([person(number) for number in range(1, 5)])
    shop.run(PROFILES)
    shop.profiles([person(number) for number in (1, 2, 3, 5)])
    erase(shop, emails(1)[0])
    shop.calls()

    found = reconcile(PROFILES, shop.warehouse, shop.klaviyo, now=later(1))

    assert (found.in_step, found.deleted, found.leaving, found.waiting) == (2, 1, 1, 1)
    assert (found.missing, found.orphaned, found.foreign) == (0, 0, 0)
    assert shop.calls() == {"GET /api/profiles": 1}
    with pytest.raises(SyncFailed, match="nothing to reconcile"):
        reconcile(EVENTS, shop.warehouse, shop.klaviyo, now=NOW)


def test_a_repair_waits_for_no_run_and_rows_of_a_run_at_work_are_not_judged(shop: Shop) -> None:
    shop.segment(emails(1, 2))
    shop.run(SEGMENT)
    take_off(shop, shop.list_id(), emails(1))
    found = reconcile(SEGMENT, shop.warehouse, shop.klaviyo, now=NOW - timedelta(minutes=1))
    assert (found.in_step, found.missing) == (2, 0)  # confirmed after the comparison had begun
    RunRecord(shop.warehouse, SEGMENT.name, "other").begin("list", NOW)

    with pytest.raises(SyncHeld, match="run other is at work on it"):
        repair(SEGMENT, shop.warehouse, shop.klaviyo, run_id="repair", now=NOW)


def test_lists_are_compared_once_a_day_and_with_no_push(tmp_path: Path) -> None:
    key = sync_key(SEGMENT.name)
    accepted = dg.AssetCheckSpec(ACCEPTED_CHECK, asset=key)

    @dg.asset(
        key=key, deps=["model"], check_specs=[accepted], automation_condition=dg.AutomationCondition.eager()
    )
    def push() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    definitions = dg.Definitions(
        assets=[dg.AssetSpec("model"), push],
        asset_checks=checks(tmp_path),
        resources={"warehouse": Opened(None), "klaviyo": Opened(None)},
    )
    selection = make_push_sensor(load_settings({}, home=tmp_path), [SEGMENT]).asset_selection
    midnight, cursor, requested = datetime(2026, 6, 1, tzinfo=UTC), None, []
    with dg.instance_for_test() as instance:
        for hours in (0, 1, 6, 7, 8, 31):
            if hours == 1:
                instance.report_runless_asset_event(dg.AssetMaterialization("model"))
            tick = dg.evaluate_automation_conditions(
                *(definitions, instance, selection), midnight + timedelta(hours=hours), cursor=cursor
            )
            cursor = tick.cursor
            subsets = [each.true_subset for each in tick.results if not each.true_subset.is_empty]
            for request in build_run_requests(subsets, definitions.resolve_asset_graph(), {}, False):
                names = sorted(check.name for check in request.asset_check_keys or ())
                requested.append((hours, len(request.asset_selection or ()), names))

    assert requested == [(1, 1, [ACCEPTED_CHECK]), (7, 0, [IN_STEP_CHECK]), (31, 0, [IN_STEP_CHECK])]


def test_the_document_of_the_command_has_counts_and_masked_people(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(
        [Reconciliation("seg_vip", "VIP", in_step=3, missing=1, examples={"missing": ("p…@s….example",)})]
    )
    [sync] = json.loads(capsys.readouterr().out)["syncs"]
    assert (sync["sync"], sync["holds"], sync["missing"]) == ("seg_vip", False, 1)
    assert sync["examples"] == {"missing": ["p…@s….example"]}


def the_check_in_dagster_warns(shop: Shop, home: Path) -> None:
    definitions = dg.Definitions(
        asset_checks=checks(home),
        jobs=[dg.define_asset_job("reconcile", in_step_checks([SEGMENT]))],
        resources={"warehouse": Opened(shop.warehouse), "klaviyo": Opened(shop.klaviyo)},
    )
    with dg.instance_for_test() as instance:
        run = definitions.resolve_job_def("reconcile").execute_in_process(instance=instance)
    [verdict] = run.get_asset_check_evaluations()
    assert (verdict.check_name, verdict.passed) == (IN_STEP_CHECK, False)
    assert verdict.severity == dg.AssetCheckSeverity.WARN
    counts = {name: value.value for name, value in verdict.metadata.items()}
    assert (counts["missing"], counts["orphaned"], counts["foreign"]) == (2, 1, 2)
    assert "person" not in str(verdict.metadata) + str(verdict.description)


def checks(home: Path) -> list[dg.AssetChecksDefinition]:
    made = reconcile_checks(
        load_settings({}, home=home), [PROFILES, SEGMENT, EVENTS], cron="45 6 * * *", timezone="UTC"
    )
    assert [spec.blocking for each in made for spec in each.check_specs] == [False]  # of the list alone
    return made


class Opened:
    """What an asset gets instead of a resource."""

    def __init__(self, opened: object) -> None:
        self.opened = opened

    def open(self, *_: str, **__: str) -> object:
        return self.opened


def drifted(shop: Shop) -> str:
    """A list of 20 that others have changed: 1 and 2 were taken off, 3 was erased, 90 and 91 put on. Of those
    who left the segment, 19 is still to be taken off and 20 is off already; 21 has come and was not sent yet.
    """
    shop.segment(emails(*range(1, 21)))
    shop.run(MIRROR)
    shop.profiles([person(90), person(91)])
    shop.run(PROFILES)
    list_id = shop.list_id()
    put_on(shop, list_id, emails(90, 91))
    shop.segment(emails(*range(1, 19)))
    shop.run(MIRROR)
    take_off(shop, list_id, emails(1, 2, 20))
    erase(shop, emails(3)[0])
    shop.segment(emails(*range(1, 19), 21))
    return list_id


def mend(shop: Shop, *, revive: bool = False) -> Reconciliation:
    return repair(
        MIRROR, shop.warehouse, shop.klaviyo, run_id=f"repair-{revive}", now=later(26), revive=revive
    )


def later(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def take_off(shop: Shop, list_id: str, addresses: Sequence[str]) -> None:
    """Somebody else takes people off a list."""
    shop.klaviyo.remove_from_list(list_id, list(shop.klaviyo.profile_ids(addresses).values()))


def erase(shop: Shop, address: str) -> None:
    """Somebody has Klaviyo delete a profile."""
    profile = {"data": {"type": "profile", "attributes": {"email": address}}}
    shop.api.Data_Privacy.request_profile_deletion(
        {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": profile}}}
    )
    shop.sandbox.settle()
    assert address not in shop.klaviyo_profiles()

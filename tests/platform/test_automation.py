"""When pushes go, and when they must not: conditions, gates, schedules."""

from __future__ import annotations

import json
from dataclasses import replace

import dagster as dg

from c360_platform.assets.activate import ACCEPTED_CHECK, sync_key
from c360_platform.automation import SCHEDULES, make_push_sensor, make_schedules
from c360_platform.settings import Settings
from tests.platform.tiny_shop import TinyShop

PROFILES, EVERYBODY, EVENTS = (
    sync_key(name) for name in ("klaviyo_profiles", "seg_everybody", "events_shipments")
)


class Automation:
    """The condition sensor, ticked by hand."""

    def __init__(self, shop: TinyShop) -> None:
        self.shop = shop
        self.cursor = None

    def pushes(self) -> set[dg.AssetKey]:
        """One tick: what it requests is run. Returns the keys."""
        result = dg.evaluate_automation_conditions(
            self.shop.definitions,
            self.shop.instance,
            asset_selection=dg.AssetSelection.keys(PROFILES, EVERYBODY, EVENTS),
            cursor=self.cursor,
        )
        self.cursor = result.cursor
        requested = {key for key in (PROFILES, EVERYBODY, EVENTS) if result.get_num_requested(key)}
        if requested:
            assert self.shop.run_assets(requested).success
        return requested


def test_a_failing_test_holds_back_the_pushes_of_its_run_and_of_others_until_it_passes(
    tiny_shop: TinyShop,
) -> None:
    """One walk, because every build is a dbt process; one of them is a full refresh, and told from others."""
    automation = Automation(tiny_shop)
    assert tiny_shop.run("loop").success
    assert automation.pushes() == set()  # the loop has pushed already
    writes = tiny_shop.writes()

    tiny_shop.execute("insert into crm.contacts values ('nobody@example.com', null)")
    failed = tiny_shop.run("loop")

    assert not failed.success
    assert not was_full_refresh(tiny_shop)
    [failure] = [event for event in failed.all_node_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data.description == (
        "dbt build: test not_null_klaviyo_profiles_first_name failed for 1 row"
    )
    assert tiny_shop.writes() == writes
    assert automation.pushes() == {EVENTS}  # which have nothing to do with the failure
    assert automation.pushes() == set()

    tiny_shop.execute("update crm.contacts set first_name = 'Nemo' where first_name is null")
    assert tiny_shop.run("full_refresh").success

    assert was_full_refresh(tiny_shop)
    assert automation.pushes() == {PROFILES, EVERYBODY, EVENTS}
    assert tiny_shop.in_klaviyo("kl_profile") == 4

    # A test that reads several models holds back as well.
    tiny_shop.execute("insert into shipments.dhl_events values ('T9', 'stranger@example.com', now())")
    assert not tiny_shop.run("transform").success

    assert not was_full_refresh(tiny_shop)
    assert EVENTS not in automation.pushes()


def was_full_refresh(shop: TinyShop) -> bool:
    """Whether dbt's latest build was told to make incremental models anew."""
    results = json.loads((shop.settings.dbt_home / "target" / "run_results.json").read_text())
    return bool(results["args"].get("full_refresh", False))


def test_a_hole_in_the_raw_data_stops_everything_that_would_be_built_on_it(tiny_shop: TinyShop) -> None:
    tiny_shop.execute("alter table crm.contacts drop column email")

    run = tiny_shop.run("loop")

    evaluations = {(e.asset_key.path[-1], e.passed): e.description for e in run.get_asset_check_evaluations()}
    assert evaluations[("contacts", False)] == (
        "crm.contacts has no column email: add or rename it where the table is loaded"
    )
    assert evaluations[("notes", True)] == "missing, not required"
    assert ("dhl_events", True) in evaluations
    assert not any(event.is_step_start and event.step_key == "dbt_build" for event in run.all_node_events)
    assert tiny_shop.writes() == 0


def test_a_missing_table_counts_only_where_its_source_is_connected(tiny_shop: TinyShop) -> None:
    tiny_shop.execute(
        "create table crm.notes (email text); drop table crm.contacts; drop schema shipments cascade"
    )

    run = tiny_shop.run("loop")

    evaluations = {e.asset_key.path[-1]: (e.passed, e.description) for e in run.get_asset_check_evaluations()}
    assert evaluations["contacts"] == (
        False,
        "crm.contacts is missing: load it, or name another schema in the dbt variable raw_schemas",
    )
    assert evaluations["dhl_events"] == (True, "source not connected")


def test_a_raw_table_is_found_under_the_other_names_that_the_contract_gives_it(tiny_shop: TinyShop) -> None:
    tiny_shop.execute(
        "alter table shipments.dhl_events rename to dhl;"
        "alter table shipments.dhl rename received_at to Loaded_At"
    )

    assert tiny_shop.run("observe_shipments").success

    [record] = tiny_shop.instance.fetch_observations(
        dg.AssetKey(["shipments", "dhl_events"]), limit=1
    ).records
    observation = record.asset_observation
    assert observation is not None
    assert observation.metadata["dagster/row_count"].value == 1
    assert observation.data_version is not None
    assert observation.data_version.startswith("1@20")


def test_events_go_before_profiles_and_lists_and_rows_that_klaviyo_refuses_warn_alone(
    tiny_shop: TinyShop,
) -> None:
    tiny_shop.execute("insert into crm.contacts values ('nine..nine@example.com', 'Nine')")

    run = tiny_shop.run("loop")

    assert run.success
    verdicts = {e.asset_key: e for e in run.get_asset_check_evaluations() if e.check_name == ACCEPTED_CHECK}
    assert (verdicts[PROFILES].passed, verdicts[PROFILES].severity) == (False, dg.AssetCheckSeverity.WARN)
    assert verdicts[PROFILES].description == "rows kept out of Klaviyo: 1"
    assert verdicts[EVENTS].passed
    [push] = run.asset_materializations_for_node("klaviyo__klaviyo_profiles")
    counters = {name: push.metadata[name].value for name in ("planned", "confirmed", "rejected", "pending")}
    assert counters == {"planned": 4, "confirmed": 3, "rejected": 1, "pending": 0}
    steps = [event.step_key for event in run.all_events if event.is_step_start]
    assert steps.index("klaviyo__klaviyo_profiles") < steps.index("klaviyo__seg_everybody")
    assert steps.index("klaviyo__events_shipments") < steps.index("klaviyo__klaviyo_profiles")


def test_schedules_are_those_that_were_promised(tiny_shop: TinyShop) -> None:
    jobs = list(tiny_shop.definitions.jobs or [])
    crons = {
        schedule.job_name: schedule.cron_schedule
        for schedule in make_schedules(tiny_shop.settings, jobs, timezone="Europe/Berlin")
    }

    assert crons == SCHEDULES
    assert crons["profiles"].endswith("*/6 * * *")
    assert crons["segments"].endswith("*/12 * * *")
    assert crons["shipment_events"].endswith("* * * *")


def test_nothing_starts_by_itself_on_a_laptop_that_points_at_a_real_account(home: Settings) -> None:
    def status(settings: Settings) -> dg.DefaultSensorStatus | None:
        return make_push_sensor(settings, []).default_status

    real = replace(home, klaviyo_base_url="https://a.klaviyo.com")
    assert status(home) is dg.DefaultSensorStatus.RUNNING
    assert status(real) is dg.DefaultSensorStatus.STOPPED
    assert status(replace(real, environment="production")) is dg.DefaultSensorStatus.RUNNING

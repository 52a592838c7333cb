"""The sensor on new shipment data, on a real instance with real runs: one case per test."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from c360_platform import shipments_sensor
from c360_platform.assets.raw import raw_tables
from c360_platform.automation import OBSERVE_SHIPMENTS, SHIPMENT_EVENTS, shipment_tables
from c360_platform.dbt_manifest import read_manifest
from c360_platform.shipments_sensor import NAME, make_shipments_sensor
from tests.platform.tiny_shop import TinyShop

LOOK, EVENTS = [OBSERVE_SHIPMENTS], [SHIPMENT_EVENTS]
FEED = dg.AssetKey(["shipments", "dhl_events"])


def test_new_shipment_data_reaches_klaviyo_in_two_ticks_and_our_own_writes_start_nothing(
    tiny_shop: TinyShop,
) -> None:
    everything = {OBSERVE_SHIPMENTS, SHIPMENT_EVENTS}
    assert tiny_shop.run("loop").success
    assert tiny_shop.in_klaviyo("kl_event") == 1
    assert tiny_shop.tick(run=everything) == LOOK  # the loop wrote

    tiny_shop.arrives("T2")

    assert tiny_shop.tick(run=everything) == LOOK
    assert tiny_shop.tick(run=everything) == EVENTS
    assert tiny_shop.in_klaviyo("kl_event") == 2
    assert tiny_shop.tick(run=everything) == LOOK  # the push wrote
    assert tiny_shop.tick(run=everything) == []


def test_the_first_look_learns_what_is_there_and_starts_no_push(tiny_shop: TinyShop) -> None:
    assert [tiny_shop.tick() for _ in range(3)] == [LOOK, [], []]


def test_rows_that_came_before_the_first_tick_but_after_the_last_build_are_news(tiny_shop: TinyShop) -> None:
    tiny_shop.run(OBSERVE_SHIPMENTS)  # as every build does
    tiny_shop.arrives("T2")

    assert [tiny_shop.tick() for _ in range(3)] == [LOOK, EVENTS, []]


def test_a_write_elsewhere_costs_one_look_and_no_push(tiny_shop: TinyShop) -> None:
    tiny_shop.tick()
    tiny_shop.execute("insert into crm.contacts values ('dan@example.com', 'Dan')")

    assert [tiny_shop.tick() for _ in range(3)] == [LOOK, [], []]


def test_rows_that_went_and_came_back_are_news_each_time(tiny_shop: TinyShop) -> None:
    tiny_shop.tick()
    tiny_shop.execute("create table kept as from shipments.dhl_events; delete from shipments.dhl_events")
    gone = [tiny_shop.tick() for _ in range(3)]
    tiny_shop.execute("insert into shipments.dhl_events from kept")
    back = [tiny_shop.tick() for _ in range(3)]
    tiny_shop.execute("delete from shipments.dhl_events")
    gone_again = [tiny_shop.tick() for _ in range(3)]

    assert gone == back == gone_again == [LOOK, EVENTS, []]


def test_a_report_of_an_outside_loader_starts_the_push_at_once(tiny_shop: TinyShop) -> None:
    tiny_shop.tick()
    tiny_shop.instance.report_runless_asset_event(dg.AssetMaterialization(FEED))

    assert [tiny_shop.tick() for _ in range(2)] == [EVENTS, []]


def test_a_file_that_is_being_written_is_not_looked_at_before_it_rests(
    tiny_shop: TinyShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipments_sensor, "REST_SECONDS", 3.0)
    assert tiny_shop.tick() == []

    a_while_ago = (datetime.now(UTC) - timedelta(seconds=10)).timestamp()
    for file in tiny_shop.settings.warehouse_path.parent.glob("tiny.duckdb*"):
        os.utime(file, (a_while_ago, a_while_ago))

    assert tiny_shop.tick() == LOOK


def test_a_look_waits_for_a_run_at_work_but_not_for_one_that_died_long_ago(
    tiny_shop: TinyShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_shop.instance.create_run_for_job(
        tiny_shop.definitions.resolve_job_def("loop"), status=dg.DagsterRunStatus.STARTED
    )
    assert tiny_shop.tick() == []

    monkeypatch.setattr(shipments_sensor, "LONGEST_RUN", timedelta(0))
    assert tiny_shop.tick() == LOOK


def test_the_sensor_never_opens_the_warehouse(tiny_shop: TinyShop) -> None:
    tiny_shop.tick()
    tiny_shop.arrives("T2")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print('held', flush=True); input()",
            str(tiny_shop.settings.warehouse_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert tiny_shop.tick(run=()) == LOOK
    finally:
        holder.communicate(b"\n")


@dataclass
class Changing:
    """A warehouse that can tell when a table changed, and nothing else."""

    changed_at: datetime
    engine: str = "bigquery"

    def open(self) -> Changing:
        return self

    def relation(self, schema: str, table: str) -> str:
        return f"{schema}.{table}"

    def last_changed_at(self, table: str) -> datetime | None:
        return self.changed_at if table == "shipments.dhl" else None


def test_on_bigquery_a_look_follows_the_tables_own_time_of_change(tiny_shop: TinyShop) -> None:
    warehouse = Changing(datetime(2026, 6, 30, 12, tzinfo=UTC))
    sensor = make_shipments_sensor(
        replace(tiny_shop.settings, engine="bigquery"),
        shipment_tables(raw_tables(read_manifest(tiny_shop.settings))),
        [tiny_shop.definitions.resolve_job_def(name) for name in (OBSERVE_SHIPMENTS, SHIPMENT_EVENTS)],
    )

    def tick(cursor: str | None) -> Any:
        with dg.build_sensor_context(
            instance=tiny_shop.instance, cursor=cursor, resources={"warehouse": warehouse}
        ) as context:
            return sensor.evaluate_tick(context)

    first = tick(None)
    unchanged = tick(first.cursor)
    warehouse.changed_at += timedelta(minutes=1)
    changed = tick(unchanged.cursor)

    assert [len(data.run_requests or []) for data in (first, unchanged, changed)] == [1, 0, 1]
    assert sensor.name == NAME

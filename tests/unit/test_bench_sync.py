"""How syncs are measured: every side does the same job, processes say what they cost, goals are judged."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from c360_platform.bench import sync_data, sync_floor
from c360_platform.bench.processes import BenchError
from c360_platform.bench.sandbox_speed import serving
from c360_platform.bench.sync_goals import Figure
from c360_platform.bench.sync_side import result, run, start
from c360_platform.sandbox.server import Sandbox, running_sandbox

COLUMNS = "email, first_name, last_name, location, properties"


def profiles_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    """What Klaviyo has of everybody, without values that are null."""
    sandbox.settle()
    rows = sandbox.store.rows(f"select {COLUMNS} from kl_profile order by email")
    return [
        {
            **dict(row),
            "location": json.loads(row["location"]),
            "properties": {
                name: value for name, value in json.loads(row["properties"]).items() if value is not None
            },
        }
        for row in rows
    ]


def test_all_sides_bring_the_same_profiles_in_the_same_size(tmp_path: Path) -> None:
    fresh = tmp_path / "profiles.duckdb"
    sync_data.fill_profiles(fresh, 60)
    found, sizes = {}, {}
    for side in ("sync_ours.profiles", "sync_floor.profiles", "sync_floor.one_by_one"):
        shutil.copyfile(fresh, tmp_path / "warehouse.duckdb")
        with running_sandbox(tmp_path / f"{side}.sqlite", limits=False) as sandbox:
            spent = run(side, sandbox.url, tmp_path / "warehouse.duckdb")
            found[side] = profiles_of(sandbox)
        sizes[side] = spent.sent.largest
        assert spent.sent.rows == len(found[side]) == 60
        assert spent.cpu > 0
    ours, floor, peer = found.values()
    assert ours == floor
    # the peer writes times as Python does; everything else is the same
    assert [{**row, "properties": len(row["properties"])} for row in peer] == [
        {**row, "properties": len(row["properties"])} for row in ours
    ]
    assert sizes["sync_ours.profiles"] == pytest.approx(60 * 588, rel=0.05)
    assert sizes["sync_floor.profiles"] == pytest.approx(60 * 588, rel=0.05)


def test_both_sides_send_exactly_the_changed_rows(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    sync_data.fill_profiles(warehouse, 2_000)
    with running_sandbox(tmp_path / "sandbox.sqlite", limits=False, benchmark=True) as sandbox:
        run("sync_ours.profiles", sandbox.url, warehouse)
        sync_floor.snapshot(warehouse)
        changed = sync_data.change_profiles(warehouse, 2_000)
        sandbox.benchmark.reset()
        for side in ("sync_ours.profiles", "sync_floor.changes"):
            assert run(side, sandbox.url, warehouse).sent.rows == changed == 22
            assert sandbox.benchmark.counts()["profiles"] == 22
            sandbox.benchmark.reset()
            assert run(side, sandbox.url, warehouse).sent.requests == 0  # it has kept what was sent


def test_both_sides_bring_the_same_events_and_read_them_back(tmp_path: Path) -> None:
    found = []
    for side in ("sync_ours.events_read_back", "sync_floor.events_read_back"):
        warehouse = tmp_path / f"{side}.duckdb"
        sync_data.fill_events(warehouse, 30, datetime(2026, 11, 1, tzinfo=UTC))
        with running_sandbox(tmp_path / f"{side}.sqlite", limits=False) as sandbox:
            assert run(side, sandbox.url, warehouse).sent.rows == 30
            rows = sandbox.store.rows(
                "select e.unique_id, e.occurred_at, e.properties, e.backfill, p.email from kl_event as e "
                "join kl_profile as p on p.id = e.profile_id order by e.unique_id"
            )
            found.append([{**dict(row), "properties": json.loads(row["properties"])} for row in rows])
    ours, floor = found
    assert len(ours) == 30
    assert ours == floor


def test_a_side_in_a_process_of_its_own_says_what_it_cost_and_sent(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    sync_data.fill_profiles(warehouse, 50)
    with serving("sandbox", tmp_path) as sandbox:
        spent = result(start("sync_floor.profiles", sandbox, warehouse), rows=50)
        assert (spent.sent.bodies, spent.sent.requests) == (1, 1)
        assert spent.peak > 50e6
        assert 0 < spent.cpu < spent.wall * 4
        with pytest.raises(BenchError, match="no_such_side"):
            result(start("sync_floor.no_such_side", sandbox, warehouse), rows=50)


def test_a_figure_says_whether_its_goal_is_met() -> None:
    assert str(Figure("a ÷ b", 1.5, "6 s ÷ 4 s", most=1.5)) == "a ÷ b = 1.50  goal ≤ 1.5: ok  (6 s ÷ 4 s)"
    assert Figure("a ÷ b", 1.51, "", most=1.5).verdict == "short"
    assert Figure("b ÷ a", 34.0, "", least=35).verdict == "short"
    assert str(Figure("memory", 612.4, "peak", most=600, unit="MB")) == (
        "memory = 612 MB  goal ≤ 600: short  (peak)"
    )
    assert str(Figure("a ÷ b", 3.0, "no goal")) == "a ÷ b = 3.00  (no goal)"

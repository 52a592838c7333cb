"""The whole loop, twice, on DuckDB and on BigQuery over the wire: same shop, same marts, same Klaviyo.

Both homes are run by Dagster as `c360 run` does it, with dbt's tests: ingest, build, check, push. The second
run sends whom the first one withheld and its events made known to Klaviyo, the third finds nothing new.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from c360_platform.definitions import build
from c360_platform.settings import load_settings
from tests.warehouse.emulator.process import PROJECT, Emulator
from tests.warehouse.marts_home import AS_OF
from tests.warehouse.wire.conftest import staging_settings
from tests.warehouse.wire.homes import Home, differences, open_homes, run_both
from tests.warehouse.wire.statements import refused

CUSTOMERS = int(os.environ.get("WIRE_CUSTOMERS", "5000"))
LAYERS = ("identity", "intermediate", "marts")
COUNTERS = ("planned", "sent", "confirmed", "rejected", "unchanged", "pending", "withheld", "leaving")
# When Klaviyo changed a profile last: each home's was written to at a moment of its own.
WRITTEN_BY_CLOCK = {"identity_records": {"updated_at"}}


@dataclass(frozen=True)
class Loops:
    """Both homes after three loops; everything by engine: local first, staging second.

    `first_state` is the ledger after the first loop; `before` and `klaviyo_before` are what the third found.
    """

    homes: tuple[Home, Home]
    first: list[dict[str, Any]]
    second: list[dict[str, Any]]
    third: list[dict[str, Any]]
    before: dict[str, list[dict[str, Any]]]
    klaviyo_before: list[dict[str, set[Any]]]
    first_state: list[list[dict[str, Any]]]
    writes: list[list[dict[str, int]]]


@pytest.fixture(scope="module")
def loops(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loops]:
    directory = tmp_path_factory.mktemp("homes")
    local = replace(load_settings({}, home=directory / "local"), as_of=AS_OF)
    staging = staging_settings(emulator, directory / "staging", prefix="wire_")
    _make_worlds(local, staging, emulator)
    with open_homes(local, staging, emulator.environment) as homes:
        first = run_both(homes, "loop")
        writes = [[home.writes() for home in homes]]
        first_state = [_state(home) for home in homes]
        second = run_both(homes, "loop")
        writes.append([home.writes() for home in homes])
        before = {
            f"{schema}.{table}": homes[1].rows(schema, table)
            for schema in ("marts", "snapshots")
            for table in homes[1].tables(schema)
        }
        klaviyo = [home.klaviyo() for home in homes]
        third = run_both(homes, "loop")
        writes.append([home.writes() for home in homes])
        yield Loops(homes, first, second, third, before, klaviyo, first_state, writes)


def _make_worlds(local: Any, staging: Any, emulator: Emulator) -> None:
    for settings, variables in ((local, {}), (staging, emulator.environment)):
        home = Home(settings, None, variables)  # type: ignore[arg-type]
        made = home.start(
            "-c", "from c360_platform.cli import main; main()",
            "world", "--customers", str(CUSTOMERS), "--seed", "7",
        )  # fmt: skip
        output, _ = made.communicate(timeout=300)
        assert made.returncode == 0, output


def _state(home: Home) -> list[dict[str, Any]]:
    columns = ("sync", "key", "digest", "filled", "is_ours")
    return home.rows("c360_sync", "state", columns)


def _counters(outcome: dict[str, Any]) -> dict[str, dict[str, int]]:
    """By sync, the counters of its push."""
    return {sync: {name: push[name] for name in COUNTERS} for sync, push in outcome["pushes"].items()}


@pytest.mark.parametrize("layer", LAYERS)
def test_every_table_holds_the_same_rows(loops: Loops, layer: str) -> None:
    local, staging = loops.homes
    tables = local.tables(layer)
    assert tables == staging.tables(layer) != []

    differing = {}
    for table in tables:
        apart = WRITTEN_BY_CLOCK.get(table, set())
        ours, theirs = (
            [{k: v for k, v in row.items() if k not in apart} for row in home.rows(layer, table)]
            for home in (local, staging)
        )
        if found := differences(ours, theirs):
            differing[table] = found
    assert differing == {}
    assert sum(loops.third[0]["rows"][f"{layer}/{table}"] for table in tables) > CUSTOMERS


def test_the_plans_and_the_ledgers_are_identical(loops: Loops) -> None:
    for outcomes in (loops.first, loops.second, loops.third):
        local, staging = (_counters(outcome) for outcome in outcomes)
        assert local == staging
    first, second = _counters(loops.first[0]), _counters(loops.second[0])
    assert sum(push["confirmed"] for push in first.values()) > CUSTOMERS
    assert sum(push["withheld"] for push in first.values()) > 0
    assert {sync: push["confirmed"] + push["withheld"] for sync, push in second.items()} == {
        sync: push["withheld"] for sync, push in first.items()
    }
    assert differences(*loops.first_state) == []
    assert len(loops.first_state[0]) > CUSTOMERS


def test_klaviyo_holds_the_same(loops: Loops) -> None:
    local, staging = loops.klaviyo_before

    for what in ("profiles", "members", "events"):
        assert len(local[what]) > 0
        assert len(local[what] ^ staging[what]) == 0, what
    for local_writes, staging_writes in loops.writes[:2]:
        assert local_writes == staging_writes != {}


def test_a_run_without_news_writes_nothing_and_changes_nothing(loops: Loops) -> None:
    assert loops.writes[2] == [{}, {}]
    assert [home.klaviyo() for home in loops.homes] == loops.klaviyo_before
    staging = loops.homes[1]
    changed = {
        table: found
        for table, before in loops.before.items()
        if (found := differences(before, staging.rows(*table.split("."))))
    }
    assert changed == {}
    assert any(table.startswith("snapshots.") for table in loops.before)


def test_assets_and_row_counts_are_the_same_in_both_environments(loops: Loops) -> None:
    local, staging = (
        {key.to_user_string() for key in build(home.settings).resolve_asset_graph().get_all_asset_keys()}
        for home in loops.homes
    )
    assert local == staging
    assert loops.third[0]["rows"] == loops.third[1]["rows"]
    assert loops.third[1]["rows"].keys() >= {"marts/dim_customers", "zendesk/tickets", "klaviyo/profiles"}


def test_googles_analyser_accepts_every_statement_that_was_sent(loops: Loops, emulator: Emulator) -> None:
    jobs = emulator.jobs()

    assert refused(jobs, PROJECT) == {}
    assert {"dbt", "dlt"} <= {word for job in jobs for word in ("dbt", "dlt") if word in (job["sql"] or "")}


def test_every_job_says_whose_it_is_and_what_it_may_cost(loops: Loops, emulator: Emulator) -> None:
    for job in emulator.jobs():
        # dbt loads seeds without labels and has no setting for them.
        assert job["labels"] or (job["table"] or "").startswith("wire_seeds."), job
        assert job["kind"] != "query" or job["maximum_bytes_billed"], job

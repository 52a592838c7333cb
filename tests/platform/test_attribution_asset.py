"""Data-driven attribution as an asset: between two builds, and writing what the models after it read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from c360_platform.assets.attribution import attribution_assets, channel_bars
from c360_platform.assets.raw import raw_key, raw_tables
from c360_platform.attribution import ChannelEffect
from c360_platform.dbt_manifest import read_manifest
from c360_platform.definitions import build
from c360_platform.resources import WarehouseAccess
from c360_platform.settings import Settings, load_settings

CREDITS, EFFECTS = raw_key("attribution", "channel_set_credits"), raw_key("attribution", "channel_effects")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings({}, home=tmp_path_factory.mktemp("attribution"))


@pytest.fixture
def attribution(settings: Settings) -> dg.AssetsDefinition:
    manifest = read_manifest(settings)
    [asset] = attribution_assets(settings, manifest, raw_tables(manifest))
    return asset


def test_it_lies_between_two_builds_and_dagster_cuts_none(settings: Settings) -> None:
    definitions = build(settings)
    graph = definitions.resolve_asset_graph()
    after = dg.AssetKey(["marts", "marketing_attribution"])

    assert set(definitions.resolve_job_def("transform").graph.node_dict) == {
        *("raw_tables", "dbt_build", "data_driven_attribution", "dbt_build_computed")
    }
    assert graph.get(CREDITS).parent_keys == {
        dg.AssetKey(["intermediate", f"int_conversion__{name}"]) for name in ("paths", "transitions")
    }
    assert {CREDITS, EFFECTS} <= dg.AssetSelection.assets(after).upstream().resolve(graph)
    assert graph.assets_def_for_key(after).op.name == "dbt_build_computed"
    assert graph.assets_def_for_key(dg.AssetKey(["marts", "dim_customers"])).op.name == "dbt_build"


def test_a_run_replaces_what_the_last_one_wrote_even_a_killed_one(
    settings: Settings, attribution: dg.AssetsDefinition
) -> None:
    warehouse = settings.warehouse_path
    fill(warehouse, paths=[("email + search", 3), ("search", 1)])
    run(settings, attribution)
    assert rows(warehouse, "channel_set_credits") == [
        ("email + search", "email"),
        ("email + search", "search"),
        ("search", "search"),
    ]

    fill(warehouse, paths=[("search", 1)])
    with duckdb.connect(str(warehouse)) as connection:  # as a run leaves it that is killed while it writes
        connection.execute("create table attribution.channel_set_credits_new as select 'x' as channels")
    result = run(settings, attribution)

    assert rows(warehouse, "channel_set_credits") == [("search", "search")]
    [made] = result.asset_materializations_for_node("data_driven_attribution")[1:]
    assert made.metadata["orders_with_a_known_path"].value == 1
    with duckdb.connect(str(warehouse)) as connection:
        left = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'attribution'"
        ).fetchall()
    assert sorted(left) == [("channel_effects",), ("channel_set_credits",)]


def test_a_shop_without_paths_has_no_credits_and_no_error(
    settings: Settings, attribution: dg.AssetsDefinition
) -> None:
    fill(settings.warehouse_path, paths=[])
    run(settings, attribution)
    assert rows(settings.warehouse_path, "channel_set_credits") == []


def test_bars_show_the_best_channel_first() -> None:
    bars = channel_bars(
        [ChannelEffect("a_b", 0.1, 0.25, 1, 2), ChannelEffect("c", 0.3, 0.75, 3, 2)]
    ).splitlines()
    assert bars[2] == f"| c | 3.0 | {'█' * 24} | 2.0 |"
    assert bars[3] == f"| a\\_b | 1.0 | {'█' * 8} | 2.0 |"


def fill(warehouse: Path, *, paths: list[tuple[str, int]]) -> None:
    """The two models that the asset reads; every path touches its channels one after the other."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema if not exists intermediate")
        connection.execute(
            "create or replace table intermediate.int_conversion__paths "
            "(channels varchar, conversions bigint, is_converting bool)"
        )
        connection.execute(
            "create or replace table intermediate.int_conversion__transitions "
            "(from_state varchar, to_state varchar, transitions bigint)"
        )
        for channels, orders in paths:
            connection.execute(
                "insert into intermediate.int_conversion__paths values (?, ?, true)", [channels, orders]
            )
            states = ["(start)", *channels.split(" + "), "(order)"]
            for step in pairwise(states):
                connection.execute(
                    "insert into intermediate.int_conversion__transitions values (?, ?, ?)", [*step, orders]
                )


def rows(warehouse: Path, table: str) -> list[tuple[str, str]]:
    with duckdb.connect(str(warehouse)) as connection:
        return connection.execute(
            f"select channels, channel from attribution.{table} order by all"
        ).fetchall()


def run(settings: Settings, attribution: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    result = dg.materialize([attribution], resources={"warehouse": WarehouseAccess(settings)})
    assert result.success
    return result

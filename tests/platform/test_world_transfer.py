"""The synthetic shop in another warehouse: complete or not there, and never in somebody's own tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from c360_platform.sandbox.world import WorldError, is_transferred, make_world, transfer_world
from c360_platform.warehouse import Warehouse, open_warehouse

TABLES = (("shopify", "order"), ("ga4", "events"), ("stripe", "refund"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("world"), seed=1)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Warehouse]:
    warehouse = open_warehouse(warehouse_path=tmp_path / "target.duckdb")
    with warehouse.session():  # a transfer opens the file a hundred times, which is no part of these tests
        yield warehouse


def made(directory: Path, *, seed: int) -> Path:
    path = directory / "warehouse.duckdb"
    make_world(path, directory / "sandbox.sqlite", customers=30, seed=seed, as_of=date(2026, 6, 30))
    return path


def rows(warehouse: Warehouse, schema: str, table: str) -> list[dict[str, object]]:
    return warehouse.table(f"select * from {warehouse.relation(schema, table)} order by all").to_pylist()


def test_every_raw_table_arrives_as_it_is_and_again_changes_nothing(world: Path, target: Warehouse) -> None:
    source = open_warehouse(warehouse_path=world)
    for _ in range(2):
        transfer_world(world, target)
        assert is_transferred(world, target)
        for schema, table in TABLES:
            assert rows(target, schema, table) == rows(source, schema, table)
            assert target.columns(schema, table) == source.columns(schema, table)


def test_another_world_needs_leave_and_takes_away_what_followed_the_first(
    world: Path, target: Warehouse, tmp_path: Path
) -> None:
    transfer_world(world, target)
    ledger = target.own_schema("c360_sync")
    target.create_schema(ledger)
    target.append(target.relation(ledger, "runs"), pa.table({"run_id": ["first"]}))
    other = made(tmp_path / "other", seed=2)

    with pytest.raises(WorldError, match="another world"):
        transfer_world(other, target)
    assert is_transferred(world, target)

    transfer_world(other, target, replace=True)
    assert is_transferred(other, target)
    assert not target.exists(target.relation(ledger, "runs"))


def test_tables_of_somebody_else_are_never_replaced(world: Path, target: Warehouse) -> None:
    target.create_schema("shopify")
    target.append(target.relation("shopify", "order"), pa.table({"id": [1]}))

    with pytest.raises(WorldError, match=r"shopify\.order.*project of its own"):
        transfer_world(world, target, replace=True)
    assert rows(target, "shopify", "order") == [{"id": 1}]


def test_a_transfer_that_was_cut_short_does_not_count_and_goes_on(
    world: Path, target: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(target), "append", killed_at("ga4", type(target).append))
        with pytest.raises(KeyboardInterrupt):
            transfer_world(world, target)
    assert not is_transferred(world, target)

    transfer_world(world, target)
    assert is_transferred(world, target)


def killed_at(schema: str, append: Callable[..., None]) -> Callable[..., None]:
    def killing(self: Warehouse, table: str, rows: pa.Table) -> None:
        if schema in table:
            raise KeyboardInterrupt(table)
        append(self, table, rows)

    return killing

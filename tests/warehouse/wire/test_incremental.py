"""Models that grow by their last days, over the wire: row by row what DuckDB makes of the same feeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from c360_platform.resources import WarehouseAccess
from c360_platform.settings import Settings
from tests.warehouse.dbt_process import DbtProcess
from tests.warehouse.emulator.process import Emulator
from tests.warehouse.test_incremental_models import BASES, FIRST, MODELS, RAW, READERS, Shop, at
from tests.warehouse.wire.conftest import staging_settings
from tests.warehouse.wire.homes import differences, plain


@dataclass
class TwoShops(Shop):
    """The raw tables are changed in DuckDB and copied to BigQuery before every build; both are built."""

    bigquery: DbtProcess
    settings: Settings

    def build(self, as_of: date, *, full_refresh: bool = False) -> None:
        super().build(as_of, full_refresh=full_refresh)
        self._copy_raw_tables()
        options = ("--full-refresh",) if full_refresh else ()
        self.bigquery.build(*options, "--select", *MODELS, variables={"as_of": as_of.isoformat()})

    def _copy_raw_tables(self) -> None:
        warehouse = WarehouseAccess(self.settings).open(asset="raw")
        with duckdb.connect(str(self.dbt.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            tables = connection.execute(
                "select table_schema, table_name from information_schema.tables "
                "where table_schema in ('klaviyo', 'ga4', 'shipments')"
            ).fetchall()
            for schema, table in tables:
                warehouse.create_schema(schema)
                relation = warehouse.relation(schema, table)
                warehouse.execute(f"drop table if exists {relation}")
                rows = connection.execute(f"select * from {schema}.{table}").to_arrow_table()
                warehouse.append(relation, rows)

    def assert_engines_agree(self) -> None:
        warehouse = WarehouseAccess(self.settings).open(asset="look")
        differing = {}
        for model in (*BASES, *READERS):
            relation = warehouse.relation(warehouse.own_schema("staging"), model)
            theirs = plain(warehouse.table(f"select * from {relation}").to_pylist())
            with duckdb.connect(str(self.dbt.warehouse)) as connection:
                connection.execute("set TimeZone = 'UTC'")
                ours = plain(
                    connection.execute(f"select * from staging.{model}").to_arrow_table().to_pylist()
                )
            if found := differences(ours, theirs):
                differing[model] = found
        assert differing == {}


@pytest.fixture
def shops(emulator: Emulator, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TwoShops]:
    # Asked for here, so that it does not start where the emulator is missing and the test is skipped.
    dbt_process: DbtProcess = request.getfixturevalue("dbt_process")
    settings = staging_settings(emulator, tmp_path / "home")
    target = tmp_path / "dbt"
    target.mkdir()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (settings.variables() | {"C360_DBT_TARGET": "bigquery"}).items():
            environment.setenv(name, value)
        bigquery = DbtProcess(tmp_path / "unused.duckdb", target).__enter__()
    try:
        dbt_process.warehouse.unlink(missing_ok=True)
        yield TwoShops(dbt_process, bigquery, settings)
    finally:
        bigquery.__exit__(None, None, None)


def test_feeds_that_grow_change_and_shrink_give_the_same_rows_on_both_engines(shops: TwoShops) -> None:
    for statement in RAW:
        shops.sql(statement)
    shops.sql("insert into klaviyo.metrics values ('opened', 'Opened Email', '2025-01-01 00:00:00Z')")
    for days in range(20, -1, -4):
        shops.a_day(FIRST - timedelta(days=days))
    shops.build(FIRST)
    shops.assert_engines_agree()

    day = FIRST + timedelta(days=1)
    shops.a_day(day)
    shops.mailed("late mail", day - timedelta(days=8))
    shops.mailed("much too late", day - timedelta(days=300))
    shops.visited("777", at(day - timedelta(days=3)), source="newsletter")
    shops.dpd(f"dpd {FIRST}", FIRST, "DeliveryFailure", late=5)
    shops.build(day)
    shops.assert_engines_agree()
    assert _mails(shops) >= {"late mail"}
    assert "much too late" not in _mails(shops)

    # Rows go, and a raw table has got a column that no model knows.
    shops.sql("delete from klaviyo.events where id = 'late mail'")
    shops.sql("delete from ga4.events where event_params like '%777%'")
    shops.sql("alter table klaviyo.events add column new_in_klaviyo varchar")
    shops.build(day)
    shops.assert_engines_agree()
    assert "late mail" not in _mails(shops)

    shops.build(day, full_refresh=True)
    shops.assert_engines_agree()
    assert "much too late" in _mails(shops)


def _mails(shops: TwoShops) -> set[Any]:
    return {row[0] for row in shops.sql("select event_id from staging.stg_klaviyo__events")}

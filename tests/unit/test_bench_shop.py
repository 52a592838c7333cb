"""The large shop that models are measured with is a shop as the sources declare it."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
import yaml

from c360_platform.bench.shop_data import EVENTS_EACH, ORDERS_EACH, fill_shop
from c360_platform.settings import PROJECT_ROOT

CUSTOMERS = 400
AS_OF = date(2026, 6, 30)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    path = tmp_path_factory.mktemp("shop") / "warehouse.duckdb"
    fill_shop(path, CUSTOMERS, AS_OF)
    return duckdb.connect(path)


def _declared() -> dict[tuple[str, str], set[str]]:
    """Columns of every raw table that the models read."""
    files = (PROJECT_ROOT / "dbt_project" / "models" / "staging").rglob("*__sources.yml")
    sources = [source for file in files for source in yaml.safe_load(file.read_text())["sources"]]
    return {
        (source["name"], table["name"]): {column["name"] for column in table["columns"]}
        for source in sources
        for table in source["tables"]
    }


def test_every_table_has_columns_that_the_models_read(shop: duckdb.DuckDBPyConnection) -> None:
    declared = _declared()
    made = shop.execute(
        "select table_schema, table_name, list(column_name) from information_schema.columns group by all"
    ).fetchall()
    assert len(made) > 20
    for schema, table, columns in made:
        assert set(columns) <= declared[schema, table], f"{schema}.{table}"


def test_there_are_as_many_orders_and_events_as_said(shop: duckdb.DuckDBPyConnection) -> None:
    def rows(*tables: str) -> int:
        counts = " + ".join(f"(select count(*) from {table})" for table in tables)
        [(total,)] = shop.execute(f"select {counts}").fetchall()
        return int(total)

    assert rows('shopify."order"', "webshop.orders", "amazon.orders") == CUSTOMERS * ORDERS_EACH
    events = rows("klaviyo.events", "ga4.events", "shipments.dhl_events", "shipments.dpd_scans")
    assert events == CUSTOMERS * EVENTS_EACH


def test_what_is_paid_is_what_the_lines_cost(shop: duckdb.DuckDBPyConnection) -> None:
    [(different,)] = shop.execute(
        """
        select count(*) from (
            select order_id, sum(quantity * unit_price) as cents from webshop.order_items group by order_id
        ) as lines
        full join (
            select order_id, sum(amount) as cents from webshop.payments where amount > 0 group by order_id
        ) as payments using (order_id)
        where lines.cents is distinct from payments.cents
        """
    ).fetchall()
    assert different == 0

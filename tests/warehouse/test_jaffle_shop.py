"""The jaffle shop, loaded as the web shop, comes out as its authors say, customer by customer."""

from __future__ import annotations

import csv
import os
from decimal import Decimal
from pathlib import Path

import pytest

from tests.warehouse.dbt_home import DbtHome
from tests.warehouse.dbt_process import DbtProcess


@pytest.fixture(scope="module")
def jaffle_shop() -> Path:
    root = os.environ.get("C360_REFERENCE_DATA")
    if not root:
        pytest.skip("C360_REFERENCE_DATA is not set")
    return Path(root) / "jaffle_shop_classic"


@pytest.fixture(scope="module")
def home(jaffle_shop: Path, empty_home: DbtHome, dbt_process: DbtProcess) -> DbtHome:
    empty_home.load(
        "create schema webshop",
        *(
            f"create table webshop.{table} as select * from read_csv('{jaffle_shop}/raw_{table}.csv')"
            for table in ("customers", "orders", "payments")
        ),
    )
    dbt_process.build_with_seeds("+dim_customers", "+stg_payments")
    return empty_home


def test_every_customer_has_the_orders_and_the_money_that_were_published(
    home: DbtHome, jaffle_shop: Path
) -> None:
    with (jaffle_shop / "expected_customers.csv").open(encoding="utf-8") as file:
        published = {
            (
                int(row["customer_id"]),
                row["first_name"],
                row["last_name"],
                int(row["number_of_orders"] or 0),
                Decimal(row["customer_lifetime_value"] or 0).quantize(Decimal("0.01")),
                row["first_order"] or None,
                row["most_recent_order"] or None,
            )
            for row in csv.DictReader(file)
        }

    built = home.query(
        """
        select
            cast(records.source_id as integer),
            customers.first_name,
            customers.last_name,
            customers.total_orders,
            customers.lifetime_revenue,
            cast(cast(customers.first_order_at as date) as varchar),
            cast(cast(customers.last_order_at as date) as varchar)
        from identity.identity_records as records
        inner join identity.customer_ids as ids using (record_key)
        inner join marts.dim_customers as customers using (customer_id)
        """
    )

    assert set(built) == published
    assert len(built) == len(published) == 100


def test_payments_and_statuses_are_the_published_ones(home: DbtHome) -> None:
    assert home.query(
        "select payment_category, count(*), sum(amount) from staging.stg_payments group by all order by all"
    ) == [
        ("bank", 33, Decimal("411.00")),
        ("card", 55, Decimal("871.00")),
        ("promotional", 25, Decimal("390.00")),
    ]
    assert home.query(
        """
        select status, order_status_group, count(*), sum(net_amount)
        from staging.stg_orders group by all order by all
        """
    ) == [
        ("completed", "successful", 67, Decimal("1103.00")),
        ("placed", "pending", 13, Decimal("284.00")),
        ("return_pending", "returned", 2, Decimal("38.00")),
        ("returned", "returned", 4, Decimal("49.00")),
        ("shipped", "successful", 13, Decimal("198.00")),
    ]

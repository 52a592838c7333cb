"""Customers, orders, segments and cohorts come out as others publish or compute them.

The jaffle shop's answers are its authors'. The other shop has what public data sets have, ids and days and
amounts and no person behind them, and its answers are computed here with pandas.
"""

from __future__ import annotations

import csv
import os
import random
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from c360_platform.raw_files import load_folder
from tests.warehouse.dbt_home import DBT_PROJECT
from tests.warehouse.dbt_process import DbtProcess

CENT = Decimal("0.01")
TODAY = "2026-03-15"
FINISHED = pd.Period("2026-02", "M")


def built(dbt: DbtProcess, *models: str, as_of: str) -> Path:
    """The warehouse with the models, what they are made of, and nothing tested."""
    code, output = dbt.run(
        "build", "--exclude-resource-types", "test", "unit_test",
        "--select", "resource_type:seed", *(f"+{model}" for model in models),
        variables={"as_of": as_of},
    )  # fmt: skip
    assert code == 0, output
    return dbt.warehouse


def rows(warehouse: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def money(text: str) -> Decimal:
    return Decimal(text or 0).quantize(CENT)


def test_the_jaffle_shop_has_the_published_customers_and_orders(dbt_process: DbtProcess) -> None:
    root = os.environ.get("C360_REFERENCE_DATA")
    if not root:
        pytest.skip("C360_REFERENCE_DATA is not set")
    published = Path(root) / "jaffle_shop_classic"
    dbt_process.warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(dbt_process.warehouse)) as connection:
        connection.execute("create schema webshop")
        for table in ("customers", "orders", "payments"):
            connection.execute(
                f"create table webshop.{table} as select * from read_csv('{published}/raw_{table}.csv')"
            )

    warehouse = built(dbt_process, "customers", "orders", as_of="2026-06-30")

    with (published / "expected_customers.csv").open(encoding="utf-8") as file:
        customers = {
            (
                f"webshop:{row['customer_id']}", row["first_name"], row["last_name"],
                row["first_order"] or None, row["most_recent_order"] or None,
                int(row["number_of_orders"] or 0), money(row["customer_lifetime_value"]),
            )
            for row in csv.DictReader(file)
        }  # fmt: skip
    with (published / "expected_orders.csv").open(encoding="utf-8") as file:
        parts = ("credit_card_amount", "coupon_amount", "bank_transfer_amount", "gift_card_amount", "amount")
        orders = {
            (
                row["order_id"], f"webshop:{row['customer_id']}", row["order_date"], row["status"],
                *(money(row[part]) for part in parts),
            )
            for row in csv.DictReader(file)
        }  # fmt: skip
    found = rows(
        warehouse,
        """
        select
            channel_accounts, first_name, last_name, cast(first_order as varchar),
            cast(most_recent_order as varchar), number_of_orders, customer_lifetime_value
        from marts.customers
        """,
    )
    assert (len(found), set(found)) == (100, customers)
    found = rows(
        warehouse,
        f"""
        select
            order_id, channel_accounts, cast(order_date as varchar), status, {", ".join(parts)}
        from marts.orders
        inner join marts.customers using (customer_id)
        """,
    )
    assert (len(found), set(found)) == (99, orders)


def purchases(seed: int) -> pd.DataFrame:
    """Orders of 150 accounts over fifteen months: many have one, some are free, some refunded in part."""
    dice = random.Random(seed)
    first = datetime(2024, 12, 20, tzinfo=UTC)
    last = datetime(2026, 3, 15, 20, tzinfo=UTC)
    found = []
    for account in range(12001, 12151):
        when = first + timedelta(hours=dice.randrange(440 * 24))
        for _ in range(dice.choice([1, 1, 1, 1, 2, 2, 3, 5, 9])):
            paid = dice.choice([0, dice.randrange(1, 40_000), 1999, 1999])
            refunded = dice.choice([0] * 6 + [paid // 3])
            found.append((account, min(when, last), paid, refunded))
            when += timedelta(hours=dice.choice([0, 3, 20 * 24, dice.randrange(200 * 24)]))
            if when > last:
                break
    orders = pd.DataFrame(found, columns=["account", "at", "paid", "refunded"])
    orders["id"] = range(536365, 536365 + len(orders))
    orders["net"] = orders["paid"] - orders["refunded"]
    local = orders["at"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
    orders["day"] = local.dt.normalize()
    orders["month"] = local.dt.to_period("M")
    orders["cohort"] = orders.groupby("account")["month"].transform("min")
    orders["age"] = (orders["month"].astype("int64") - orders["cohort"].astype("int64")).astype(int)
    return orders


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return purchases(seed=6)


@pytest.fixture(scope="module")
def shop(orders: pd.DataFrame, dbt_process: DbtProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The purchases loaded as the web shop, as somebody would export them: no customers, status, currency."""
    exports = tmp_path_factory.mktemp("known_customers") / "webshop"
    exports.mkdir()
    orders[["id", "account", "at"]].rename(columns={"account": "customer_id", "at": "order_date"}).to_csv(
        exports / "orders.csv", index=False
    )
    refunds = orders[orders["refunded"] > 0]
    pd.DataFrame(
        {
            "id": range(len(orders) + len(refunds)),
            "order_id": [*orders["id"], *refunds["id"]],
            "amount": [*orders["paid"], *-refunds["refunded"]],
        }
    ).to_csv(exports / "payments.csv", index=False)
    dbt_process.warehouse.unlink(missing_ok=True)
    load_folder(exports.parent, dbt_process.warehouse, DBT_PROJECT)
    return built(dbt_process, "customers", "customer_segmentation", "customer_cohorts", as_of=TODAY)


def fifths(values: pd.Series[Any]) -> pd.Series[Any]:
    """1 to 5 by the share of the others that are smaller, in whole numbers."""
    smaller = values.rank(method="min").astype(int) - 1
    return (1 + 5 * smaller // (len(values) - 1)).clip(upper=5)


def test_scores_are_those_of_ranks_in_which_equals_are_equal(orders: pd.DataFrame, shop: Path) -> None:
    by_account = orders.groupby("account")
    days = (pd.Timestamp(TODAY) - by_account["day"].max()).dt.days
    table = pd.DataFrame({"days": days, "orders": by_account["id"].count(), "cents": by_account["net"].sum()})
    digits = (
        (6 - fifths(table["days"])).astype(str)
        + fifths(table["orders"]).astype(str)
        + fifths(table["cents"]).astype(str)
    )
    cells: dict[Any, str] = digits.to_dict()
    expected = {
        (f"webshop:{account}", channel, cells[account], row.days, row.orders, int(row.cents) * CENT)
        for account, row in table.iterrows()
        for channel in ("all", "webshop")
    }

    found = rows(
        shop,
        """
        select
            channel_accounts, channel, rfm_segment, segments.days_since_last_order, total_orders,
            lifetime_revenue
        from marts.customer_segmentation as segments
        inner join marts.customers using (customer_id)
        """,
    )

    assert (len(found), set(found)) == (300, expected)
    assert len(set(cells.values())) > 30
    assert (table["orders"] == 1).mean() > 0.4


def test_cohorts_are_the_pivot_table_and_end_with_the_last_finished_month(
    orders: pd.DataFrame, shop: Path
) -> None:
    finished = orders[orders["month"] <= FINISHED]
    size: Any = finished.groupby("cohort")["account"].nunique()
    ages = range((FINISHED - size.index.min()).n + 1)
    pivots: dict[str, Any] = {
        "account": finished.pivot_table("account", "cohort", "age", "nunique"),
        "id": finished.pivot_table("id", "cohort", "age", "count"),
        "net": finished.pivot_table("net", "cohort", "age", "sum"),
    }
    pivots = {name: pivot.reindex(columns=ages).fillna(0) for name, pivot in pivots.items()}
    spent = pivots["net"].cumsum(axis="columns")
    expected: dict[tuple[str, int], tuple[Any, ...]] = {}
    for cohort, customers in size.items():
        for age in ages:
            if age > (FINISHED - cohort).n:
                expected[str(cohort), age] = (customers, None, None, None, None, None)
                continue
            active, count, cents = (int(pivot.at[cohort, age]) for pivot in pivots.values())
            value = (Decimal(int(spent.at[cohort, age])) * CENT / customers).quantize(CENT, ROUND_HALF_UP)
            expected[str(cohort), age] = (customers, active, active / customers, count, cents * CENT, value)

    for channel in ("all", "webshop"):
        found = rows(
            shop,
            f"""
            select
                strftime(cohort_month, '%Y-%m'), months_since_first_order, cohort_customers, active_customers,
                retention_rate, orders, revenue, ltv_per_customer
            from marts.customer_cohorts
            where channel = '{channel}'
            """,
        )
        assert {row[:2]: row[2:] for row in found} == expected
        assert len(found) == len(expected) == len(size) * len(ages)
    assert sum(values[1] is None for values in expected.values()) > 50
    assert sum(values[1] == 0 for values in expected.values()) > 10

"""Metrics give what SQL over the marts gives, and the analyses run, on the demo's shop."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from c360_platform.dbt_manifest import prepare_manifest
from c360_platform.settings import Settings
from tests.warehouse.dbt_home import DBT_PROJECT
from tests.warehouse.dbt_process import DbtProcess
from tests.warehouse.metric_sql import Metrics

COUNTED = "is_counted and is_reporting_currency"
LATER = "channel = 'all' and is_finished and months_since_first_order > 0"
EXPECTED = {
    "by month and channel": (
        ["revenue", "orders", "average_order_value", "active_customers", "new_customers"],
        ["metric_time__month", "order__channel"],
        f"""
        select
            order_month, channel,
            sum(net_amount) filter ({COUNTED}),
            count(*) filter (is_counted),
            sum(net_amount) filter ({COUNTED}) / nullif(count(*) filter ({COUNTED}), 0),
            count(distinct customer_id) filter (is_counted),
            count(*) filter (is_first_order)
        from marts.orders
        group by all
        """,
    ),
    "by what the customer is now": (
        ["revenue", "orders", "returning_customers", "returning_customer_share", "promotional_order_share"],
        ["customer__lifecycle_stage", "customer__customer_value_tier", "customer__customer_segment"],
        f"""
        select
            lifecycle_stage, customer_value_tier, customer_segment,
            sum(net_amount) filter ({COUNTED}),
            count(*) filter (is_counted),
            count(distinct customer_id) filter (order_number_of_customer > 1),
            count(distinct customer_id) filter (order_number_of_customer > 1)
                / nullif(count(distinct customer_id) filter (is_counted), 0),
            count(*) filter (is_counted and is_promotional) / nullif(count(*) filter (is_counted), 0)
        from marts.orders
        inner join (
            select customer_id, lifecycle_stage, customer_value_tier, customer_segment
            from marts.dim_customers
        ) using (customer_id)
        group by all
        """,
    ),
    "of customers": (
        ["customers_ever", "repeat_customer_rate", "customers_active_now", "lifetime_value"],
        ["customer__first_channel"],
        """
        select
            first_channel,
            count(*),
            avg(case when total_orders > 1 then 1 else 0 end),
            count(*) filter (lifecycle_stage in ('new', 'active')),
            sum(lifetime_revenue) / count(*)
        from marts.dim_customers
        where total_orders > 0
        group by all
        """,
    ),
    "of cohorts": (
        ["retained_customers", "retention_rate"],
        ["cohort_age__months_since_first_order"],
        f"""
        select
            months_since_first_order,
            sum(active_customers),
            sum(active_customers) / sum(cohort_customers)
        from marts.customer_cohorts
        where {LATER}
        group by all
        """,
    ),
    "of costs": (
        ["marketing_spend", "acquisition_cost"],
        ["channel_month__channel"],
        """
        select
            channel, sum(spend), sum(spend) / nullif(sum(new_customers), 0)
        from marts.marketing_attribution_months
        where attribution_model = 'last_touch' and spend is not null
        group by all
        """,
    ),
}


@pytest.fixture(scope="module")
def metrics(small_home: Settings) -> Metrics:
    return Metrics(prepare_manifest(small_home), "duckdb")


@pytest.fixture(scope="module")
def warehouse(
    small_home: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The demo's warehouse, with costs of two channels."""
    copied = shutil.copy(small_home.warehouse_path, tmp_path_factory.mktemp("metrics") / "warehouse.duckdb")
    with duckdb.connect(str(copied)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set default_null_order = 'nulls_first_on_asc_last_on_desc'")
        connection.execute(
            "update marts.marketing_attribution_months set spend = 12.5 where channel in ('email', 'direct')"
        )
        yield connection


def columns(result: duckdb.DuckDBPyConnection, names: list[str]) -> list[tuple[Any, ...]]:
    """Rows with the named columns in that order; MetricFlow has one of its own."""
    given = [column[0] for column in result.description or ()]
    places = [given.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in result.fetchall()]


def comparable(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows in one order, days for midnights, one type of number; without rows in which nothing is."""
    plain = [tuple(_plain(value) for value in row) for row in rows]
    return sorted((row for row in plain if any(isinstance(value, float) and value for value in row)), key=str)


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()[:10]
    return value if value is None or isinstance(value, str) else round(float(value), 6)


@pytest.mark.parametrize("case", EXPECTED)
def test_metrics_are_what_sql_over_the_marts_gives(
    case: str, metrics: Metrics, warehouse: duckdb.DuckDBPyConnection
) -> None:
    names, by, expected = EXPECTED[case]

    found = columns(warehouse.execute(metrics.sql(names, by)), [*by, *names])

    wanted = comparable(warehouse.execute(expected).fetchall())
    assert wanted
    assert comparable(found) == wanted


def test_every_metric_has_a_number_and_every_saved_query_rows(
    metrics: Metrics, warehouse: duckdb.DuckDBPyConnection
) -> None:
    numbers = {name: warehouse.execute(metrics.sql([name])).fetchall() for name in metrics.names}
    saved = {name: warehouse.execute(metrics.saved_sql(name)).fetchall() for name in metrics.saved_queries}

    assert len(numbers) > 20
    assert {name for name, rows in numbers.items() if len(rows) != 1 or not rows[0][0]} == set()
    assert saved
    assert all(saved.values()), saved


def test_the_analyses_have_answers(
    small_home: Settings, dbt_process: DbtProcess, warehouse: duckdb.DuckDBPyConnection
) -> None:
    code, output = dbt_process.run(
        *("compile", "--select", "resource_type:analysis", "--no-introspect", "--no-populate-cache"),
        variables={"as_of": str(small_home.as_of)},
    )
    assert code == 0, output
    compiled = {
        path.stem: path.read_text() for path in dbt_process.target.glob("compiled/c360/analyses/*.sql")
    }

    answers = {name: warehouse.execute(sql).fetchall() for name, sql in compiled.items()}

    assert compiled.keys() == {path.stem for path in (DBT_PROJECT / "analyses").glob("*.sql")}
    # a shop of 150 has no pair of articles in ten orders, and need not have let down a VIP
    assert {name for name, rows in answers.items() if not rows} <= {
        "bundles_to_build", "service_problems_of_vips",
    }  # fmt: skip
    [*segments] = answers["revenue_by_segment"]
    assert sum(row[2] for row in segments) == pytest.approx(1)
    assert (
        sum(row[3] for row in segments)
        == warehouse.execute("select sum(lifetime_revenue) from marts.dim_customers").fetchall()[0][0]
    )

"""A new sales channel costs two models and its name in one list."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from tests.warehouse.dbt_home import DBT_PROJECT, DbtHome

CUSTOMERS = """
select
    'ebay' as channel,
    'ebay:' || buyer_id as customer_key,
    buyer_id as source_customer_id,
    email,
    cast(null as {{ type_text() }}) as phone,
    name as first_name,
    cast(null as {{ type_text() }}) as last_name,
    'DE' as country_code,
    'de' as language,
    cast(null as {{ type_text() }}) as street,
    cast(null as {{ type_text() }}) as postal_code,
    cast(null as {{ type_text() }}) as city,
    cast(null as date) as birth_date,
    false as accepts_marketing,
    registered_at as created_at,
    registered_at as updated_at
from {{ normalise_contacts('ebay.buyers', email='email') }}
"""
ORDERS = """
select
    'ebay' as channel,
    'ebay:' || order_id as order_key,
    order_id,
    order_id as order_number,
    'ebay:' || buyer_id as customer_key,
    cast(null as {{ type_text() }}) as email,
    cast(null as {{ type_text() }}) as phone,
    cast(null as {{ type_text() }}) as first_name,
    cast(null as {{ type_text() }}) as last_name,
    'DE' as country_code,
    cast(null as {{ type_text() }}) as street,
    cast(null as {{ type_text() }}) as postal_code,
    sold_at as ordered_at,
    sold_at as updated_at,
    state as status,
    case when state = 'void' then 'returned' else 'successful' end as order_status_group,
    state = 'void' as is_cancelled,
    total as gross_amount,
    0 as discount_amount,
    0 as shipping_amount,
    0 as refunded_amount,
    {{ net_amount('total', '0', "state = 'void'") }} as net_amount,
    'EUR' as currency,
    false as is_promotional,
    cast(null as {{ type_text() }}) as coupon_code,
    'paypal' as payment_method,
    cast(null as {{ type_text() }}) as source_name,
    'ebay' as acquisition_source,
    'marketplace' as acquisition_medium,
    cast(null as {{ type_text() }}) as acquisition_campaign
from ebay.sales
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> DbtHome:
    directory = tmp_path_factory.mktemp("new_channel")
    project = directory / "dbt_project"
    shutil.copytree(
        DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs", "*unit_tests.yml", "tests")
    )
    shutil.copytree(DBT_PROJECT / "tests" / "generic", project / "tests" / "generic")
    _add_channel(project)
    home = DbtHome(directory / "warehouse.duckdb", directory / "target", project=project, profiles=project)
    home.load(
        "create schema ebay",
        """
        create table ebay.buyers as
        select 'b1' as buyer_id, 'Anna@Example.com' as email, 'Anna' as name,
            timestamptz '2026-01-01' as registered_at
        """,
        """
        create table ebay.sales as
        select * from (values
            ('s1', 'b1', timestamptz '2026-05-01 12:00:00', 'sold', 20.5),
            ('s2', 'b1', timestamptz '2026-05-02 12:00:00', 'void', 99),
            ('s3', 'b2', timestamptz '2026-05-03 12:00:00', 'sold', 7)
        ) as t (order_id, buyer_id, sold_at, state, total)
        """,
        "create schema webshop",
        "create table webshop.customers as select 1 as id, 'anna@example.com' as email, 'Anna' as first_name",
        "create table webshop.orders as select 1 as id, 1 as user_id, date '2026-04-01' as order_date",
        "create table webshop.payments as select 1 as id, 1 as order_id, 1000 as amount",
    )
    home.build("+dim_customers", "+stg_payments")
    return home


def _add_channel(project: Path) -> None:
    models = project / "models" / "staging" / "ebay"
    models.mkdir()
    (models / "stg_ebay__customers.sql").write_text(CUSTOMERS, encoding="utf-8")
    (models / "stg_ebay__orders.sql").write_text(ORDERS, encoding="utf-8")
    settings = project / "dbt_project.yml"
    text = settings.read_text(encoding="utf-8")
    channels = "channels: [shopify, amazon, webshop"
    assert text.count(f"\n  {channels}") == 1
    settings.write_text(text.replace(f"\n  {channels}", f"\n  {channels}, ebay"), encoding="utf-8")


def test_its_orders_are_among_the_unified_ones(home: DbtHome) -> None:
    assert home.query(
        """
        select order_key, net_amount, is_counted
        from staging.stg_orders where channel = 'ebay' order by order_key
        """
    ) == [
        ("ebay:s1", Decimal("20.50"), True),
        ("ebay:s2", Decimal("0.00"), False),
        ("ebay:s3", Decimal("7.00"), True),
    ]
    assert home.query(
        """
        select payment_key, amount, payment_category
        from staging.stg_payments where channel = 'ebay' order by payment_key
        """
    ) == [
        ("ebay:s1:payment", Decimal("20.50"), "other"),
        ("ebay:s2:payment", Decimal("99.00"), "other"),
        ("ebay:s3:payment", Decimal("7.00"), "other"),
    ]


def test_its_orders_follow_the_customers_others_in_the_activity(home: DbtHome) -> None:
    assert home.query(
        """
        select order_key, order_number_of_customer, cumulative_revenue
        from staging.stg_customer_activity order by order_key
        """
    ) == [
        ("ebay:s1", 2, Decimal("30.50")),
        ("ebay:s3", 1, Decimal("7.00")),
        ("webshop:1", 1, Decimal("10.00")),
    ]


def test_its_customers_are_in_the_customer_view(home: DbtHome) -> None:
    rows = home.query(
        """
        select email, purchase_channels, channels_count, lifetime_revenue
        from marts.dim_customers order by email nulls last
        """
    )

    customers = [(email, set(channels.split(", ")), *rest) for email, channels, *rest in rows]
    assert customers == [
        ("anna@example.com", {"ebay", "webshop"}, 2, Decimal("30.50")),
        (None, {"ebay"}, 1, Decimal("7.00")),
    ]

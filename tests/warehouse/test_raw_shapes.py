"""Raw tables as other loaders leave them: other names, other types, missing parts, bad values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.warehouse.dbt_home import DbtHome
from tests.warehouse.dbt_process import DbtProcess

# A shop whose Shopify is Fivetran's GraphQL schema, whose ids went through a data frame (floats), whose
# Amazon is a CSV dump, whose Klaviyo repeats events and whose Zendesk keeps nested values.
OTHER_LOADERS = (
    "create schema shopify_gql",
    """
    create table shopify_gql.customers as
    select * from (values
        (3588998496353.0, 'ab0bf25ab8b2a6b78af26a141dd6f455', 'Ada', '000000', '2020-09-11 13:26:15.000 '),
        (3589760876641.0, ' Berta@Example.com', 'Berta', '0151 5551234', '2020-09-11 19:35:42.000 ')
    ) as t (ID, EMAIL, first_name, default_address_phone, created_at)
    """,
    """
    create table shopify_gql.orders as
    select * from (values
        ('4001', 3588998496353.0, 'PAID', 55.004::double, 'EUR', '2025-07-18 08:45:00', false, false),
        ('4002', 3589760876641.0, 'PENDING', 10.0, 'EUR', '2025-07-18 08:45:00', false, false),
        ('4003', null, 'PAID', 20.0, null, '2025-07-18 08:45:00', null, null),
        ('4004', 999.0, 'PAID', 30.0, 'EUR', '2025-07-18 08:45:00', false, false),
        ('4005', 999.0, 'PAID', 40.0, 'USD', '2025-07-19 08:45:00', false, false),
        ('4006', 999.0, 'PAID', 99.0, 'EUR', '2025-07-18 08:45:00', true, false),
        ('4007', 999.0, 'PAID', 99.0, 'EUR', '2025-07-18 08:45:00', false, true),
        ('4008', 999.0, 'PAID', 99.0, 'EUR', '2026-07-18 08:45:00', false, false)
    ) as t (
        id, customer_id, display_financial_status, total_price_set_shop_amount,
        total_price_set_shop_currency_code, created_at, test, _fivetran_deleted
    )
    """,
    "create schema amazon_selling_partner",
    """
    create table amazon_selling_partner.orders as
    select * from (values
        ('O-1', '2,329.86', 'Shipped', 'user@example.com', '2024-12-31 18:11:28'),
        ('O-2', '284.36a', 'Pending', 'user@example.com', '2025-01-20 18:11:28'),
        ('O-3', '-242.45', 'Unshipped', null, '2025-01-07 18:11:28')
    ) as t (amazon_order_id, order_total_amount, order_status, buyer_info_buyer_email, purchase_date)
    """,
    "create schema klaviyo",
    """
    create table klaviyo.event as
    select * from (values
        ('3gBNHPGp', 'MCX88q', 'Received Email', 'LyZ7re', timestamp '2020-04-05 20:02:45'),
        ('3gBNHPGp', 'MCX88q', 'Received Email', 'LyZ7re', timestamp '2020-04-05 20:02:44'),
        ('late', 'MCX88q', 'Opened Email', 'LyZ7re', timestamp '2026-07-05 20:02:44')
    ) as t (ID, PERSON_ID, TYPE, CAMPAIGN_ID, "TIMESTAMP")
    """,
    """
    create table klaviyo.person as
    select 'MCX88q' as id, 'user@example.com' as email, 1586116963 as created,
        [{'reason': 'HARD_BOUNCE'}] as email_suppressions, false as _fivetran_deleted
    """,
    "create schema zendesk",
    """
    create table zendesk.ticket as
    select 1 as id, 'open' as status, 7 as requester_id, 'email' as via_channel,
        ['a', 'closed_by_merge'] as tags, '2025-01-01T10:00:00Z' as created_at
    """,
)


@pytest.fixture(scope="module")
def home(empty_home: DbtHome, dbt_process: DbtProcess) -> DbtHome:
    empty_home.load(*OTHER_LOADERS)
    dbt_process.build_with_seeds("path:models/staging", "path:models/identity")
    return empty_home


def test_orders_keep_their_account_and_money_whatever_the_loader(home: DbtHome) -> None:
    morning = datetime(2025, 7, 18, 8, 45, tzinfo=UTC)

    orders = home.query(
        """
        select order_id, customer_key, order_status_group, gross_amount, currency, ordered_at
        from staging.stg_orders where channel = 'shopify' order by order_id
        """
    )

    assert orders == [
        ("4001", "shopify:3588998496353", "successful", Decimal("55.00"), "EUR", morning),
        ("4002", "shopify:3589760876641", "pending", Decimal("10.00"), "EUR", morning),
        ("4003", None, "successful", Decimal("20.00"), "EUR", morning),
        ("4004", "shopify:999", "successful", Decimal("30.00"), "EUR", morning),
        ("4005", "shopify:999", "successful", Decimal("40.00"), "USD", morning + timedelta(days=1)),
    ]


def test_values_that_are_no_contact_data_become_null(home: DbtHome) -> None:
    assert home.query(
        "select first_name, email, phone, created_at from staging.stg_shopify__customers order by first_name"
    ) == [
        ("Ada", None, None, datetime(2020, 9, 11, 13, 26, 15, tzinfo=UTC)),
        ("Berta", "berta@example.com", "+491515551234", datetime(2020, 9, 11, 19, 35, 42, tzinfo=UTC)),
    ]


def test_without_streets_there_is_nobody_to_find_by_them(home: DbtHome) -> None:
    assert home.query("select count(*), count(street) from identity.identity_records") == [(7, 0)]
    assert home.query("select * from identity.identity_residences") == []


def test_an_email_at_amazon_identifies_nobody_elsewhere(home: DbtHome) -> None:
    assert home.query("select distinct email from identity.identity_records where source like 'amazon%'") == [
        (None,)
    ]
    [(customers,)] = home.query(
        """
        select count(distinct customer_id) from identity.customer_ids
        where record_key in ('amazon:user@example.com', 'klaviyo:MCX88q')
        """
    )
    assert customers == 2
    assert home.query(
        "select order_id, gross_amount from staging.stg_orders where channel = 'amazon' order by order_id"
    ) == [("O-1", Decimal("2329.86")), ("O-2", Decimal("0.00")), ("O-3", Decimal("-242.45"))]


def test_every_order_has_one_customer_though_accounts_are_missing(home: DbtHome) -> None:
    customers = dict(home.query("select order_key, customer_id from identity.orders_customers"))

    assert len(customers) == 8
    assert customers["shopify:4004"] == customers["shopify:4005"]
    assert len(set(customers.values())) == 6


def test_repeated_events_are_one_and_events_after_the_day_are_none(home: DbtHome) -> None:
    assert home.query("select event_id, metric_name, profile_id from staging.stg_klaviyo__events") == [
        ("3gBNHPGp", "Received Email", "MCX88q")
    ]


def test_nested_values_and_epochs_are_read(home: DbtHome) -> None:
    assert home.query(
        "select is_suppressed, suppression_reason, created_at from staging.stg_klaviyo__profiles"
    ) == [(True, "hard_bounce", datetime(2020, 4, 5, 20, 2, 43, tzinfo=UTC))]
    assert home.query(
        """
        select ticket_id, requester_id, contact_channel, is_merged, is_open
        from staging.stg_zendesk__tickets
        """
    ) == [("1", "7", "email", True, True)]


def test_sources_that_are_not_there_are_empty(home: DbtHome) -> None:
    assert home.query("select * from staging.stg_ga4__sessions") == []
    assert home.query("select * from staging.stg_shipments") == []
    assert home.query("select currency from staging.stg_reporting_currency") == [("EUR",)]

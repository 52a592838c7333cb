"""Marts to sync: as many profiles or shipment events as asked for, in a DuckDB file.

Belongs here: what a row looks like, in size and types as the marts have them, what changes in it, and the
syncs over the tables. Does not belong here: a shop that makes sense, which is the synthetic world's business.

A profile is 588 bytes as Klaviyo gets it (four fields, 15 properties, of which one is empty in a tenth of the
rows), an event 500. A row depends on its number alone.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from c360_platform.activation.spec import SyncSpec

FIELDS: Final = {"first_name": "first_name", "last_name": "last_name", "country": "location.country"}
PROFILE_PROPERTIES: Final = {
    "customer_id": "Customer ID",
    "acquisition_source": "Acquisition Source",
    "lifetime_revenue": "LTV",
    "total_orders": "Total Orders",
    "avg_order_value": "Average Order Value",
    "first_order_date": "First Order Date",
    "last_order_date": "Last Order Date",
    "preferred_categories": "Preferred Categories",
    "lifecycle_stage": "Lifecycle Stage",
    "is_vip": "Is VIP",
    "customer_value_tier": "Value Tier",
    "engagement_score": "Engagement Score",
    "recommended_product": "Recommended Product",
    "current_shipment_status": "Shipment Status",
    "last_interaction_at": "Last Interaction",
}
EVENT_PROPERTIES: Final = {
    "carrier": "Carrier",
    "tracking_number": "Tracking Number",
    "tracking_url": "Tracking URL",
    "order_id": "Order ID",
    "order_number": "Order Number",
    "channel": "Channel",
}
METRIC: Final = "Shipment Delivered"
PROFILES: Final = SyncSpec(
    name="klaviyo_profiles",
    model="klaviyo_profiles",
    unique_id="model.c360.klaviyo_profiles",
    schema="marts",
    table="klaviyo_profiles",
    object="profiles",
    key="email",
    fields=FIELDS,
    properties=PROFILE_PROPERTIES,
)
MEMBERS: Final = SyncSpec(
    name="seg_vip_customers",
    model="seg_vip_customers",
    unique_id="model.c360.seg_vip_customers",
    schema="marts",
    table="klaviyo_profiles",
    object="list",
    key="email",
    list_name="VIP Customers",
)
EVENTS: Final = SyncSpec(
    name="events_shipments",
    model="events_shipments",
    unique_id="model.c360.events_shipments",
    schema="marts",
    table="events_shipments",
    object="events",
    key="email",
    event_id="event_id",
    metric="event_name",
    occurred_at="event_timestamp",
    properties=EVENT_PROPERTIES,
)

_PROFILES: Final = """
    select
        'customer' || i || '@shop.example' as email,
        ['Ada', 'Grace', 'Jürgen', 'Zoë', 'Alan', 'Linus'][1 + i % 6] as first_name,
        ['Lovelace', 'Hopper', 'Müller', 'Turing', 'Meyer-Schmidt'][1 + i % 5] as last_name,
        ['DE', 'AT', 'CH', 'FR'][1 + i % 4] as country,
        lpad(cast(i as varchar), 10, '0') as customer_id,
        ['google', 'facebook', 'newsletter', 'referral'][1 + i % 4] as acquisition_source,
        cast(i * 7919 % 200000 / 100 as decimal(18, 2)) as lifetime_revenue,
        i % 23 as total_orders,
        round(i * 104729 % 20000 / 97, 2) as avg_order_value,
        date '2020-01-01' + cast(i % 2000 as integer) as first_order_date,
        date '2025-01-01' + cast(i % 500 as integer) as last_order_date,
        [['sleep', 'energy'], ['immunity'], ['beauty', 'sleep']][1 + i % 3] as preferred_categories,
        ['new', 'active', 'at_risk', 'lapsing'][1 + i % 4] as lifecycle_stage,
        i % 11 = 0 as is_vip,
        ['vip', 'high', 'medium', 'low'][1 + i % 4] as customer_value_tier,
        i * 15485863 % 1000 / 1000 as engagement_score,
        ['Sleep Well Capsules', 'Magnesium Bisglycinate', 'Vitamin D3 + K2'][1 + i % 3]
            as recommended_product,
        if(i % 10 = 0, null, ['delivered', 'in_transit', 'delayed'][1 + i % 3]) as current_shipment_status,
        timestamptz '2026-01-01 00:00:00+00' + to_seconds(i % 20000000) as last_interaction_at
    from range({first}, {after}) as numbers(i)"""
_EVENTS: Final = """
    select
        md5('shipment' || i) as event_id,
        'customer' || i // 2 || '@shop.example' as email,
        '{metric}' as event_name,
        timestamptz '{latest}' - to_seconds(i % 2400000) as event_timestamp,
        ['DHL', 'DPD', 'UPS'][1 + i % 3] as carrier,
        'JJD' || lpad(cast(i as varchar), 17, '0') as tracking_number,
        'https://tracking.example/parcels/JJD' || lpad(cast(i as varchar), 17, '0') as tracking_url,
        'shopify-' || 5000000000 + i as order_id,
        '#' || 10000 + i as order_number,
        ['shopify', 'webshop'][1 + i % 2] as channel
    from range({count}) as numbers(i)"""


def fill_profiles(path: Path, count: int) -> None:
    """A new file with `count` profiles in marts.klaviyo_profiles."""
    _run(path, "create schema marts", f"create table marts.klaviyo_profiles as {_profiles(0, count)}")


def change_profiles(path: Path, count: int) -> int:
    """Of `count` profiles change each hundredth; each thousandth leaves and as many are new. Rows to send."""
    gone = count // 1_000
    _run(
        path,
        "update marts.klaviyo_profiles set lifetime_revenue = lifetime_revenue + 1, total_orders = 99 "
        "where cast(customer_id as bigint) % 100 = 50",
        "delete from marts.klaviyo_profiles where cast(customer_id as bigint) % 1000 = 7",
        f"insert into marts.klaviyo_profiles {_profiles(count, count + gone)}",
    )
    return count // 100 + gone


def fill_events(path: Path, count: int, latest: datetime) -> None:
    """A new file with `count` events of the four weeks up to `latest` in marts.events_shipments."""
    rows = _EVENTS.format(metric=METRIC, latest=latest.isoformat(), count=count)
    _run(path, "create schema marts", f"create table marts.events_shipments as {rows}")


def _profiles(first: int, after: int) -> str:
    return _PROFILES.format(first=first, after=after)


def _run(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in ("set TimeZone = 'UTC'", *statements):
            connection.execute(statement)

"""Raw tables of a large shop: as many customers as asked for, five orders and twenty events each.

Belongs here: what sources bring, in columns, types and proportions, made of row numbers by DuckDB alone. Does
not belong here: what is difficult about real data, which is the synthetic world's business.

Of ten people six buy in Shopify, three in the web shop and one on Amazon; one of twenty in both shops, under
one address. A few buy often: the first ones. Half of the events are Klaviyo's, a quarter Google Analytics'
and a quarter scans of parcels, as JSON and text where the sources have them so.

Usage: python -m c360_platform.bench.shop_data WAREHOUSE CUSTOMERS DAY
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

ORDERS_EACH: Final = 5
EVENTS_EACH: Final = 20
ARTICLES: Final = 200
MEMORY: Final = "2GB"

# Chances are hashes of a row number and of what they are for: the same in every run of one version of DuckDB.
_BEFORE: Final = """
create temp macro chance(number, use) as (hash(number, use) >> 11) / 9007199254740992.0;
create temp macro moment(days) as
    timestamptz '{as_of} 18:00:00+00' - to_seconds(cast(days * 86400 as bigint));
create temp macro address(person) as
    if(person % 9 = 0, 'Customer.', 'customer.') || person || '@shop' || person % 7 || '.example';
create temp macro street(person) as
    if(person % 3 = 0, 'Hauptstr. ', 'Hauptstraße ') || 1 + person % 97 || '/' || person;
create temp macro place(person) as ['Berlin', 'Hamburg', 'Köln', 'Leipzig', 'Wien'][1 + person % 5];
create temp macro article(line) as cast(floor({articles} * pow(chance(line, 'article'), 2)) as bigint);
create temp macro price(article) as 990 + 500 * (article % 13);

create temp table people as
select
    i as person,
    case when i % 10 < 6 then 'shopify' when i % 10 < 9 then 'webshop' else 'amazon' end as channel,
    ['Ada', 'Grace', 'Jürgen', 'Zoë', 'Alan', 'Linus', 'Petra'][1 + i % 7] as first_name,
    ['Lovelace', 'Hopper', 'Müller', 'Turing', 'Meyer', 'Krüger'][1 + i % 6] as last_name,
    if(i % 3 = 0, '0151 ' || 5550000 + i, null) as phone,
    moment(30 + 1100 * chance(i, 'joined')) as joined_at
from range({customers}) as numbers(i);

create temp table sales as
select
    i as number,
    person,
    case when person % 20 = 0 and i % 2 = 0 then 'webshop' else channel end as channel,
    moment(1095 * pow(chance(i, 'day'), 1.2)) as sold_at,
    1 + i % 3 as lines,
    chance(i, 'back') < 0.03 as is_returned,
    chance(i, 'cancelled') < 0.01 as is_cancelled
from (
    select
        i,
        cast(floor({customers} * (pow(0.05 + 0.95 * chance(i, 'person'), 2) - 0.0025) / 0.9976) as bigint)
            as person
    from range({customers} * {orders_each}) as numbers(i)
)
inner join people using (person);

create temp table lines as
select
    number * 3 + n as line,
    number,
    channel,
    sold_at,
    is_returned,
    is_cancelled,
    article(number * 3 + n) as article,
    1 + (number + n) % 5 // 4 as quantity
from (select *, unnest(range(lines)) as n from sales);

create temp table amounts as
select number, cast(sum(quantity * price(article)) as bigint) as cents from lines group by number;
"""

_SHOPIFY: Final = """
create schema shopify;
create table shopify.product as
select
    cast(7000000 + i as varchar) as id, 'Article ' || i as title,
    ['Sleep', 'Energy', 'Immune', 'Calm', 'Beauty'][1 + i % 5] as product_type,
    ['Basis', 'Premium'][1 + i % 2] as vendor, 'active' as status,
    moment(1200) as created_at, moment(1200) as updated_at, false as _fivetran_deleted
from range({articles}) as numbers(i);
create table shopify.customer as
select
    cast(6000000 + person as varchar) as id, address(person) as email, first_name, last_name, phone,
    'enabled' as state, 'EUR' as currency, true as verified_email, person % 2 = 0 as accepts_marketing,
    if(person % 2 = 0, 'subscribed', 'not_subscribed') as email_marketing_consent_state,
    'DE' as default_address_country_code, street(person) as default_address_address_1,
    cast(10000 + person % 80000 as varchar) as default_address_zip,
    place(person) as default_address_city, 'de-DE' as locale, joined_at as created_at,
    joined_at as updated_at, false as _fivetran_deleted
from people where channel = 'shopify';
create table shopify."order" as
select
    cast(5400000 + number as varchar) as id, '#' || number as name, number as order_number,
    if(number % 10 = 7, null, cast(6000000 + person as varchar)) as customer_id, address(person) as email,
    phone, sold_at as created_at, sold_at as processed_at, sold_at as updated_at,
    if(is_cancelled, sold_at, null) as cancelled_at, if(is_returned, 'refunded', 'paid') as financial_status,
    'fulfilled' as fulfillment_status, 'EUR' as currency, cast(cents / 100 as decimal(18, 2)) as total_price,
    cast(cents / 100 as decimal(18, 2)) as subtotal_price, cast(0 as decimal(18, 2)) as total_discounts,
    cast(cents / 1500 as decimal(18, 2)) as total_tax, cast(0 as decimal(18, 2)) as total_shipping_price,
    number % 500 = 1 as test, 'web' as source_name,
    case number % 4
        when 0 then '/?utm_source=newsletter&utm_medium=email&utm_campaign=weekly-' || number % 50
        when 1 then '/?utm_source=google&utm_medium=cpc&utm_campaign=brand' else '/' end as landing_site,
    'de' as customer_locale, first_name as shipping_address_first_name,
    last_name as shipping_address_last_name, street(person) as shipping_address_address_1,
    cast(10000 + person % 80000 as varchar) as shipping_address_zip,
    place(person) as shipping_address_city, 'DE' as shipping_address_country_code,
    false as _fivetran_deleted
from sales inner join amounts using (number) inner join people using (person)
where sales.channel = 'shopify';
create table shopify.order_line as
select
    cast(1300000 + line as varchar) as id, cast(5400000 + number as varchar) as order_id,
    cast(7000000 + article as varchar) as product_id, 'SKU-' || article as sku,
    'Article ' || article as title, ['Basis', 'Premium'][1 + article % 2] as vendor, quantity,
    cast(price(article) / 100 as decimal(18, 2)) as price, cast(0 as decimal(18, 2)) as total_discount,
    false as gift_card, true as requires_shipping
from lines where channel = 'shopify';
create table shopify.transaction as
select
    cast(6500000 + number as varchar) as id, cast(5400000 + number as varchar) as order_id,
    cast(null as varchar) as refund_id, cast(null as varchar) as parent_id, 'sale' as kind,
    'success' as status,
    ['shopify_payments', 'paypal', 'klarna', 'gift_card'][1 + number % 7 // 2] as gateway,
    cast(cents / 100 as decimal(18, 2)) as amount, 'EUR' as currency, sold_at as processed_at, false as test
from sales inner join amounts using (number) where channel = 'shopify'
union all
select
    'back' || number, cast(5400000 + number as varchar), 'refund' || number,
    cast(6500000 + number as varchar), 'refund', 'success', 'shopify_payments',
    cast(cents / 100 as decimal(18, 2)), 'EUR', sold_at + interval 9 days, false
from sales inner join amounts using (number) where channel = 'shopify' and is_returned;
create table shopify.refund as
select
    'refund' || number as id, cast(5400000 + number as varchar) as order_id,
    sold_at + interval 9 days as created_at, sold_at + interval 9 days as processed_at
from sales where channel = 'shopify' and is_returned;
create table shopify.order_line_refund as
select
    'back' || line as id, 'refund' || number as refund_id, cast(1300000 + line as varchar) as order_line_id,
    quantity, cast(quantity * price(article) / 100 as decimal(18, 2)) as subtotal,
    cast(0 as decimal(18, 2)) as total_tax
from lines where channel = 'shopify' and is_returned;
create table shopify.order_discount_code as
select
    cast(5400000 + number as varchar) as order_id, 'SOMMER20' as code, cast(0 as decimal(18, 2)) as amount,
    'percentage' as type
from sales where channel = 'shopify' and number % 12 = 0;
"""

_WEBSHOP: Final = """
create schema webshop;
create table webshop.customers as
select
    cast(person as varchar) as id, first_name, last_name, address(person) as email, phone,
    'DE' as country_code, 'de' as language, street(person) as street,
    cast(10000 + person % 80000 as varchar) as zip,
    place(person) as city, person % 3 = 0 as accepts_marketing, joined_at as created_at,
    joined_at as updated_at, false as is_deleted
from people where channel = 'webshop' or person % 20 = 0;
create table webshop.orders as
select
    cast(number as varchar) as id, cast(person as varchar) as user_id, sold_at as order_date,
    case when is_cancelled then 'cancelled' when is_returned then 'returned' else 'completed' end as status,
    'W' || number as reference, address(person) as email, 'EUR' as currency,
    if(number % 8 = 0, 'NEWSLETTER10', null) as coupon_code, cast(0 as bigint) as discount_amount,
    cast(0 as bigint) as shipping_amount, number % 500 = 1 as is_test, sold_at as updated_at
from sales where channel = 'webshop';
create table webshop.order_items as
select
    cast(line as varchar) as id, cast(number as varchar) as order_id, 'SKU-' || article as product_id,
    'Article ' || article as product_name,
    ['Sleep', 'Energy', 'Immune', 'Calm', 'Beauty'][1 + article % 5] as category, quantity,
    cast(price(article) as bigint) as unit_price
from lines where channel = 'webshop';
create table webshop.payments as
select
    cast(number as varchar) as id, cast(number as varchar) as order_id,
    ['credit_card', 'paypal', 'bank_transfer', 'gift_card'][1 + number % 7 // 2] as payment_method,
    cents as amount, sold_at as paid_at
from sales inner join amounts using (number) where channel = 'webshop'
union all
select 'back' || number, cast(number as varchar), 'credit_card', -cents, sold_at + interval 9 days
from sales inner join amounts using (number) where channel = 'webshop' and is_returned;
"""

_AMAZON: Final = """
create schema amazon;
create table amazon.orders as
select
    '302-' || number as amazon_order_id, sold_at as purchase_date, sold_at as last_update_date,
    if(is_cancelled, 'Canceled', 'Shipped') as order_status, 'MFN' as fulfillment_channel,
    'Amazon.de' as sales_channel, cast(cast(cents / 100 as decimal(18, 2)) as varchar) as order_total_amount,
    'EUR' as order_total_currency_code, cast(1 as bigint) as number_of_items_shipped,
    left(md5('relay' || person), 14) || '@marketplace.amazon.de' as buyer_info_buyer_email,
    'DE' as shipping_address_country_code, place(person) as shipping_address_city
from sales inner join amounts using (number) where channel = 'amazon';
create table amazon.order_item as
select
    '302-' || number as amazon_order_id, cast(line as varchar) as order_item_id, 'B0' || article as asin,
    'SKU-' || article as seller_sku, 'Article ' || article as title, quantity as quantity_ordered,
    quantity as quantity_shipped,
    cast(cast(quantity * price(article) / 100 as decimal(18, 2)) as varchar) as item_price_amount,
    'EUR' as item_price_currency_code, '0.00' as promotion_discount_amount
from lines where channel = 'amazon';
"""

# A parcel has four scans; parcels are those of the latest orders.
_SHIPMENTS: Final = """
create schema shipments;
create table shopify.fulfillment as
select
    'f' || number as id, cast(5400000 + number as varchar) as order_id, 'success' as status,
    'delivered' as shipment_status, if(number % 5 < 3, 'DHL', 'DPD') as tracking_company,
    cast(34043400000000 + number as varchar) as tracking_number, sold_at + interval 1 day as created_at,
    sold_at + interval 4 days as updated_at
from sales where channel = 'shopify';
create temp table scans as
select
    number, channel, n, cast(34043400000000 + number as varchar) as parcel,
    if(channel = 'webshop', 'W', '#') || number as reference,
    sold_at + to_hours(cast(20 + 22 * n + number % 7 as bigint)) as scanned_at
from (
    select *, unnest(range(4)) as n
    from (
        select * from sales where channel <> 'amazon'
        order by sold_at desc limit {customers} * {events_each} // 16
    )
);
create table shipments.dhl_events as
select
    parcel as tracking_number, reference as order_reference,
    strftime(timezone('Europe/Berlin', scanned_at), '%Y-%m-%dT%H:%M:%S') as event_timestamp,
    ['pre-transit', 'transit', 'transit', 'delivered'][1 + n] as status_code,
    ['PARCEL_ANNOUNCED', 'PARCEL_PICKED_UP', 'PARCEL_CENTER_PROCESSED', 'PARCEL_DELIVERED'][1 + n] as status,
    'Die Sendung wurde bearbeitet.' as description, place(number + n) as location,
    strftime(scanned_at + to_hours(cast(24 * (3 - n) as bigint)), '%Y-%m-%dT18:00:00')
        as estimated_delivery_at,
    scanned_at + interval 20 minutes as received_at
from scans where number % 5 < 3;
create table shipments.dpd_scans as
select
    parcel as parcel_number, reference as order_reference,
    strftime(timezone('Europe/Berlin', scanned_at), '%-m/%-d/%Y %I:%M:%S %p') as scan_date,
    ['PickedUp', 'BetweenDepots', 'Courier', if(number % 20 = 4, 'DeliveryFailure', 'Delivered')][1 + n]
        as status,
    'Ihr Paket ist unterwegs.' as description, place(number + n) as location,
    strftime(scanned_at + to_hours(cast(24 * (3 - n) as bigint)), '%Y-%m-%d') as expected_delivery_date,
    scanned_at + interval 20 minutes as received_at
from scans where number % 5 >= 3;
"""

_KLAVIYO: Final = """
create schema klaviyo;
create table klaviyo.metrics as
select * from (values
    ('R', 'Received Email', moment(1200)), ('O', 'Opened Email', moment(1200)),
    ('C', 'Clicked Email', moment(1200)), ('U', 'Unsubscribed', moment(1200))
) as metrics (id, name, created);
create table klaviyo.profiles as
select
    'P' || person as id, address(person) as email, first_name, last_name, 'de-DE' as locale,
    joined_at as created, joined_at as updated,
    json_object('city', place(person), 'country', 'Germany', 'zip', null)::varchar as location,
    if(person % 2 = 0, 'SUBSCRIBED', 'NEVER_SUBSCRIBED') as email_marketing_consent,
    person % 2 = 0 as can_receive_email_marketing, '[]' as email_suppressions, false as is_deleted
from people where channel <> 'amazon';
create table klaviyo.events as
select
    'E' || i as id, case when i % 40 < 28 then 'R' when i % 40 < 37 then 'O' else 'C' end as metric_id,
    'P' || 2 * cast(floor({customers} / 2 * chance(i, 'person')) as bigint) as profile_id,
    moment(730 * chance(i, 'day')) as datetime,
    json_object(
        '$event_id', md5('event' || i), '$message', 'M' || i % 104, 'Subject', 'Newsletter ' || i % 104,
        'Recipient Email Address', address(i), 'Inbox Provider', 'Example', '$flow', null
    )::varchar as event_properties,
    'M' || i % 104 as campaign_id
from range({customers} * {events_each} // 2) as numbers(i);
"""

# A visit has four events; one in five ends with an order of the web shop.
_GA4: Final = """
create schema ga4;
create temp table visits as
select
    i as visit,
    cast(floor({customers} * chance(i, 'person')) as bigint) as person,
    moment(730 * chance(i, 'day')) as begun_at,
    cast(null as bigint) as number
from range({customers} * {events_each} // 20) as numbers(i)
union all
select {customers} * {events_each} // 20 + row_number() over (order by number), person, sold_at, number
from (
    select * from sales where channel = 'webshop'
    order by sold_at desc limit {customers} * {events_each} // 80
);
create table ga4.events as
select
    strftime(begun_at, '%Y%m%d') as event_date, epoch_us(begun_at) + 7000000 * n as event_timestamp,
    ['session_start', 'page_view', 'view_item', if(number is null, 'page_view', 'purchase')][1 + n]
        as event_name,
    if(person % 10 between 6 and 8 and visit % 4 = 0, cast(person as varchar), null) as user_id,
    person || '.' || 1 + visit % 2 as user_pseudo_id,
    json_array(
        json_object('key', 'ga_session_id', 'value', json_object('int_value', visit)),
        json_object('key', 'page_location', 'value', json_object(
            'string_value', 'https://shop.example/collections/' || visit % 12
        ))
    )::varchar as event_params,
    json_object('name', 'brand', 'medium', 'cpc', 'source', 'google')::varchar as traffic_source,
    case visit % 5
        when 0 then json_object(
            'manual_source', 'newsletter', 'manual_medium', 'email',
            'manual_campaign_name', 'weekly-' || visit % 50
        )::varchar
        when 1 then '{{"manual_source":"instagram","manual_medium":"social","manual_campaign_name":"story"}}'
    end as collected_traffic_source,
    '{{"category":"mobile","operating_system":"iOS"}}' as device,
    if(n = 3 and number is not null, json_object(
        'transaction_id', 'W' || number, 'purchase_revenue', 49.9
    )::varchar, null) as ecommerce
from (select *, unnest(range(4)) as n from visits);
"""

_ZENDESK: Final = """
create schema zendesk;
create table zendesk.users as
select
    cast(person as varchar) as id, first_name || ' ' || last_name as name, address(person) as email,
    'end-user' as role, true as active, joined_at as created_at, joined_at as updated_at
from people where channel <> 'amazon' and person % 8 = 0;
create table zendesk.tickets as
select
    cast(i as varchar) as id, moment(730 * chance(i, 'day')) as created_at,
    moment(730 * chance(i, 'day')) as updated_at, if(i % 30 = 0, 'open', 'closed') as status,
    'Wo bleibt meine Bestellung?' as subject,
    cast(8 * (i % ({customers} // 8 + 1)) as varchar) as requester_id,
    '{{"channel":"email"}}' as via, '[]' as tags,
    if(i % 5 = 0, '{{"score":"good"}}', '{{"score":"offered"}}') as satisfaction_rating
from range({customers} // 2) as numbers(i);
create table zendesk.ticket_metrics as
select
    'm' || id as id, id as ticket_id, cast(0 as bigint) as reopens, cast(2 as bigint) as replies,
    created_at, updated_at, '{{"calendar":95,"business":40}}' as reply_time_in_minutes,
    '{{"calendar":1400,"business":600}}' as full_resolution_time_in_minutes
from zendesk.tickets;
create schema crm;
create table crm.contacts as
select
    'C' || person as contact_id, address(person) as email, first_name, last_name, phone,
    'DE' as country_code, 'fair' as acquisition_source, joined_at as created_at, joined_at as updated_at,
    false as archived
from people where person % 10 = 3;
create schema marketing;
create table marketing.spend as
select
    cast('{as_of}' as date) - cast(30 * i as integer) as spent_on, channel,
    cast(900 + i * 7 as decimal(18, 2)) as amount
from range(24) as numbers(i), (values ('paid_search'), ('paid_social'), ('email')) as channels (channel);
"""


def fill_shop(path: Path, customers: int, as_of: date) -> None:
    """A new warehouse with the raw tables of a shop of `customers` people, on the day `as_of`."""
    sizes = {
        "customers": customers,
        "orders_each": ORDERS_EACH,
        "events_each": EVENTS_EACH,
        "articles": ARTICLES,
        "as_of": as_of.isoformat(),
    }
    with duckdb.connect(str(path)) as connection:
        for setting in (
            "TimeZone = 'UTC'",
            f"memory_limit = '{MEMORY}'",
            "preserve_insertion_order = false",
        ):
            connection.execute(f"set {setting}")
        for part in (_BEFORE, _SHOPIFY, _WEBSHOP, _AMAZON, _SHIPMENTS, _KLAVIYO, _GA4, _ZENDESK):
            connection.execute(part.format(**sizes))


if __name__ == "__main__":
    fill_shop(Path(sys.argv[1]), int(sys.argv[2]), date.fromisoformat(sys.argv[3]))

-- Amazon's order reports: amounts as text, no amounts while an order is pending or cancelled, and
-- buyers without a face. Only orders that the shop ships itself show an alias, the same for every
-- order of a buyer.

create schema if not exists amazon;

create or replace temp macro relay_alias(person_id) as
    left(md5(concat(getvariable('seed'), ' alias ', person_id)), 15) || '@marketplace.amazon.de';

create or replace temp macro amount_text(cents) as format('{:,.2f}', (cents) / 100.0);

create temp table amazon_order as
with numbered as (
    select
        cart.*,
        '30' || 2 + cart.order_key % 4 || '-' || lpad(cart.channel_no::varchar, 7, '0') || '-'
            || lpad(whole('amazon id', cart.order_key, 1000000, 9999999)::varchar, 7, '0')
                as amazon_order_id,
        ships_itself(cart.order_key) as is_shipped_by_amazon,
        cart.ordered_at > world_end() - interval 30 hours
            and chance('amazon pending', cart.order_key, 0.4)
            and cart.shipped_at is null and not cart.is_cancelled as is_pending,
        person.first_name,
        person.last_name,
        person.city,
        address_at(person.postal_code, person.former_postal_code, person.moved_at, cart.ordered_at)
            as postal_code,
        coalesce(
            person.parcel_locker,
            written_street(
                address_at(person.street, person.former_street, person.moved_at, cart.ordered_at),
                'amazon', cart.order_key
            )
        ) as street,
    from cart
    inner join person using (person_id)
    where cart.channel = 'amazon'
)

select
    *,
    lag(amazon_order_id) over (partition by person_id order by ordered_at, order_key)
        as previous_order_id,
    -- Sent again free of charge.
    previous_order_id is not null
        and not is_pending
        and not is_cancelled
        and not is_business_order
        and chance('replacement', order_key, 0.015) as is_replacement,
    case when not is_shipped_by_amazon then relay_alias(person_id) end as alias,
    case when is_pending or is_cancelled then null when is_replacement then 0 else total_cents end
        as charged_cents,
from numbered;

create table amazon.orders as
with units as (
    select
        order_key,
        sum(quantity)::bigint as units,
    from cart_line
    group by order_key
)

select
    amazon_order.amazon_order_id,
    amazon_order.ordered_at as purchase_date,
    greatest(
        amazon_order.ordered_at + interval 1 second,
        amazon_order.shipped_at,
        amazon_order.cancelled_at
    ) as last_update_date,
    case
        when amazon_order.is_cancelled then 'Canceled'
        when amazon_order.is_pending then 'Pending'
        when amazon_order.shipped_at is not null then 'Shipped'
        else 'Unshipped'
    end as order_status,
    case when amazon_order.is_shipped_by_amazon then 'AFN' else 'MFN' end as fulfillment_channel,
    case amazon_order.country_code when 'NL' then 'Amazon.nl' else 'Amazon.de' end as sales_channel,
    amount_text(amazon_order.charged_cents) as order_total_amount,
    case when amazon_order.charged_cents is not null then 'EUR' end as order_total_currency_code,
    case
        when amazon_order.shipped_at is not null then units.units
        else 0
    end as number_of_items_shipped,
    case
        when amazon_order.shipped_at is null and not amazon_order.is_cancelled then units.units
        else 0
    end
        as number_of_items_unshipped,
    case amazon_order.country_code when 'NL' then 'A1805IZSGTT6HS' else 'A1PA6795UKMFR9' end
        as marketplace_id,
    amazon_order.is_shipped_by_amazon and chance('prime', amazon_order.person_id, 0.7) as is_prime,
    amazon_order.is_business_order,
    amazon_order.is_replacement as is_replacement_order,
    case
        when amazon_order.is_replacement then amazon_order.previous_order_id
    end as replaced_order_id,
    amazon_order.alias as buyer_info_buyer_email,
    case
        when not amazon_order.is_shipped_by_amazon
            and chance('buyer name', amazon_order.person_id, 0.3)
            then amazon_order.first_name || ' ' || amazon_order.last_name
    end as buyer_info_buyer_name,
    -- Who ships the parcel is told where to.
    case
        when not amazon_order.is_shipped_by_amazon
            then amazon_order.first_name || ' ' || amazon_order.last_name
    end as shipping_address_name,
    case when not amazon_order.is_shipped_by_amazon then amazon_order.street end
        as shipping_address_address_line_1,
    amazon_order.city as shipping_address_city,
    amazon_order.postal_code as shipping_address_postal_code,
    null::varchar as shipping_address_state_or_region,
    amazon_order.country_code as shipping_address_country_code,
    amazon_order.ordered_at + interval 8 hours as earliest_ship_date,
    amazon_order.ordered_at + interval 60 hours as latest_ship_date,
    amazon_order.ordered_at + interval 1 day as earliest_delivery_date,
    amazon_order.ordered_at + interval 5 days as latest_delivery_date,
from amazon_order
inner join units using (order_key);

-- Items have no amounts while the order has none, and cost nothing when they replace others.
create table amazon.order_item as
with priced as (
    select
        cart_line.*,
        cart_line.quantity * cart_line.unit_cents * charged.share as item_cents,
        cart_line.discount_cents * charged.share as promotion_cents,
        case when cart_line.line_no = 0 then charged.shipping_cents else 0 end * charged.share
            as item_shipping_cents,
    from cart_line
    inner join (
        select
            order_key,
            shipping_cents,
            case when charged_cents > 0 then 1 else charged_cents end as share,
        from amazon_order
    ) as charged using (order_key)
)

select
    amazon_order.amazon_order_id,
    (10000000000000 + cart_line.line_key)::varchar as order_item_id,
    case product.product_no
        when 43 then '3981234560'
        else 'B0' || upper(left(md5(product.sku), 8))
    end as asin,
    product.sku as seller_sku,
    'Musterkraft ' || product.title as title,
    cart_line.quantity::bigint as quantity_ordered,
    case
        when amazon_order.shipped_at is not null then cart_line.quantity
        else 0
    end::bigint as quantity_shipped,
    amount_text(cart_line.item_cents) as item_price_amount,
    case when cart_line.item_cents is not null then 'EUR' end as item_price_currency_code,
    amount_text(tax_in(cart_line.item_cents - cart_line.promotion_cents)) as item_tax_amount,
    amount_text(cart_line.item_shipping_cents) as shipping_price_amount,
    amount_text(cart_line.promotion_cents) as promotion_discount_amount,
    chance('gift', amazon_order.order_key, 0.03) as is_gift,
from priced as cart_line
inner join amazon_order using (order_key)
inner join product using (product_no);

-- Truth -------------------------------------------------------------------------------------------

insert into world.orders
select
    'amazon',
    amazon_order_id,
    amazon_order_id,
    person_id,
    ordered_at,
    not is_cancelled,
    euros(coalesce(charged_cents, 0)),
    0,
    euros(coalesce(charged_cents, 0)),
from amazon_order;

insert into world.records
select 'amazon', 'orders', amazon_order_id, person_id from amazon_order
union all
select distinct 'amazon', 'buyer', alias, person_id from amazon_order where alias is not null;

insert into world.defects
select 'amazon', 'orders', amazon_order_id, unnest(list_filter([
    case when alias is null then 'anonymous' else 'relay_email' end,
    case when is_cancelled then 'cancelled' end,
    case when is_pending then 'pending_without_total' end,
    case when is_replacement then 'replacement' end,
], lambda defect: defect is not null))
from amazon_order;

-- Shopify's orders with lines, discount codes and fulfilments.

create temp table shopify_order as
with refund_sums as (
    select
        order_key,
        sum(cents)::bigint as refunded_cents,
        max(refunded_at) as last_refunded_at,
    from shopify_refund_sum
    group by order_key
)

select
    shopify_paid.*,
    coalesce(refund_sums.refunded_cents, 0) as refunded_cents,
    refund_sums.last_refunded_at,
    buyers.customer_id,
    buyers.is_deleted as is_customer_deleted,
    case shopify_paid.bought_as
        when 'nobody' then null
        when 'guest without record' then written_email(
            email_at(person.email, person.former_email, person.email_changed_at,
                shopify_paid.ordered_at),
            'shopify order', shopify_paid.order_key
        )
        when 'account'
            then email_at(person.email, person.former_email, person.email_changed_at,
                shopify_paid.ordered_at)
        else buyers.written_email
    end as checkout_email,
    case when shopify_paid.bought_as <> 'nobody' then coalesce(
        buyers.written_phone,
        case when chance('phone at checkout', shopify_paid.order_key, 0.3)
            then written_phone(person.phone, person.country_code, 'shopify order',
                shopify_paid.order_key) end
    ) end as checkout_phone,
    person.language,
    person.city,
    address_at(
        person.postal_code, person.former_postal_code, person.moved_at, shopify_paid.ordered_at
    ) as postal_code,
    coalesce(
        person.parcel_locker,
        written_street(
            address_at(person.street, person.former_street, person.moved_at, shopify_paid.ordered_at),
            'shopify order', shopify_paid.order_key
        )
    ) as street,
    person.first_name,
    person.last_name,
    buyers.written_first_name,
    buyers.written_last_name,
    case
        when shopify_paid.bought_as = 'nobody'
            then pick(['pos', 'shopify_draft_order'], 'till', shopify_paid.order_key)
        else 'web'
    end as source_name,
    pick([
        'google/cpc/brand', 'google/cpc/generic', 'google/cpc/shopping', 'instagram/social/story',
        'facebook/social/lookalike', 'newsletter/email/weekly', 'newsletter/email/winback',
        'podcast/audio/sponsoring', 'google/organic/', '//', '//', '//'
    ], 'visit source', shopify_paid.order_key) as visit_source,
from shopify_paid
inner join person using (person_id)
left join refund_sums using (order_key)
left join shopify_customer as buyers
    on shopify_paid.person_id = buyers.person_id
    and case shopify_paid.bought_as
        when 'account' then 0
        when 'guest' then shopify_paid.order_key
    end
        = buyers.order_key;

create table shopify.order as
select
    order_id as id,
    '#' || order_number as name,
    order_number::bigint as order_number,
    customer_id,
    checkout_email as email,
    checkout_phone as phone,
    ordered_at as created_at,
    ordered_at + interval 2 seconds as processed_at,
    greatest(ordered_at + interval 2 seconds, shipped_at, cancelled_at, last_refunded_at)
        as updated_at,
    cancelled_at,
    case
        when is_cancelled
            then pick(['customer', 'customer', 'inventory', 'fraud', 'other'], 'reason', order_key)
    end
        as cancel_reason,
    case
        when payment_kind = 'voided' then 'voided'
        when payment_kind = 'authorized' then 'authorized'
        when payment_kind = 'awaited' then 'pending'
        when refunded_cents > 0 and refunded_cents >= total_cents then 'refunded'
        when refunded_cents > 0 then 'partially_refunded'
        else 'paid'
    end as financial_status,
    case when shipped_at is not null then 'fulfilled' end as fulfillment_status,
    'EUR' as currency,
    euros(total_cents) as total_price,
    euros(items_cents - discount_cents) as subtotal_price,
    euros(discount_cents) as total_discounts,
    euros(case when is_gift_card_order then 0 else tax_in(total_cents) end) as total_tax,
    euros(shipping_cents) as total_shipping_price,
    is_test as test,
    source_name,
    case
        when source_name = 'web' and visit_source like 'google/organic%'
            then 'https://www.google.com/'
    end
        as referring_site,
    case
        when source_name <> 'web' then null
        when visit_source like '//%' or visit_source like 'google/organic%' then '/'
        else '/?utm_source=' || split_part(visit_source, '/', 1)
            || '&utm_medium=' || split_part(visit_source, '/', 2)
            || '&utm_campaign=' || split_part(visit_source, '/', 3)
    end as landing_site,
    case when source_name = 'web' then language end as customer_locale,
    case
        when bought_as <> 'nobody' then coalesce(written_first_name, first_name)
    end as shipping_address_first_name,
    case
        when bought_as <> 'nobody' then coalesce(written_last_name, last_name)
    end as shipping_address_last_name,
    case when bought_as <> 'nobody' then street end as shipping_address_address_1,
    case when bought_as <> 'nobody' then postal_code end as shipping_address_zip,
    case when bought_as <> 'nobody' then city end as shipping_address_city,
    country_code as shipping_address_country_code,
    is_deleted as _fivetran_deleted,
from shopify_order;

create table shopify.order_line as
select
    (1300000000000 + cart_line.line_key * 8)::varchar as id,
    shopify_order.order_id,
    (7000000000000 + cart_line.product_no * 1024)::varchar as product_id,
    (7100000000000 + cart_line.product_no * 1024)::varchar as variant_id,
    product.sku,
    product.title,
    'Default Title' as variant_title,
    product.brand as vendor,
    cart_line.quantity::bigint as quantity,
    euros(cart_line.unit_cents) as price,
    euros(cart_line.discount_cents) as total_discount,
    cart_line.product_no = 46 as gift_card,
    cart_line.product_no <> 46 as requires_shipping,
from cart_line
inner join shopify_order using (order_key)
inner join product using (product_no);

create table shopify.order_discount_code as
select
    order_id,
    coupon_code as code,
    euros(discount_cents) as amount,
    case when coupon_code = 'DANKE5' then 'fixed_amount' else 'percentage' end as type,
from shopify_order
where coupon_code is not null;

create table shopify.fulfillment as
select
    (4800000000000 + parcel.parcel_key * 4)::varchar as id,
    shopify_order.order_id,
    'success' as status,
    case
        when parcel.delivered_at < world_end() then 'delivered'
        when parcel.failed_at < world_end() then 'attempted_delivery'
        when parcel.out_at < world_end() then 'out_for_delivery'
        else 'in_transit'
    end as shipment_status,
    parcel.carrier as tracking_company,
    parcel.tracking_number,
    case parcel.carrier
        when 'DHL'
            then 'https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode='
        else 'https://tracking.dpd.de/parcelstatus?query='
    end || parcel.tracking_number as tracking_url,
    parcel.handed_over_at as created_at,
    greatest(
        parcel.handed_over_at,
        case when parcel.delivered_at < world_end() then parcel.delivered_at end
    ) as updated_at,
from parcel
inner join shopify_order using (order_key);

-- Truth -------------------------------------------------------------------------------------------

insert into world.orders
select
    'shopify',
    order_id,
    '#' || order_number,
    person_id,
    ordered_at,
    not is_cancelled,
    euros(total_cents),
    euros(refunded_cents),
    euros(case when is_cancelled then 0 else total_cents - refunded_cents end),
from shopify_order
where not is_test and not is_deleted;

insert into world.records
select 'shopify', 'order', order_id, person_id
from shopify_order;

insert into world.defects
select 'shopify', 'order', order_id, unnest(list_filter([
    case when is_test then 'test' end,
    case when is_deleted then 'deleted' end,
    case when is_cancelled then 'cancelled' end,
    case when total_cents = 0 then 'zero_total' end,
    case when bought_as = 'nobody' then 'anonymous' end,
    case when bought_as = 'guest without record' then 'guest_without_record' end,
    case when gift_card_cents > 0 then 'sale_and_capture' end,
    case when refunded_cents > 0 and not is_cancelled then 'refunded_later' end,
    case when is_customer_deleted then 'customer_deleted' end,
], lambda defect: defect is not null))
from shopify_order;

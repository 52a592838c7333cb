-- The Shopify shop: accounts and guest checkouts, orders with lines, payments, refunds and fulfilments.
-- Ids count upwards in the order of time, as Shopify's do.

create schema if not exists shopify;

create table shopify.product as
select
    (7000000000000 + product_no * 1024)::varchar as id,
    title,
    lower(sku) as handle,
    category as product_type,
    brand as vendor,
    'active' as status,
    world_end() - to_days(launched_days_ago) as created_at,
    world_end() - to_days(least(launched_days_ago, 40 + product_no)) as updated_at,
    false as _fivetran_deleted,
from product;

-- Customers ----------------------------------------------------------------------------------------------------

-- Who has an account: most buyers of this channel, and prospects who only signed up.
create temp table shopify_account as
with first_orders as (
    select
        person_id,
        min(ordered_at) as first_ordered_at,
    from cart
    where channel = 'shopify'
    group by person_id
)

select
    person.person_id,
    coalesce(
        first_orders.first_ordered_at - to_minutes(whole('sign up', person.person_id, 2, 40)),
        moment(cast(world_end() as date) - person.since_days::integer, 'sign up', person.person_id)
    ) as created_at,
from person
left join first_orders using (person_id)
where case
    when first_orders.person_id is not null then chance('account', person.person_id, 0.66)
    when not person.is_buyer then chance('account', person.person_id, 0.42)
    else chance('account', person.person_id, 0.05)
end;

-- An order belongs to the account, to a guest record of its own, or (tills, drafts) to nobody.
create temp table shopify_order_basis as
select
    cart.*,
    cart.channel_no + 1000 as order_number,
    (5400000000000 + cart.channel_no * 512)::varchar as order_id,
    shopify_account.person_id is not null as has_account,
    case
        when uniform('buyer of order', cart.order_key) < 0.008 then 'nobody'
        when uniform('buyer of order', cart.order_key) < 0.02 then 'guest without record'
        when shopify_account.person_id is null then 'guest'
        when chance('not signed in', cart.order_key, 0.07) then 'guest'
        else 'account'
    end as bought_as,
from cart
left join shopify_account using (person_id)
where cart.channel = 'shopify';

create temp table shopify_customer as
with identities as (
    select
        person_id,
        0 as order_key,
        'enabled' as state,
        created_at,
    from shopify_account
    union all
    select
        person_id,
        order_key,
        'disabled' as state,
        ordered_at - interval 20 seconds as created_at,
    from shopify_order_basis
    where bought_as = 'guest'
),

described as (
    select
        identities.*,
        identities.person_id * 64 + coalesce(nullif(identities.order_key, 0) % 64, 63) as draw_id,
        person.* exclude (person_id, is_buyer),
        -- An account follows its owner to a new mailbox, a guest record stays what it was.
        case
            when identities.order_key = 0 then person.email
            else email_at(
                person.email, person.former_email, person.email_changed_at, identities.created_at
            )
        end as true_email,
    from identities
    inner join person using (person_id)
),

written as (
    select
        *,
        case
            when order_key > 0 and chance('shopify no mailbox', draw_id, 0.012)
                then placeholder_email('shopify', draw_id)
            else written_email(true_email, 'shopify', draw_id)
        end as written_email,
        written_first_name(first_name, 'shopify', draw_id) as written_first_name,
        written_last_name(last_name, 'shopify', draw_id) as written_last_name,
        case
            when chance('shopify asks phone', draw_id, 0.6)
                then written_phone(phone, country_code, 'shopify', draw_id)
        end as written_phone,
        least(
            created_at + hours('shopify edit', draw_id, 0, 2400),
            world_end() - to_minutes(whole('shopify edit', draw_id, 1, 4000))
        ) as edited_at,
    from described
)

select
    (6000000000000 + row_number() over (order by created_at, person_id, order_key) * 128)::varchar as customer_id,
    *,
    -- Erased by the shop; a few of them had orders, which stay.
    state = 'enabled' and chance('shopify deleted', draw_id, 0.008) as is_deleted,
    case
        when uniform('newsletter', person_id) < 0.45 then 'subscribed'
        when uniform('newsletter', person_id) < 0.53 then 'unsubscribed'
        when uniform('newsletter', person_id) < 0.55 then 'pending'
        else 'not_subscribed'
    end as consent_state,
from written;

create table shopify.customer as
select
    customer_id as id,
    written_email as email,
    written_first_name as first_name,
    written_last_name as last_name,
    written_phone as phone,
    state,
    'EUR' as currency,
    state = 'enabled' and chance('verified', draw_id, 0.9) as verified_email,
    consent_state = 'subscribed' as accepts_marketing,
    consent_state as email_marketing_consent_state,
    country_code as default_address_country_code,
    case when order_key > 0 or is_buyer_address then postal_code end as default_address_zip,
    case when order_key > 0 or is_buyer_address then city end as default_address_city,
    language || case language when 'en' then '-GB' when 'de' then '-' || country_code else '' end as locale,
    created_at,
    greatest(created_at, edited_at) as updated_at,
    is_deleted as _fivetran_deleted,
from (select *, order_goal > 0 as is_buyer_address from shopify_customer);

-- Money --------------------------------------------------------------------------------------------------------

create temp table shopify_paid as
select
    *,
    case
        when total_cents = 0 then 'free'
        when is_cancelled then case when chance('cancelled early', order_key, 0.5) then 'voided' else 'sale' end
        when ordered_at > world_end() - interval 20 hours and chance('not captured', order_key, 0.3)
            then 'authorized'
        when ordered_at > world_end() - interval 6 days and chance('bank transfer', order_key, 0.06)
            then 'awaited'
        when uniform('payment kind', order_key) < 0.68 then 'sale'
        when uniform('payment kind', order_key) < 0.93 then 'capture'
        else 'gift card and capture'
    end as payment_kind,
    -- The gift card pays 10 euros, or half of a small order.
    case
        when payment_kind = 'gift card and capture' then least(1000, total_cents // 2)
        else 0
    end as gift_card_cents,
    pick(['shopify_payments', 'shopify_payments', 'paypal', 'paypal', 'klarna'], 'gateway', order_key) as gateway,
from shopify_order_basis;

-- Refunds happen on other days than orders; what has not happened yet does not exist.
create temp table shopify_refund as
with candidates as (
    select
        *,
        uniform('refund', order_key) as draw,
        uniform('refund kind', order_key) as kind_draw,
    from shopify_paid
    where payment_kind in ('sale', 'capture', 'gift card and capture')
        and (is_cancelled or not is_gift_card_order)
),

firsts as (
    select
        order_key,
        0 as refund_no,
        case
            when is_cancelled then 'full'
            when kind_draw < 0.35 then 'full'
            when kind_draw < 0.80 then 'first line'
            when kind_draw < 0.90 and shipping_cents > 0 then 'shipping'
            else 'goodwill'
        end as kind,
        case
            when is_cancelled then cancelled_at
            else moment(
                cast(ordered_at as date) + whole('refund day', order_key, 5, 40)::integer, 'refund', order_key
            )
        end as refunded_at,
    from candidates
    where is_cancelled or draw < 0.07
),

seconds as (
    select
        order_key,
        1 as refund_no,
        'goodwill' as kind,
        refunded_at + hours('second refund', order_key, 20, 200) as refunded_at,
    from firsts
    where kind = 'first line' and chance('second refund', order_key, 0.12)
)

select
    row_number() over (order by refunded_at, order_key, refund_no) as refund_seq,
    (900000000000 + refund_seq * 32)::varchar as refund_id,
    *,
from (select * from firsts union all select * from seconds)
where refunded_at < world_end();

create temp table shopify_refund_line as
select
    shopify_refund.refund_id,
    shopify_refund.order_key,
    cart_line.line_key,
    case when shopify_refund.kind = 'full' then cart_line.quantity else 1 end as refunded_quantity,
    (
        (cart_line.quantity * cart_line.unit_cents - cart_line.discount_cents)
        * refunded_quantity // cart_line.quantity
    )::bigint as refunded_cents,
from shopify_refund
inner join cart_line using (order_key)
where shopify_refund.kind = 'full' or (shopify_refund.kind = 'first line' and cart_line.line_no = 0);

-- Amounts of adjustments are negative: money that goes back beside the lines.
create temp table shopify_adjustment as
with line_sums as (
    select
        order_key,
        sum(refunded_cents)::bigint as refunded_cents,
    from shopify_refund_line
    group by order_key
)

select
    shopify_refund.refund_id,
    shopify_refund.order_key,
    case when shopify_refund.kind = 'goodwill' then 'refund_discrepancy' else 'shipping_refund' end as kind,
    case
        when shopify_refund.kind = 'goodwill'
            then least(500, shopify_paid.total_cents - coalesce(line_sums.refunded_cents, 0))
        else shopify_paid.shipping_cents
    end as adjusted_cents,
from shopify_refund
inner join shopify_paid using (order_key)
left join line_sums using (order_key)
where shopify_refund.kind <> 'first line' and adjusted_cents > 0;

create temp table shopify_refund_sum as
with parts as (
    select refund_id, refunded_cents as cents from shopify_refund_line
    union all
    select refund_id, adjusted_cents as cents from shopify_adjustment
),

sums as (
    select
        refund_id,
        sum(cents)::bigint as cents,
    from parts
    group by refund_id
)

select
    shopify_refund.*,
    sums.cents,
    shopify_paid.gateway,
    -- The card gets back what it paid, a gift card the rest.
    least(sums.cents, shopify_paid.total_cents - shopify_paid.gift_card_cents) as card_cents,
from shopify_refund
inner join sums using (refund_id)
inner join shopify_paid using (order_key);

create table shopify.refund as
select
    refund_id as id,
    shopify_paid.order_id,
    shopify_refund_sum.refunded_at as created_at,
    shopify_refund_sum.refunded_at + interval 3 seconds as processed_at,
    case when shopify_refund_sum.kind = 'goodwill' then 'Kulanz' end as note,
from shopify_refund_sum
inner join shopify_paid using (order_key);

create table shopify.order_line_refund as
select
    (400000000000 + row_number() over (order by refund_id, line_key) * 16)::varchar as id,
    refund_id,
    (1300000000000 + line_key * 8)::varchar as order_line_id,
    refunded_quantity::bigint as quantity,
    euros(refunded_cents - tax_in(refunded_cents)) as subtotal,
    euros(tax_in(refunded_cents)) as total_tax,
from shopify_refund_line;

create table shopify.order_adjustment as
select
    (200000000000 + row_number() over (order by refund_id, shopify_adjustment.kind) * 16)::varchar as id,
    shopify_paid.order_id,
    refund_id,
    euros(-(adjusted_cents - tax_in(adjusted_cents))) as amount,
    euros(-tax_in(adjusted_cents)) as tax_amount,
    shopify_adjustment.kind,
from shopify_adjustment
inner join shopify_paid using (order_key);

-- Successful sales and captures add up to the order's total exactly once, successful refunds to its refunds.
create temp table shopify_transaction as
with
failed as (
    select order_key, 0 as step, 'sale' as kind, 'failure' as status, gateway, total_cents as cents,
        ordered_at - interval 90 seconds as processed_at, null as refund_id, null as parent_step,
    from shopify_paid
    where payment_kind <> 'free' and chance('failed payment', order_key, 0.05)
),

gift_cards as (
    select order_key, 1, 'sale', 'success', 'gift_card', gift_card_cents, ordered_at, null, null,
    from shopify_paid
    where gift_card_cents > 0
),

sales as (
    select order_key, 2, 'sale', case payment_kind when 'awaited' then 'pending' else 'success' end,
        case payment_kind when 'awaited' then 'bank_deposit' else gateway end, total_cents, ordered_at, null, null,
    from shopify_paid
    where payment_kind in ('sale', 'awaited')
),

authorizations as (
    select order_key, 3, 'authorization', 'success', gateway, total_cents - gift_card_cents, ordered_at, null, null,
    from shopify_paid
    where payment_kind in ('capture', 'gift card and capture', 'authorized', 'voided')
),

captures as (
    select order_key, 4, 'capture', 'success', gateway, total_cents - gift_card_cents,
        least(ordered_at + hours('capture', order_key, 0.1, 20), world_end() - interval 30 seconds), null, 3,
    from shopify_paid
    where payment_kind in ('capture', 'gift card and capture')
),

voids as (
    select order_key, 5, 'void', 'success', gateway, 0, cancelled_at, null, 3,
    from shopify_paid
    where payment_kind = 'voided'
),

refunds_failed as (
    select order_key, 10 + refund_no, 'refund', 'failure', gateway, card_cents, refunded_at - interval 1 minute,
        refund_id, null,
    from shopify_refund_sum
    where chance('failed refund', refund_seq, 0.03)
),

refunds as (
    select order_key, 12 + refund_no, 'refund', 'success', gateway, card_cents, refunded_at, refund_id, null,
    from shopify_refund_sum
),

refunds_to_gift_cards as (
    select order_key, 14 + refund_no, 'refund', 'success', 'gift_card', cents - card_cents, refunded_at,
        refund_id, null,
    from shopify_refund_sum
    where cents > card_cents
),

unioned as (
    select * from failed
    union all
    select * from gift_cards
    union all
    select * from sales
    union all
    select * from authorizations
    union all
    select * from captures
    union all
    select * from voids
    union all
    select * from refunds_failed
    union all
    select * from refunds
    union all
    select * from refunds_to_gift_cards
)

select
    *,
    (6500000000000 + (order_key * 16 + step) * 4)::varchar as transaction_id,
    case when parent_step is not null then (6500000000000 + (order_key * 16 + parent_step) * 4)::varchar end
        as parent_id,
from unioned;

create table shopify.transaction as
select
    shopify_transaction.transaction_id as id,
    shopify_paid.order_id,
    shopify_transaction.refund_id,
    shopify_transaction.parent_id,
    shopify_transaction.kind,
    shopify_transaction.status,
    shopify_transaction.gateway,
    euros(shopify_transaction.cents) as amount,
    'EUR' as currency,
    shopify_transaction.processed_at,
    shopify_paid.is_test as test,
from shopify_transaction
inner join shopify_paid using (order_key);

-- Orders -------------------------------------------------------------------------------------------------------

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
            email_at(person.email, person.former_email, person.email_changed_at, shopify_paid.ordered_at),
            'shopify order', shopify_paid.order_key
        )
        when 'account'
            then email_at(person.email, person.former_email, person.email_changed_at, shopify_paid.ordered_at)
        else buyers.written_email
    end as checkout_email,
    case when shopify_paid.bought_as <> 'nobody' then coalesce(
        buyers.written_phone,
        case when chance('phone at checkout', shopify_paid.order_key, 0.3)
            then written_phone(person.phone, person.country_code, 'shopify order', shopify_paid.order_key) end
    ) end as checkout_phone,
    person.language,
    person.city,
    person.postal_code,
    person.first_name,
    person.last_name,
    buyers.written_first_name,
    buyers.written_last_name,
    case
        when shopify_paid.bought_as = 'nobody' then pick(['pos', 'shopify_draft_order'], 'till', shopify_paid.order_key)
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
    and case shopify_paid.bought_as when 'account' then 0 when 'guest' then shopify_paid.order_key end
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
    greatest(ordered_at + interval 2 seconds, shipped_at, cancelled_at, last_refunded_at) as updated_at,
    cancelled_at,
    case when is_cancelled then pick(['customer', 'customer', 'inventory', 'fraud', 'other'], 'reason', order_key) end
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
    case when source_name = 'web' and visit_source like 'google/organic%' then 'https://www.google.com/' end
        as referring_site,
    case
        when source_name <> 'web' then null
        when visit_source like '//%' or visit_source like 'google/organic%' then '/'
        else '/?utm_source=' || split_part(visit_source, '/', 1)
            || '&utm_medium=' || split_part(visit_source, '/', 2)
            || '&utm_campaign=' || split_part(visit_source, '/', 3)
    end as landing_site,
    case when source_name = 'web' then language end as customer_locale,
    case when bought_as <> 'nobody' then coalesce(written_first_name, first_name) end as shipping_address_first_name,
    case when bought_as <> 'nobody' then coalesce(written_last_name, last_name) end as shipping_address_last_name,
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
        when 'DHL' then 'https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode='
        else 'https://tracking.dpd.de/parcelstatus?query='
    end || parcel.tracking_number as tracking_url,
    parcel.handed_over_at as created_at,
    greatest(
        parcel.handed_over_at,
        case when parcel.delivered_at < world_end() then parcel.delivered_at end
    ) as updated_at,
from parcel
inner join shopify_order using (order_key);

-- Truth --------------------------------------------------------------------------------------------------------

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
select 'shopify', 'customer', customer_id, person_id from shopify_customer
union all
select 'shopify', 'order', order_id, person_id from shopify_order;

insert into world.defects
select 'shopify', 'customer', customer_id, unnest(list_filter([
    case when order_key > 0 then 'guest_checkout' end,
    case when is_placeholder_email(written_email) then 'placeholder_email'
        when written_email <> true_email then 'email_spelling' end,
    case when order_key > 0 and true_email = former_email then 'former_email' end,
    case when written_first_name <> first_name or written_last_name <> last_name then 'name_variant' end,
    case when is_placeholder_phone(written_phone) then 'placeholder_phone'
        when is_in_household and written_phone is not null then 'shared_phone' end,
    case when is_at_firm then 'role_mailbox' end,
    case when is_deleted then 'deleted' end,
], lambda defect: defect is not null))
from shopify_customer;

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

insert into world.defects
select 'shopify', 'transaction', transaction_id, 'failed'
from shopify_transaction
where status = 'failure';

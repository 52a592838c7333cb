-- Orders of the shop's own web shop, items and payments in cents. An order is worth the sum of its
-- payments; coupons and gift cards pay part of an order, refunds are negative payments.

create temp table webshop_order as
with basis as (
    select
        cart.*,
        (cart.channel_no + 500)::varchar as order_id,
        'W' || (cart.channel_no + 10000) as reference,
        parcel.delivered_at,
        case
            when not chance('webshop guest', cart.order_key, 0.05) then webshop_customer.customer_id
        end as user_id,
        coalesce(webshop_customer.is_deleted, false) and user_id is not null as is_customer_deleted,
        coalesce(
            person.second_email,
            email_at(person.email, person.former_email, person.email_changed_at, cart.ordered_at)
        ) as true_email,
        person.country_code,
        coalesce(webshop_customer.written_first_name, person.first_name) as recipient_first_name,
        coalesce(webshop_customer.written_last_name, person.last_name) as recipient_last_name,
        coalesce(
            person.parcel_locker,
            written_street(
                address_at(person.street, person.former_street, person.moved_at, cart.ordered_at),
                'webshop order', cart.order_key
            )
        ) as street,
        address_at(person.postal_code, person.former_postal_code, person.moved_at, cart.ordered_at)
            as postal_code,
        pick(
            [
                'credit_card', 'credit_card', 'credit_card', 'paypal', 'paypal', 'klarna',
                'bank_transfer',
            ],
            'webshop payment',
            cart.order_key
        ) as payment_method,
        uniform('webshop return', cart.order_key) as return_draw,
    from cart
    inner join person using (person_id)
    left join webshop_customer using (person_id)
    left join parcel
        on cart.order_key = parcel.order_key and parcel.part = 0
    where cart.channel = 'webshop'
),

returned as (
    select
        *,
        case
            when return_draw < 0.06 and not is_cancelled
                then delivered_at + hours('webshop send back', order_key, 48, 400)
        end as return_asked_at,
        return_asked_at + hours('webshop refund', order_key, 60, 300) as return_done_at,
        -- Bank transfers arrive days later.
        case
            when payment_method = 'bank_transfer'
                then ordered_at + hours('transfer', order_key, 10, 90)
            else ordered_at + interval 5 seconds
        end as paid_at,
    from basis
)

select
    *,
    case
        when is_cancelled then 'cancelled'
        when return_done_at < world_end() then 'returned'
        when return_asked_at < world_end() then 'return_pending'
        when delivered_at < world_end() then 'completed'
        when shipped_at is not null then 'shipped'
        else 'placed'
    end as status,
    -- One in twelve pays part of the order with a coupon or gift card of at most 10 euros.
    case
        when uniform('voucher', order_key) < 0.08 then least(1000, total_cents // 2)
        else 0
    end as voucher_cents,
    case
        when chance('voucher kind', order_key, 0.5) then 'coupon'
        else 'gift_card'
    end as voucher_method,
    written_email(true_email, 'webshop order', order_key) as written_email,
from returned;

create temp table webshop_payment as
with vouchers as (
    select
        order_key,
        0 as step,
        voucher_method as payment_method,
        voucher_cents as cents,
        ordered_at as paid_at,
    from webshop_order
    where voucher_cents > 0
),

payments as (
    select order_key, 1, payment_method, total_cents - voucher_cents, paid_at,
    from webshop_order
    where paid_at < world_end()
        and not (is_cancelled and chance('cancelled unpaid', order_key, 0.5))
),

-- Half of the returns pay back all but the shipping; one in ten returns is never paid back.
refunds as (
    select
        webshop_order.order_key, 2, webshop_order.payment_method,
        -least(
            webshop_order.total_cents - webshop_order.voucher_cents,
            case
                when webshop_order.is_cancelled then webshop_order.total_cents
                when chance('keep shipping', webshop_order.order_key, 0.5)
                    then webshop_order.total_cents - webshop_order.shipping_cents
                else webshop_order.total_cents
            end
        ),
        case
            when webshop_order.is_cancelled
                then greatest(webshop_order.cancelled_at, payments.paid_at)
            else webshop_order.return_done_at
        end as refunded_at,
    from webshop_order
    inner join payments using (order_key)
    where refunded_at < world_end()
        and (
            webshop_order.is_cancelled
            or (
                webshop_order.status = 'returned'
                and not chance('not refunded', webshop_order.order_key, 0.1)
            )
        )
),

goodwills as (
    select order_key, 3, payment_method, -least(500, total_cents - voucher_cents),
        delivered_at + hours('webshop goodwill', order_key, 10, 300) as refunded_at,
    from webshop_order
    where status = 'completed' and chance('webshop goodwill', order_key, 0.02)
        and refunded_at < world_end()
),

unioned as (
    select * from vouchers
    union all
    select * from payments
    union all
    select * from refunds
    union all
    select * from goodwills
)

select
    row_number() over (order by paid_at, order_key, step)::varchar as payment_id,
    *,
from unioned;

create table webshop.orders as
select
    webshop_order.order_id as id,
    webshop_order.user_id,
    webshop_order.ordered_at as order_date,
    webshop_order.status,
    webshop_order.reference,
    webshop_order.written_email as email,
    webshop_order.recipient_first_name as shipping_first_name,
    webshop_order.recipient_last_name as shipping_last_name,
    webshop_order.street as shipping_street,
    webshop_order.postal_code as shipping_zip,
    webshop_order.country_code as shipping_country_code,
    'EUR' as currency,
    webshop_order.coupon_code,
    webshop_order.discount_cents::bigint as discount_amount,
    webshop_order.shipping_cents::bigint as shipping_amount,
    webshop_order.is_test,
    greatest(
        webshop_order.ordered_at,
        webshop_order.cancelled_at,
        webshop_order.shipped_at,
        case when webshop_order.delivered_at < world_end() then webshop_order.delivered_at end,
        case
            when webshop_order.return_asked_at < world_end() then webshop_order.return_asked_at
        end,
        case when webshop_order.return_done_at < world_end() then webshop_order.return_done_at end,
        payments.last_paid_at
    ) as updated_at,
from webshop_order
left join (
    select order_key, max(paid_at) as last_paid_at from webshop_payment group by order_key
) as payments using (order_key);

create table webshop.order_items as
select
    cart_line.line_key::varchar as id,
    webshop_order.order_id,
    product.sku as product_id,
    product.title as product_name,
    lower(product.category) as category,
    cart_line.quantity::bigint as quantity,
    product.cents::bigint as unit_price,
from cart_line
inner join webshop_order using (order_key)
inner join product using (product_no);

create table webshop.payments as
select
    webshop_payment.payment_id as id,
    webshop_order.order_id,
    webshop_payment.payment_method,
    webshop_payment.cents::bigint as amount,
    webshop_payment.paid_at,
from webshop_payment
inner join webshop_order using (order_key);

-- Truth -------------------------------------------------------------------------------------------

create temp table webshop_value as
select
    order_key,
    coalesce(sum(cents) filter (where cents > 0), 0)::bigint as paid_cents,
    coalesce(-sum(cents) filter (where cents < 0), 0)::bigint as refunded_cents,
from webshop_payment
group by order_key;

insert into world.orders
select
    'webshop',
    webshop_order.order_id,
    webshop_order.reference,
    webshop_order.person_id,
    webshop_order.ordered_at,
    not webshop_order.is_cancelled,
    euros(coalesce(webshop_value.paid_cents, 0)),
    euros(coalesce(webshop_value.refunded_cents, 0)),
    euros(
        case
            when webshop_order.is_cancelled then 0
            else coalesce(webshop_value.paid_cents - webshop_value.refunded_cents, 0)
        end
    ),
from webshop_order
left join webshop_value using (order_key)
where not webshop_order.is_test;

insert into world.records
select 'webshop', 'orders', order_id, person_id
from webshop_order;

insert into world.defects
select 'webshop', 'orders', webshop_order.order_id, unnest(list_filter([
    case when webshop_order.is_test then 'test' end,
    case when webshop_order.is_cancelled then 'cancelled' end,
    case when webshop_order.user_id is null then 'guest_checkout' end,
    case when webshop_order.written_email <> webshop_order.true_email then 'email_spelling' end,
    case
        when webshop_value.refunded_cents > 0 and not webshop_order.is_cancelled
            then 'refunded_later'
    end,
    case when webshop_value.order_key is null then 'unpaid' end,
    case when webshop_order.is_customer_deleted then 'customer_deleted' end,
], lambda defect: defect is not null))
from webshop_order
left join webshop_value using (order_key);

-- The money of Shopify's orders: how each was paid and refunded. Amounts agree in every direction:
-- successful sales and captures with the order, refund lines and adjustments with the refund
-- transactions.

create temp table shopify_paid as
select
    *,
    case
        when total_cents = 0 then 'free'
        when is_cancelled and chance('cancelled early', order_key, 0.5) then 'voided'
        when is_cancelled then 'sale'
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
    pick(
        ['shopify_payments', 'shopify_payments', 'paypal', 'paypal', 'klarna'], 'gateway', order_key
    ) as gateway,
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
                cast(ordered_at as date) + whole('refund day', order_key, 5, 40)::integer,
                'refund',
                order_key
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
where shopify_refund.kind = 'full'
    or (shopify_refund.kind = 'first line' and cart_line.line_no = 0);

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
    case
        when shopify_refund.kind = 'goodwill' then 'refund_discrepancy'
        else 'shipping_refund'
    end as kind,
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
    (200000000000 + row_number() over (order by refund_id, shopify_adjustment.kind) * 16)::varchar
        as id,
    shopify_paid.order_id,
    refund_id,
    euros(-(adjusted_cents - tax_in(adjusted_cents))) as amount,
    euros(-tax_in(adjusted_cents)) as tax_amount,
    shopify_adjustment.kind,
from shopify_adjustment
inner join shopify_paid using (order_key);

-- Successful sales and captures add up to the order's total exactly once, successful refunds to its
-- refunds. `step` orders the transactions of an order and makes their ids.
create temp table shopify_transaction as
with payment_steps as (
    select
        order_key,
        null::varchar as refund_id,
        unnest([
            case
                when payment_kind <> 'free' and chance('failed payment', order_key, 0.05)
                    then {
                        step: 0, kind: 'sale', status: 'failure', gateway: gateway,
                        cents: total_cents, processed_at: ordered_at - interval 90 seconds,
                    }
            end,
            case
                when gift_card_cents > 0
                    then {
                        step: 1, kind: 'sale', status: 'success', gateway: 'gift_card',
                        cents: gift_card_cents, processed_at: ordered_at,
                    }
            end,
            case
                when payment_kind = 'sale'
                    then {
                        step: 2, kind: 'sale', status: 'success', gateway: gateway,
                        cents: total_cents, processed_at: ordered_at,
                    }
                when payment_kind = 'awaited'
                    then {
                        step: 2, kind: 'sale', status: 'pending', gateway: 'bank_deposit',
                        cents: total_cents, processed_at: ordered_at,
                    }
                when payment_kind <> 'free'
                    then {
                        step: 3, kind: 'authorization', status: 'success', gateway: gateway,
                        cents: total_cents - gift_card_cents, processed_at: ordered_at,
                    }
            end,
            case
                when payment_kind in ('capture', 'gift card and capture')
                    then {
                        step: 4, kind: 'capture', status: 'success', gateway: gateway,
                        cents: total_cents - gift_card_cents,
                        processed_at: least(
                            ordered_at + hours('capture', order_key, 0.1, 20),
                            world_end() - interval 30 seconds
                        ),
                    }
                when payment_kind = 'voided'
                    then {
                        step: 5, kind: 'void', status: 'success', gateway: gateway,
                        cents: 0, processed_at: cancelled_at,
                    }
            end,
        ]) as step,
    from shopify_paid
),

refund_steps as (
    select
        order_key,
        refund_id,
        unnest([
            case
                when chance('failed refund', refund_seq, 0.03)
                    then {
                        step: 10 + refund_no, kind: 'refund', status: 'failure', gateway: gateway,
                        cents: card_cents, processed_at: refunded_at - interval 1 minute,
                    }
            end,
            {
                step: 12 + refund_no, kind: 'refund', status: 'success', gateway: gateway,
                cents: card_cents, processed_at: refunded_at,
            },
            case
                when cents > card_cents
                    then {
                        step: 14 + refund_no, kind: 'refund', status: 'success',
                        gateway: 'gift_card', cents: cents - card_cents, processed_at: refunded_at,
                    }
            end,
        ]) as step,
    from shopify_refund_sum
),

unioned as (
    select * from payment_steps
    union all
    select * from refund_steps
)

select
    order_key,
    refund_id,
    unnest(step),
    (6500000000000 + (order_key * 16 + step.step) * 4)::varchar as transaction_id,
    -- A capture or void completes the authorization, step 3.
    case
        when step.kind in ('capture', 'void')
            then (6500000000000 + (order_key * 16 + 3) * 4)::varchar
    end as parent_id,
from unioned
where step is not null;

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


insert into world.defects
select 'shopify', 'transaction', transaction_id, 'failed'
from shopify_transaction
where status = 'failure';

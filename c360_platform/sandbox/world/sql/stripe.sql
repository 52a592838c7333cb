-- Stripe behind the web shop: one successful charge per card payment, its refunds, failed attempts,
-- and guests whose charges belong to no Stripe customer.

create schema if not exists stripe;

create or replace temp macro stripe_id(prefix, kind, id) as
    prefix || left(md5(concat(getvariable('seed'), ' ', kind, ' ', id)), 24);

create temp table stripe_card_payment as
select
    webshop_payment.order_key,
    webshop_payment.cents,
    webshop_payment.paid_at,
    webshop_order.person_id,
    webshop_order.reference,
    webshop_order.written_email,
    webshop_order.is_test,
    webshop_order.user_id,
    webshop_order.user_id is not null and chance('stripe customer', webshop_order.person_id, 0.8)
        as is_known,
from webshop_payment
inner join webshop_order using (order_key)
where webshop_payment.payment_method = 'credit_card' and webshop_payment.step = 1;

create temp table stripe_refund as
select
    webshop_payment.order_key,
    webshop_payment.step,
    -webshop_payment.cents as cents,
    webshop_payment.paid_at as refunded_at,
from webshop_payment
inner join stripe_card_payment using (order_key)
where webshop_payment.cents < 0;

create temp table stripe_customer as
select
    person.*,
    stripe_id('cus_', 'customer', person.person_id) as stripe_customer_id,
    min(stripe_card_payment.paid_at) as created_at,
    written_email(coalesce(person.second_email, person.email), 'stripe', person.person_id)
        as written_email,
    chance('stripe deleted', person.person_id, 0.01) as is_deleted,
from stripe_card_payment
inner join person using (person_id)
where stripe_card_payment.is_known
group by all;

create table stripe.customer as
select
    stripe_customer_id as id,
    written_email as email,
    first_name || ' ' || last_name as name,
    case when chance('stripe phone', person_id, 0.3) then phone end as phone,
    created_at as created,
    country_code as address_country,
    case
        when chance('stripe street', person_id, 0.6)
            then written_street(
                address_at(street, former_street, moved_at, created_at), 'stripe', person_id
            )
    end as address_line_1,
    address_at(postal_code, former_postal_code, moved_at, created_at) as address_postal_code,
    is_deleted,
    true as livemode,
from stripe_customer;

create table stripe.charge as
with refunded as (
    select
        order_key,
        sum(cents)::bigint as cents,
    from stripe_refund
    group by order_key
),

attempts as (
    select
        *,
        true as is_paid,
    from stripe_card_payment
    union all
    select
        * replace (paid_at - interval 2 minutes as paid_at),
        false as is_paid,
    from stripe_card_payment
    where chance('card declined', order_key, 0.05)
)

select
    stripe_id(
        'ch_', case when attempts.is_paid then 'charge' else 'declined' end, attempts.order_key
    ) as id,
    case
        when attempts.is_known then stripe_id('cus_', 'customer', attempts.person_id)
    end as customer_id,
    stripe_id('pi_', 'intent', attempts.order_key) as payment_intent_id,
    attempts.cents::bigint as amount,
    case
        when attempts.is_paid then coalesce(refunded.cents, 0)
        else 0
    end::bigint as amount_refunded,
    'eur' as currency,
    case when attempts.is_paid then 'succeeded' else 'failed' end as status,
    attempts.is_paid as paid,
    attempts.is_paid as captured,
    attempts.is_paid and coalesce(refunded.cents, 0) >= attempts.cents as refunded,
    attempts.paid_at as created,
    attempts.written_email as billing_detail_email,
    attempts.reference as order_reference,
    not attempts.is_test as livemode,
from attempts
left join refunded using (order_key);

create table stripe.refund as
select
    stripe_id('re_', 'refund', order_key * 4 + step) as id,
    stripe_id('ch_', 'charge', order_key) as charge_id,
    cents::bigint as amount,
    'succeeded' as status,
    'requested_by_customer' as reason,
    refunded_at as created,
from stripe_refund;

-- Truth -------------------------------------------------------------------------------------------

insert into world.records
select 'stripe', 'customer', stripe_customer_id, person_id from stripe_customer
union all
select 'stripe', 'charge', stripe_id('ch_', 'charge', order_key), person_id from stripe_card_payment
union all
select 'stripe', 'charge', stripe_id('ch_', 'declined', order_key), person_id
from stripe_card_payment
where chance('card declined', order_key, 0.05);

insert into world.defects
select 'stripe', 'charge', stripe_id('ch_', 'charge', order_key), 'guest_checkout'
from stripe_card_payment
where not is_known
union all
select 'stripe', 'charge', stripe_id('ch_', 'charge', order_key), 'test'
from stripe_card_payment
where is_test
union all
select 'stripe', 'charge', stripe_id('ch_', 'declined', order_key), 'failed'
from stripe_card_payment
where chance('card declined', order_key, 0.05)
union all
select 'stripe', 'customer', stripe_customer_id, 'deleted' from stripe_customer where is_deleted;

-- Refunds at their own dates are the refunds of the orders, to the cent.
with

refunds as (

    select
        order_key,
        sum(refunded_amount) as refunded_amount
    from {{ ref('int_order__refunds') }}
    group by 1

),

orders as (

    select
        order_key,
        refunded_amount
    from {{ ref('stg_orders') }}
    where refunded_amount != 0

)

select
    orders.order_key,
    orders.refunded_amount,
    refunds.refunded_amount as refunded_amount_of_refunds
from orders
full outer join refunds
    on orders.order_key = refunds.order_key
where coalesce(orders.refunded_amount, 0) != coalesce(refunds.refunded_amount, 0)

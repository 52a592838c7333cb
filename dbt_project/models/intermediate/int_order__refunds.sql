-- Money that went back, at its own date. What an order has refunded beyond its recorded payments, as when a refund
-- has no transaction, is dated at the order's last change.
{{ warehouse_layout(partition_by='refunded_at', cluster_by=['order_key']) }}

with

orders as (

    select * from {{ ref('stg_orders') }}

),

payments as (

    select * from {{ ref('stg_payments') }}
    where is_refund

),

paid_back as (

    select
        order_key,
        -sum(amount) as amount
    from payments
    group by 1

),

unrecorded as (

    select
        orders.order_key,
        orders.refunded_amount - coalesce(paid_back.amount, 0) as amount,
        coalesce(orders.updated_at, orders.ordered_at) as refunded_at
    from orders
    left join paid_back
        on orders.order_key = paid_back.order_key
    where orders.refunded_amount != coalesce(paid_back.amount, 0)

),

refunds as (

    select
        payment_key as refund_key,
        order_key,
        -amount as amount,
        paid_at as refunded_at
    from payments

    union all

    select
        order_key || ':unrecorded' as refund_key,
        order_key,
        amount,
        refunded_at
    from unrecorded

),

final as (

    select
        refund_key,
        order_key,
        {{ to_money('amount') }} as refunded_amount,
        {{ local_date('refunded_at') }} as refund_date,
        refunded_at
    from refunds

)

select * from final

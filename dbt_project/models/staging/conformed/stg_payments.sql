-- A channel that records no payments has one per order, and one back when money was refunded.
{{ warehouse_layout(partition_by='paid_at', cluster_by=['order_key']) }}

with

recorded as (

    {{ union_channels('payments', var('channels_with_payments')) }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

unrecorded_orders as (

    select * from orders
    where channel not in ('{{ var("channels_with_payments") | join("', '") }}')  -- noqa: LT05

),

payments as (

    select
        recorded.channel,
        recorded.order_key,
        recorded.payment_key,
        recorded.payment_method,
        recorded.amount,
        orders.currency,
        coalesce(recorded.paid_at, orders.ordered_at) as paid_at,
        recorded.is_refund
    from recorded
    inner join orders
        on recorded.order_key = orders.order_key

    union all

    select
        channel,
        order_key,
        order_key || ':payment' as payment_key,
        payment_method,
        gross_amount as amount,
        currency,
        ordered_at as paid_at,
        false as is_refund
    from unrecorded_orders

    union all

    select
        channel,
        order_key,
        order_key || ':refund' as payment_key,
        payment_method,
        -refunded_amount as amount,
        currency,
        coalesce(updated_at, ordered_at) as paid_at,
        true as is_refund
    from unrecorded_orders
    where refunded_amount != 0

),

final as (

    select
        *,
        {{ payment_category('payment_method') }} as payment_category,
        {{ payment_category('payment_method') }} = 'promotional' as is_promotional
    from payments

)

select * from final

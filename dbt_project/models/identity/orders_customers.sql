-- Every order has exactly one customer: its account's, or its own as a guest.
{{ warehouse_layout(cluster_by=['order_key']) }}

with

orders as (

    select * from {{ ref('stg_orders') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

final as (

    select
        orders.order_key,
        customer_ids.customer_id
    from orders
    inner join customer_ids
        on customer_ids.record_key
        = coalesce(orders.customer_key, orders.channel || '_order:' || orders.order_id)

)

select * from final

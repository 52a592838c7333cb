-- Every order that counts is in the activity once and with its worth.
with orders as (
    select
        count(*) as orders,
        coalesce(sum(net_amount), 0) as net_amount
    from {{ ref('stg_orders') }}
    where is_counted
),

activity as (
    select
        count(*) as orders,
        coalesce(sum(net_amount), 0) as net_amount
    from {{ ref('stg_customer_activity') }}
)

select
    orders.orders,
    activity.orders as activity_orders,
    orders.net_amount,
    activity.net_amount as activity_net_amount
from orders
cross join activity
where orders.orders != activity.orders
    or orders.net_amount != activity.net_amount

-- Every counted order and every cent of it in the reporting currency is in each mart of customers and orders, once;
-- by channel, too, where a mart knows channels.
with

channels as (

    select
        stg_orders.channel,
        count(*) as orders,
        sum(case when stg_orders.currency = reporting_currency.currency then stg_orders.net_amount else 0 end)
            as revenue
    from {{ ref('stg_orders') }} as stg_orders
    cross join {{ ref('stg_reporting_currency') }} as reporting_currency
    where stg_orders.is_counted
    group by 1

),

expected as (

    select
        channel,
        orders,
        revenue
    from channels

    union all

    select
        'all' as channel,
        sum(orders) as orders,
        sum(revenue) as revenue
    from channels
    having count(*) > 0

),

order_rows as (

    select
        channel,
        count(*) as orders,
        sum(case when is_reporting_currency then net_amount else 0 end) as revenue
    from {{ ref('orders') }}
    where is_counted
    group by 1

),

found as (

    select
        'customers' as mart,
        'all' as channel,
        sum(number_of_orders) as orders,
        sum(customer_lifetime_value) as revenue
    from {{ ref('customers') }}

    union all

    select
        'orders' as mart,
        channel,
        orders,
        revenue
    from order_rows

    union all

    select
        'orders' as mart,
        'all' as channel,
        sum(orders) as orders,
        sum(revenue) as revenue
    from order_rows

    union all

    select
        'customer_segmentation' as mart,
        channel,
        sum(total_orders) as orders,
        sum(lifetime_revenue) as revenue
    from {{ ref('customer_segmentation') }}
    group by 2

),

-- every mart must have every channel that it can have
due as (

    select
        marts.mart,
        expected.channel,
        expected.orders,
        expected.revenue
    from (
        select 'customers' as mart
        union all
        select 'orders' as mart
        union all
        select 'customer_segmentation' as mart
    ) as marts
    cross join expected
    where marts.mart != 'customers' or expected.channel = 'all'

)

select
    due.mart,
    due.channel,
    due.orders as expected_orders,
    found.orders,
    due.revenue as expected_revenue,
    found.revenue
from due
left join found
    on due.mart = found.mart
    and due.channel = found.channel
where due.orders != coalesce(found.orders, 0) or due.revenue != coalesce(found.revenue, 0)

-- Every counted order and every cent of it in the reporting currency is in dim_customers, once.
with

orders as (

    select
        count(*) as total_orders,
        coalesce(sum(
            case when stg_orders.currency = reporting_currency.currency then stg_orders.net_amount else 0 end
        ), 0) as revenue
    from {{ ref('stg_orders') }} as stg_orders
    cross join {{ ref('stg_reporting_currency') }} as reporting_currency
    where stg_orders.is_counted

),

customers as (

    select
        coalesce(sum(total_orders), 0) as total_orders,
        coalesce(sum(lifetime_revenue), 0) as revenue
    from {{ ref('dim_customers') }}

)

select
    orders.total_orders,
    customers.total_orders as total_orders_of_customers,
    orders.revenue,
    customers.revenue as revenue_of_customers
from orders
cross join customers
where orders.total_orders != customers.total_orders or orders.revenue != customers.revenue

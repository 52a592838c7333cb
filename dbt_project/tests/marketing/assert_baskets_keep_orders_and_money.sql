-- Giving the money of orders to their articles loses no order and no cent, and doubles none.
with

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

orders as (

    select
        count(*) as orders,
        coalesce(sum(
            case when stg_orders.currency = reporting_currency.currency then stg_orders.gross_amount else 0 end
        ), 0) as gross_revenue,
        coalesce(sum(
            case when stg_orders.currency = reporting_currency.currency then stg_orders.net_amount else 0 end
        ), 0) as net_revenue
    from {{ ref('stg_orders') }} as stg_orders
    cross join reporting_currency
    where stg_orders.is_counted

),

baskets as (

    select
        count(distinct order_key) as orders,
        coalesce(sum(gross_revenue), 0) as gross_revenue,
        coalesce(sum(gross_revenue - refunded_amount), 0) as net_revenue
    from {{ ref('int_basket__products') }}

)

select
    orders.orders,
    baskets.orders as orders_of_baskets,
    orders.gross_revenue,
    baskets.gross_revenue as gross_revenue_of_baskets,
    orders.net_revenue,
    baskets.net_revenue as net_revenue_of_baskets
from orders
cross join baskets
where orders.orders != baskets.orders
    or orders.gross_revenue != baskets.gross_revenue
    or orders.net_revenue != baskets.net_revenue

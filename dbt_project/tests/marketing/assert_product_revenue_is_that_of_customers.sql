-- What all articles earned, and what orders without known articles earned, is the revenue of all customers; and the
-- channels add up to all of them together.
with

products as (

    select
        coalesce(sum(case when channel = 'all' then net_revenue end), 0) as net_revenue,
        coalesce(sum(case when channel != 'all' then net_revenue end), 0) as net_revenue_of_channels,
        coalesce(sum(case when channel = 'all' then units end), 0) as units,
        coalesce(sum(case when channel != 'all' then units end), 0) as units_of_channels
    from {{ ref('product_performance') }}

),

unknown as (

    select coalesce(sum(gross_revenue - refunded_amount), 0) as net_revenue
    from {{ ref('int_basket__products') }}
    where product_key is null

),

customers as (

    select coalesce(sum(lifetime_revenue), 0) as net_revenue
    from {{ ref('dim_customers') }}

)

select
    products.*,
    unknown.net_revenue as net_revenue_of_unknown,
    customers.net_revenue as net_revenue_of_customers
from products
cross join unknown
cross join customers
where products.net_revenue + unknown.net_revenue != customers.net_revenue
    or products.net_revenue != products.net_revenue_of_channels
    or products.units != products.units_of_channels

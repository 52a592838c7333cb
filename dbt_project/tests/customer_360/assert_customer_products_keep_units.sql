-- The units of all customers are those of all orders that count.
with

orders as (

    select coalesce(sum(units), 0) as units
    from {{ ref('int_order__products') }}
    where order_key in (select order_key from {{ ref('stg_customer_activity') }})

),

customers as (

    select coalesce(sum(units), 0) as units from {{ ref('int_customer__products') }}

)

select
    orders.units,
    customers.units as units_of_customers
from orders
cross join customers
where orders.units != customers.units

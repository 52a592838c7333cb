-- What Amazon charged is what the conformed orders say, to the cent.
with raw_orders as (
    select
        count(*) as orders,
        coalesce(sum({{ money('order_total_amount') }}), 0) as gross_amount
    from {{ raw('amazon', 'orders') }}
    where purchase_date <= {{ as_of_end() }}
),

conformed as (
    select
        count(*) as orders,
        coalesce(sum(gross_amount), 0) as gross_amount
    from {{ ref('stg_orders') }}
    where channel = 'amazon'
)

select
    raw_orders.orders as raw_orders,
    conformed.orders as conformed_orders,
    raw_orders.gross_amount as raw_gross_amount,
    conformed.gross_amount as conformed_gross_amount
from raw_orders
cross join conformed
where raw_orders.orders != conformed.orders
    or raw_orders.gross_amount != conformed.gross_amount

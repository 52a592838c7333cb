-- What Shopify charged for orders that are neither tests nor deleted is what the conformed orders
-- say, to the cent.
with raw_orders as (
    select
        count(*) as orders,
        coalesce(sum(total_price), 0) as gross_amount
    from {{ raw('shopify', 'order') }}
    where not coalesce(test, false)
        and not coalesce(_fivetran_deleted, false)
        and created_at <= {{ as_of_end() }}
),

raw_refunds as (
    select coalesce(sum(refunds.refunded_amount), 0) as refunded_amount
    from {{ ref('stg_shopify__refunds') }} as refunds
    inner join {{ ref('stg_orders') }} as orders
        on 'shopify:' || refunds.order_id = orders.order_key
),

conformed as (
    select
        count(*) as orders,
        coalesce(sum(gross_amount), 0) as gross_amount,
        coalesce(sum(refunded_amount), 0) as refunded_amount
    from {{ ref('stg_orders') }}
    where channel = 'shopify'
)

select
    raw_orders.orders as raw_orders,
    conformed.orders as conformed_orders,
    raw_orders.gross_amount as raw_gross_amount,
    conformed.gross_amount as conformed_gross_amount,
    raw_refunds.refunded_amount as raw_refunded_amount,
    conformed.refunded_amount as conformed_refunded_amount
from raw_orders
cross join raw_refunds
cross join conformed
where raw_orders.orders != conformed.orders
    or raw_orders.gross_amount != conformed.gross_amount
    or raw_refunds.refunded_amount != conformed.refunded_amount

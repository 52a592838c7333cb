-- The payments of the web shop's orders, refunds taken off, are what the conformed orders say, to
-- the cent.
with raw_payments as (
    select coalesce(sum({{ cents('payments.amount') }}), 0) as paid_amount
    from {{ raw('webshop', 'payments') }} as payments
    inner join {{ raw('webshop', 'orders') }} as orders
        on payments.order_id = orders.id
    where not coalesce(orders.is_test, false)
        and orders.order_date <= {{ as_of_end() }}
        and {{ known_as_of('payments.paid_at') }}
),

conformed as (
    select coalesce(sum(gross_amount - refunded_amount), 0) as paid_amount
    from {{ ref('stg_orders') }}
    where channel = 'webshop'
)

select
    raw_payments.paid_amount as raw_paid_amount,
    conformed.paid_amount as conformed_paid_amount
from raw_payments
cross join conformed
where raw_payments.paid_amount != conformed.paid_amount

-- Every payment of the channels is in orders, once, in its own currency.
with

payments as (

    select
        currency,
        sum(amount) as amount
    from {{ ref('stg_payments') }}
    group by 1

),

orders as (

    select
        currency,
        sum(amount) as amount
    from {{ ref('orders') }}
    group by 1

)

select
    payments.currency,
    payments.amount,
    orders.amount as amount_of_orders
from payments
left join orders
    on payments.currency = orders.currency
where payments.amount != coalesce(orders.amount, 0)

-- Every payment of a known order that a channel records is in the conformed payments, once; channels that record none
-- have what their orders say.
with

orders as (

    select * from {{ ref('stg_orders') }}

),

recorded as (

    {{ union_channels('payments', var('channels_with_payments')) }}

),

given as (

    select
        channel,
        sum(amount) as amount
    from recorded
    where order_key in (select order_key from orders)
    group by 1

    union all

    select
        channel,
        sum(gross_amount - refunded_amount) as amount
    from orders
    where channel not in ('{{ var("channels_with_payments") | join("', '") }}')  -- noqa: LT05
    group by 1

),

conformed as (

    select
        channel,
        sum(amount) as amount
    from {{ ref('stg_payments') }}
    group by 1

)

select
    coalesce(given.channel, conformed.channel) as channel,
    given.amount,
    conformed.amount as conformed_amount
from given
full outer join conformed
    on given.channel = conformed.channel
where given.channel is null
    or conformed.channel is null
    or coalesce(given.amount, 0) != coalesce(conformed.amount, 0)

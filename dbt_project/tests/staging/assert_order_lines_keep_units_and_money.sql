-- Finding the articles of order lines loses no line of a known order and doubles none.
with

orders as (

    select order_key from {{ ref('stg_orders') }}

),

lines as (

    {{ union_channels('order_lines', var('channels_with_order_lines')) }}

),

given as (

    select
        lines.channel,
        count(*) as order_lines,
        sum(lines.quantity) as units,
        sum(lines.line_amount) as amount
    from lines
    where lines.order_key in (select order_key from orders)
    group by 1

),

conformed as (

    select
        channel,
        count(*) as order_lines,
        sum(quantity) as units,
        sum(line_amount) as amount
    from {{ ref('stg_order_lines') }}
    group by 1

)

select
    coalesce(given.channel, conformed.channel) as channel,
    given.order_lines,
    conformed.order_lines as conformed_order_lines,
    given.units,
    conformed.units as conformed_units,
    given.amount,
    conformed.amount as conformed_amount
from given
full outer join conformed
    on given.channel = conformed.channel
where given.channel is null
    or conformed.channel is null
    or given.order_lines != conformed.order_lines
    or coalesce(given.units, 0) != coalesce(conformed.units, 0)
    or coalesce(given.amount, 0) != coalesce(conformed.amount, 0)

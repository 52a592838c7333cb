-- What does each month bring, by sales channel, and against the same month a year before?
-- Net of refunds, at the day of the order; the running month is left out.
with

orders as (

    select * from {{ ref('orders') }}
    where is_counted and is_reporting_currency

),

months as (

    select
        order_month,
        channel,
        count(*) as orders,
        sum(case when is_first_order then 1 else 0 end) as new_customers,
        sum(net_amount) as revenue
    from orders
    where order_month <= {{ last_finished_month() }}
    group by 1, 2

),

final as (

    select
        months.order_month,
        months.channel,
        months.revenue,
        months.orders,
        months.new_customers,
        {{ x_safe_divide('months.revenue', 'months.orders') }} as avg_order_value,
        {{ x_safe_divide('months.revenue - year_before.revenue', 'year_before.revenue') }}
            as growth_on_year_before
    from months
    left join months as year_before
        on months.channel = year_before.channel
        and months.order_month = {{ x_date_add('year_before.order_month', '1', 'year') }}

)

select * from final
order by order_month desc, channel asc

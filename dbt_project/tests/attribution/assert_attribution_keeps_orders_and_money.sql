-- No order and no cent is lost or doubled between the shop's orders and the channels of any model. The data-driven
-- models may not have been computed for all orders yet, so theirs are compared with the orders that they have.
with

orders as (

    select
        count(*) as conversions,
        coalesce(sum(
            case when activity.currency = reporting_currency.currency then activity.net_amount else 0 end
        ), 0) as revenue
    from {{ ref('stg_customer_activity') }} as activity
    cross join {{ ref('stg_reporting_currency') }} as reporting_currency

),

credited as (

    {%- for model in attribution_models() %}
    select
        '{{ model }}' as attribution_model,
        {{ x_count_if('channel_number = 1 and ' ~ model ~ '_credit is not null') }} as conversions,
        coalesce(sum(
            case when channel_number = 1 and {{ model }}_credit is not null then order_revenue end
        ), 0) as revenue
    from {{ ref('attribution_credits') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

channels as (

    select
        attribution_model,
        sum(conversions) as conversions,
        sum(revenue) as revenue
    from {{ ref('marketing_attribution') }}
    group by attribution_model

)

select
    credited.attribution_model,
    orders.conversions as orders,
    credited.conversions as credited_orders,
    channels.conversions as orders_of_channels,
    orders.revenue,
    credited.revenue as credited_revenue,
    channels.revenue as revenue_of_channels
from credited
cross join orders
left join channels
    on credited.attribution_model = channels.attribution_model
where abs(credited.conversions - coalesce(channels.conversions, 0)) > 0.000001 * (10 + credited.conversions)
    or credited.revenue != coalesce(channels.revenue, 0)
    or (
        credited.attribution_model not in ('markov', 'shapley')
        and (credited.conversions != orders.conversions or credited.revenue != orders.revenue)
    )

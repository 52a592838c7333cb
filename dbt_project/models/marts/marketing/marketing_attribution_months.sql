-- Credits of a month by channel and attribution model. Revenue is rounded along the sum, so that channels of a month
-- add up to its revenue to the cent.
{{ warehouse_layout(partition_by='order_month', data_type='date', cluster_by=['attribution_model', 'channel']) }}

with

attribution_credits as (

    select * from {{ ref('attribution_credits') }}

),

spend as (

    select * from {{ ref('stg_marketing__spend') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

models as (

    {%- for model in attribution_models() %}
    select '{{ model }}' as attribution_model
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

credited as (

    select
        channel,
        is_assumed,
        {%- for model in attribution_models() %}
        sum({{ model }}_credit) as {{ model }}_conversions,
        sum({{ model }}_credit * case when order_revenue is not null then 1 else 0 end)
            as {{ model }}_conversions_in_money,
        sum({{ model }}_credit * case when is_first_order then 1 else 0 end) as {{ model }}_new_customers,
        sum({{ model }}_credit * order_revenue) as {{ model }}_revenue,
        sum(case when channel_number = 1 and {{ model }}_credit is not null then order_revenue end)
            as {{ model }}_whole_revenue,
        {%- endfor %}
        order_month
    from attribution_credits
    group by channel, is_assumed, order_month

),

monthly_spend as (

    select
        spend.channel,
        {{ x_date_trunc('month', 'spend.spend_date') }} as order_month,
        sum(spend.amount) as spend
    from spend
    inner join reporting_currency
        on spend.currency = reporting_currency.currency
    group by 1, 2

),

months as (

    select
        models.attribution_model,
        coalesce(credited.channel, monthly_spend.channel) as channel,
        coalesce(credited.is_assumed, false) as is_assumed,
        coalesce(credited.order_month, monthly_spend.order_month) as order_month,
        {%- for part in ['conversions', 'conversions_in_money', 'new_customers', 'revenue', 'whole_revenue'] %}
        case models.attribution_model
            {%- for model in attribution_models() %}
            when '{{ model }}' then credited.{{ model }}_{{ part }}
            {%- endfor %}
        end as {{ part }},
        {%- endfor %}
        monthly_spend.spend
    from credited
    full outer join monthly_spend
        on credited.channel = monthly_spend.channel
        and credited.order_month = monthly_spend.order_month
    cross join models

),

-- A data-driven model that has not been computed yet has no rows.
present as (

    select
        attribution_model,
        channel,
        is_assumed,
        order_month,
        spend,
        coalesce(conversions, 0) as conversions,
        coalesce(conversions_in_money, 0) as conversions_in_money,
        coalesce(new_customers, 0) as new_customers,
        coalesce(revenue, 0) as revenue,
        coalesce(whole_revenue, 0) as whole_revenue
    from (
        select
            *,
            max(conversions) over (partition by attribution_model) as most_conversions
        from months
    ) as months_of_models
    where most_conversions is not null

),

summed as (

    select
        *,
        sum(revenue) over (
            partition by attribution_model, order_month
            order by channel
            rows between unbounded preceding and current row
        ) as revenue_so_far,
        sum(whole_revenue) over (partition by attribution_model, order_month) as month_revenue,
        row_number() over (partition by attribution_model, order_month order by channel) as channel_number,
        count(*) over (partition by attribution_model, order_month) as channels
    from present

),

rounded as (

    select
        *,
        case
            when channel_number = channels then {{ to_money('month_revenue') }}
            else {{ to_money('revenue_so_far') }}
        end as rounded_so_far
    from summed

),

final as (

    select
        attribution_model || '/' || channel || '/' || {{ x_fmt_date('order_month', '%Y-%m') }}
            as attribution_month_key,
        attribution_model,
        channel,
        round(conversions, 6) as conversions,
        round(conversions_in_money, 6) as conversions_in_money,
        round(new_customers, 6) as new_customers,
        {{ to_money('rounded_so_far - coalesce(lag(rounded_so_far) over (
            partition by attribution_model, order_month order by channel
        ), 0)') }} as revenue,
        {{ to_money('spend') }} as spend,
        is_assumed,
        order_month
    from rounded

)

select * from final

{{ warehouse_layout(cluster_by=['channel', 'cohort_month']) }}

{%- set observed_months = var('cohort_quality_months') %}
{%- set parts = ['retention', 'repeat_order', 'revenue'] %}

with

months as (

    select * from {{ ref('int_cohort__months') }}

),

products as (

    select * from {{ ref('int_cohort__products') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

-- Who first bought in a month bought in it, so the active of that month are the whole cohort.
cohorts as (

    select
        channel,
        cohort_month,
        active_customers as cohort_customers,
        {{ x_date_diff('month', 'cohort_month', last_finished_month()) }} as age_months,
        max({{ x_date_diff('month', 'cohort_month', last_finished_month()) }}) over (
            partition by channel
        ) as channel_age_months
    from months
    where activity_month = cohort_month

),

-- Every cohort has a row for each month of its channel's oldest one.
grid as (

    select
        cohorts.channel,
        cohorts.cohort_month,
        cohorts.cohort_customers,
        months_since_first_order,
        {{ x_date_add('cohorts.cohort_month', 'months_since_first_order', 'month') }}
            as activity_month,
        months_since_first_order <= cohorts.age_months as is_finished
    from cohorts
    cross join {{ x_unnest(x_integers('0', 'cohorts.channel_age_months'), 'months_since_first_order') }}

),

-- A finished month in which nothing happened is zero, one that is not over is nothing at all.
measured as (

    select
        {%- for column in ['active_customers', 'orders', 'revenue', 'refunded_amount', 'refunds_paid'] %}
        case when grid.is_finished then coalesce(months.{{ column }}, 0) end as {{ column }},
        {%- endfor %}
        grid.*
    from grid
    left join months
        on grid.channel = months.channel
        and grid.cohort_month = months.cohort_month
        and grid.activity_month = months.activity_month

),

progressed as (

    select
        *,
        sum(orders) over cohort_until_month as orders_until_month,
        sum(revenue) over cohort_until_month as revenue_until_month
    from measured
    window cohort_until_month as (
        partition by channel, cohort_month
        order by months_since_first_order
        rows between unbounded preceding and current row
    )

),

-- Cohorts are compared at the same age: over their first months, once these are over.
observed as (

    select
        channel,
        cohort_month,
        max(cohort_customers) as cohort_customers,
        sum(case when months_since_first_order > 0 then active_customers else 0 end)
            as retention_sum,
        sum(orders) - max(cohort_customers) as repeat_order_sum,
        sum(revenue) as revenue_sum
    from progressed
    where months_since_first_order <= {{ observed_months }}
    group by 1, 2
    having min(case when is_finished then 1 else 0 end) = 1

),

benchmarked as (

    select
        {%- for part in parts %}
        {{ x_safe_divide(part ~ '_sum', 'cohort_customers') }} as {{ part }}_of_cohort,
        {{ x_safe_divide(
            'sum(' ~ part ~ '_sum) over (partition by channel)',
            'sum(cohort_customers) over (partition by channel)'
        ) }} as {{ part }}_of_channel,
        {%- endfor %}
        channel,
        cohort_month
    from observed

),

-- As good as the channel's cohorts are together is 50, twice as good or better 100. Where they have nothing, nobody
-- is better or worse.
rated as (

    select
        {%- for part in parts %}
        case
            when {{ part }}_of_channel > 0
                then greatest(
                        0, least(100, 50 * {{ part }}_of_cohort / {{ part }}_of_channel)
                    )
            else 50
        end as {{ part }}_score,
        {%- endfor %}
        channel,
        cohort_month
    from benchmarked

),

scored as (

    select
        channel,
        cohort_month,
        {%- for part in parts %}
        round({{ part }}_score, 1) as {{ part }}_score,
        {%- endfor %}
        round(
            (
                {%- for part in parts %}
                {{ var('cohort_' ~ part ~ '_weight') }} * {{ part }}_score{{ ' +' if not loop.last }}
                {%- endfor %}
            ) / (
                {%- for part in parts %}
                {{ var('cohort_' ~ part ~ '_weight') }}{{ ' +' if not loop.last }}
                {%- endfor %}
            ),
            1
        ) as cohort_quality_score
    from rated

),

final as (

    select
        progressed.channel,
        progressed.cohort_month,
        progressed.months_since_first_order,
        progressed.activity_month,
        progressed.is_finished,
        case
            when progressed.months_since_first_order < {{ var('cohort_activation_from_month') }}
                then 'Acquisition'
            when progressed.months_since_first_order < {{ var('cohort_retention_from_month') }}
                then 'Activation'
            when progressed.months_since_first_order < {{ var('cohort_revenue_from_month') }}
                then 'Retention'
            when progressed.months_since_first_order < {{ var('cohort_referral_from_month') }}
                then 'Revenue'
            else 'Referral'
        end as cohort_stage,
        progressed.cohort_customers,
        progressed.active_customers,
        {{ x_safe_divide('progressed.active_customers', 'progressed.cohort_customers') }}
            as retention_rate,
        progressed.orders,
        case
            when progressed.is_finished
                then cast(progressed.orders_until_month as {{ type_integer() }})
        end as cumulative_orders,
        reporting_currency.currency,
        progressed.revenue,
        progressed.refunded_amount,
        progressed.refunds_paid,
        case
            when progressed.is_finished
                then cast(progressed.revenue_until_month as {{ type_money() }})
        end as cumulative_revenue,
        case
            when progressed.is_finished
                then {{ to_money('progressed.revenue_until_month / progressed.cohort_customers') }}
        end as ltv_per_customer,
        scored.retention_score,
        scored.repeat_order_score,
        scored.revenue_score,
        scored.cohort_quality_score,
        case
            when scored.cohort_quality_score is null then 'too_young'
            when scored.cohort_quality_score >= {{ var('cohort_strong_min_score') }} then 'strong'
            when scored.cohort_quality_score >= {{ var('cohort_average_min_score') }} then 'average'
            else 'weak'
        end as cohort_quality,
        products.top_products
    from progressed
    left join scored
        on progressed.channel = scored.channel
        and progressed.cohort_month = scored.cohort_month
    left join products
        on progressed.channel = products.channel
        and progressed.cohort_month = products.cohort_month
    cross join reporting_currency

)

select * from final

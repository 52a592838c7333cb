-- What each customer bought in each channel, scored among the customers of the channel. All channels together are
-- int_customer__order_metrics.
{{ warehouse_layout(cluster_by=['customer_id']) }}

with

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

totals as (

    select
        customer_activity.customer_id,
        customer_activity.channel,
        count(*) as total_orders,
        sum(
            case
                when customer_activity.currency = reporting_currency.currency
                    then customer_activity.net_amount
                else 0
            end
        ) as lifetime_revenue,
        min(customer_activity.order_date) as first_order_date,
        max(customer_activity.order_date) as last_order_date
    from customer_activity
    cross join reporting_currency
    group by 1, 2

),

measured as (

    select
        *,
        {{ x_date_diff('day', 'last_order_date', as_of()) }} as days_since_last_order
    from totals

),

ranked as (

    select
        *,
        {{ rfm_rank('days_since_last_order', among='channel') }} as recency_rank,
        {{ rfm_rank('total_orders', among='channel') }} as frequency_rank,
        {{ rfm_rank('lifetime_revenue', among='channel') }} as monetary_rank
    from measured

),

scored as (

    select
        *,
        {{ recency_score('recency_rank') }} as recency_score,
        {{ frequency_or_monetary_score('frequency_rank') }} as frequency_score,
        {{ frequency_or_monetary_score('monetary_rank') }} as monetary_score
    from ranked

),

final as (

    select
        customer_id,
        channel,
        {{ rfm_cell('recency_score', 'frequency_score', 'monetary_score') }} as rfm_segment,
        recency_score,
        frequency_score,
        monetary_score,
        total_orders,
        cast(lifetime_revenue as {{ type_money() }}) as lifetime_revenue,
        first_order_date,
        last_order_date,
        days_since_last_order
    from scored

)

select * from final

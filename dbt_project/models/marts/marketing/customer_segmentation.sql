{{ warehouse_layout(cluster_by=['channel', 'customer_id']) }}

with

people as (

    select * from {{ ref('int_customer__attributes') }}

),

order_metrics as (

    select * from {{ ref('int_customer__order_metrics') }}

),

channel_scores as (

    select * from {{ ref('int_customer__channel_scores') }}

),

rfm_segments as (

    select * from {{ ref('rfm_segments') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

-- Everybody once for all channels together, with an order or without, and once for each channel bought from.
scored as (

    select
        people.customer_id,
        'all' as channel,
        coalesce(order_metrics.rfm_segment, '000') as rfm_segment,
        order_metrics.recency_score,
        order_metrics.frequency_score,
        order_metrics.monetary_score,
        coalesce(order_metrics.total_orders, 0) as total_orders,
        coalesce(order_metrics.lifetime_revenue, 0) as lifetime_revenue,
        order_metrics.first_order_date,
        order_metrics.last_order_date,
        order_metrics.days_since_last_order
    from people
    left join order_metrics
        on people.customer_id = order_metrics.customer_id

    union all

    select
        customer_id,
        channel,
        rfm_segment,
        recency_score,
        frequency_score,
        monetary_score,
        total_orders,
        lifetime_revenue,
        first_order_date,
        last_order_date,
        days_since_last_order
    from channel_scores

),

final as (

    select
        scored.customer_id,
        scored.channel,
        scored.rfm_segment,
        scored.recency_score,
        scored.frequency_score,
        scored.monetary_score,
        rfm_segments.customer_segment,
        rfm_segments.marketing_action,
        scored.total_orders,
        reporting_currency.currency,
        scored.lifetime_revenue,
        scored.first_order_date,
        scored.last_order_date,
        scored.days_since_last_order
    from scored
    left join rfm_segments
        on scored.rfm_segment = rfm_segments.rfm_segment
    cross join reporting_currency

)

select * from final

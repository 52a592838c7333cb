-- Which cohort each order that counts belongs to: the month of the customer's first order anywhere, and of the first
-- one in the order's channel.
{{ warehouse_layout(partition_by='order_month', data_type='date', cluster_by=['order_key']) }}

with

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

dated as (

    select
        customer_activity.order_key,
        customer_activity.customer_id,
        customer_activity.channel,
        case
            when customer_activity.currency = reporting_currency.currency
                then customer_activity.net_amount
            else 0
        end as revenue,
        customer_activity.currency = reporting_currency.currency as is_reporting_currency,
        {{ x_date_trunc('month', 'customer_activity.order_date') }} as order_month,
        customer_activity.months_since_first_order
    from customer_activity
    cross join reporting_currency

),

final as (

    select
        order_key,
        customer_id,
        channel,
        cast(revenue as {{ type_money() }}) as revenue,
        is_reporting_currency,
        order_month,
        {{ x_date_add('order_month', '-months_since_first_order', 'month') }} as cohort_month,
        min(order_month) over (partition by customer_id, channel) as channel_cohort_month
    from dated

)

select * from final

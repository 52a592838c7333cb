-- What each cohort did in each month in which it did something, in all channels together and in each. Months that
-- are not over are left out.
{{ warehouse_layout(cluster_by=['channel', 'cohort_month']) }}

with

orders as (

    select * from {{ ref('int_cohort__orders') }}

),

refunds as (

    select * from {{ ref('int_order__refunds') }}

),

-- Refunds of cohorts' orders. A refund is never before its order.
refunds_of_cohorts as (

    select
        orders.channel,
        orders.cohort_month,
        orders.channel_cohort_month,
        orders.order_month,
        greatest(
            {{ x_date_trunc('month', 'refunds.refund_date') }}, orders.order_month
        ) as refund_month,
        refunds.refunded_amount
    from refunds
    inner join orders
        on refunds.order_key = orders.order_key
    where orders.is_reporting_currency

),

{%- set forms = [
    {'channel': "'all'", 'cohort_month': 'cohort_month'},
    {'channel': 'channel', 'cohort_month': 'channel_cohort_month'},
] %}

activities as (
    {%- for form in forms %}

    select
        {{ form.channel }} as channel,
        {{ form.cohort_month }} as cohort_month,
        order_month as activity_month,
        count(distinct customer_id) as active_customers,
        count(*) as orders,
        sum(revenue) as revenue,
        0 as refunded_amount,
        0 as refunds_paid
    from orders
    group by 1, 2, 3

    union all

    select
        {{ form.channel }} as channel,
        {{ form.cohort_month }} as cohort_month,
        order_month as activity_month,
        0 as active_customers,
        0 as orders,
        0 as revenue,
        sum(refunded_amount) as refunded_amount,
        0 as refunds_paid
    from refunds_of_cohorts
    group by 1, 2, 3

    union all

    select
        {{ form.channel }} as channel,
        {{ form.cohort_month }} as cohort_month,
        refund_month as activity_month,
        0 as active_customers,
        0 as orders,
        0 as revenue,
        0 as refunded_amount,
        sum(refunded_amount) as refunds_paid
    from refunds_of_cohorts
    group by 1, 2, 3
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

final as (

    select
        channel,
        cohort_month,
        activity_month,
        cast(sum(active_customers) as {{ type_integer() }}) as active_customers,
        cast(sum(orders) as {{ type_integer() }}) as orders,
        cast(sum(revenue) as {{ type_money() }}) as revenue,
        cast(sum(refunded_amount) as {{ type_money() }}) as refunded_amount,
        cast(sum(refunds_paid) as {{ type_money() }}) as refunds_paid
    from activities
    where activity_month <= {{ last_finished_month() }}
    group by 1, 2, 3

)

select * from final

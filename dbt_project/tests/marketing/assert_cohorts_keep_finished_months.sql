-- The cells of every channel add up to its orders and revenue of the finished months, and everybody who has ordered by
-- then is in one cohort.
with

orders as (

    select
        channel,
        customer_id,
        case when is_reporting_currency then net_amount else 0 end as revenue
    from {{ ref('orders') }}
    where is_counted and order_month <= {{ last_finished_month() }}

),

expected as (

    select
        channel,
        count(*) as orders,
        count(distinct customer_id) as customers,
        sum(revenue) as revenue
    from orders
    group by 1

    union all

    select
        'all' as channel,
        count(*) as orders,
        count(distinct customer_id) as customers,
        sum(revenue) as revenue
    from orders
    having count(*) > 0

),

cohorts as (

    select
        channel,
        sum(orders) as orders,
        sum(case when months_since_first_order = 0 then cohort_customers else 0 end) as customers,
        sum(revenue) as revenue
    from {{ ref('customer_cohorts') }}
    group by 1

)

select
    expected.channel,
    expected.orders as expected_orders,
    cohorts.orders,
    expected.customers as expected_customers,
    cohorts.customers,
    expected.revenue as expected_revenue,
    cohorts.revenue
from expected
full outer join cohorts
    on expected.channel = cohorts.channel
where expected.channel is null
    or cohorts.channel is null
    or expected.orders != cohorts.orders
    or expected.customers != cohorts.customers
    or expected.revenue != cohorts.revenue

-- How many customers come back after one, three, six and twelve months, by sales channel?
-- Cohorts weighted by their size; only months that are over, so later months speak of older cohorts. A channel counts
-- orders in itself; `all` has customers who came back elsewhere, too.
with

cohorts as (

    select * from {{ ref('customer_cohorts') }}
    where is_finished

),

ages as (

    select
        channel,
        months_since_first_order,
        count(*) as cohorts,
        sum(cohort_customers) as customers,
        sum(active_customers) as active_customers,
        sum(cumulative_revenue) as revenue
    from cohorts
    where months_since_first_order in (1, 3, 6, 12)
    group by 1, 2

),

final as (

    select
        channel,
        months_since_first_order,
        cohorts,
        customers,
        {{ x_safe_divide('active_customers', 'customers') }} as retention_rate,
        {{ x_safe_divide('revenue', 'customers') }} as ltv_per_customer
    from ages

)

select * from final
order by channel asc, months_since_first_order asc

-- Which of the best customers have we let down, and is it still open?
-- A failed or late delivery, a bad rating or an open ticket within the time that calls for service before any offer.
with

customers as (

    select * from {{ ref('dim_customers') }}
    where is_vip

),

recent as (

    select
        *,
        {{ x_date_diff('day', local_date('last_delivery_problem_at'), as_of()) }} as days_since_delivery_problem,
        {{ x_date_diff('day', local_date('last_dissatisfied_at'), as_of()) }} as days_since_dissatisfied
    from customers

),

final as (

    select
        customer_id,
        email,
        vip_tier,
        lifetime_revenue,
        lifecycle_stage,
        open_tickets,
        days_since_delivery_problem,
        days_since_dissatisfied,
        csat_rate,
        recommended_action
    from recent
    where open_tickets > 0
        or days_since_delivery_problem <= {{ var('service_recovery_days') }}
        or days_since_dissatisfied <= {{ var('service_recovery_days') }}

)

select * from final
order by lifetime_revenue desc, customer_id asc

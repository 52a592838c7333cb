{{ warehouse_layout(cluster_by=['email']) }}

with

customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        email,
        customer_id,
        recommended_action,
        customer_value_tier,
        lifecycle_stage,
        days_since_last_order,
        lifetime_revenue,
        open_tickets,
        csat_rate,
        last_delivery_problem_at,
        last_dissatisfied_at
    from customers
    where is_syncable and is_high_value_at_risk

)

select * from final

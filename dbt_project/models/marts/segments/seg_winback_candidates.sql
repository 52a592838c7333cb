{{ warehouse_layout(cluster_by=['email']) }}

with

customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        email,
        customer_id,
        winback_stage,
        lifecycle_stage,
        customer_value_tier,
        days_since_last_order,
        last_order_date,
        total_orders,
        lifetime_revenue,
        preferred_categories
    from customers
    where is_syncable and is_winback_candidate

)

select * from final

{{ warehouse_layout(cluster_by=['email']) }}

with

customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        email,
        customer_id,
        vip_tier,
        lifecycle_stage,
        lifetime_revenue,
        total_orders,
        last_order_date
    from customers
    where is_syncable and is_vip

)

select * from final

{{ warehouse_layout(cluster_by=['email']) }}

with

customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        email,
        customer_id,
        repeat_purchase_reason,
        next_due_date,
        days_since_last_order,
        avg_days_between_orders,
        last_purchased_category,
        total_orders
    from customers
    where is_syncable and is_repeat_purchase_candidate

)

select * from final

{{ warehouse_layout(cluster_by=['email']) }}

with

customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        email,
        customer_id,
        upsell_rule,
        recommended_category,
        recommended_product,
        cross_sell_score,
        last_purchased_category,
        preferred_categories,
        lifecycle_stage
    from customers
    where is_syncable and is_upsell_candidate

)

select * from final

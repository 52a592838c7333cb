{{ warehouse_layout(cluster_by=['email']) }}

with

customers as (

    select * from {{ ref('dim_customers') }}

),

recommendations as (

    select * from {{ ref('int_customer__recommendations') }}

),

final as (

    select
        customers.email,
        customers.customer_id,
        recommendations.recommendation_source,
        customers.upsell_rule,
        customers.recommended_category,
        customers.recommended_product,
        recommendations.based_on,
        customers.cross_sell_score,
        customers.last_purchased_category,
        customers.preferred_categories,
        customers.lifecycle_stage
    from customers
    inner join recommendations
        on customers.customer_id = recommendations.customer_id
    where customers.is_syncable and customers.is_upsell_candidate

)

select * from final

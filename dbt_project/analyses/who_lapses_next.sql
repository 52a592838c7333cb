-- Who is about to be lost, best customers first, and can an e-mail still reach them?
-- Stages at risk and lapsing; the customer's own rhythm stands beside the days since the last order.
with

customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        customer_id,
        email,
        lifecycle_stage,
        customer_value_tier,
        lifetime_revenue,
        total_orders,
        last_order_date,
        days_since_last_order,
        avg_days_between_orders,
        can_receive_email,
        recommended_action,
        coalesce(recommended_product, recommended_category) as offer
    from customers
    where lifecycle_stage in ('at_risk', 'lapsing')

)

select * from final
order by lifetime_revenue desc, customer_id asc
limit 200

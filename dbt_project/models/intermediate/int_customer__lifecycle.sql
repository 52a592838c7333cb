{{ warehouse_layout(cluster_by=['customer_id']) }}

with

customers as (

    select * from {{ ref('int_customer__attributes') }}

),

order_metrics as (

    select * from {{ ref('int_customer__order_metrics') }}

),

bought as (

    select
        customers.customer_id,
        coalesce(order_metrics.total_orders, 0) as total_orders,
        coalesce(order_metrics.lifetime_revenue, 0) as lifetime_revenue,
        order_metrics.days_since_first_order,
        order_metrics.days_since_last_order,
        order_metrics.avg_days_between_orders,
        coalesce(order_metrics.purchase_days, 0) >= {{ var('lifecycle_gap_min_orders') }}
            as has_own_rhythm
    from customers
    left join order_metrics
        on customers.customer_id = order_metrics.customer_id

),

-- From enough orders on a customer's own gap decides, kept within sensible bounds.
gaps as (

    select
        *,
        least(
            greatest(avg_days_between_orders, {{ var('lifecycle_gap_min_days') }}),
            {{ var('lifecycle_gap_max_days') }}
        ) as own_gap
    from bought

),

limits as (

    select
        *,
        case
            when has_own_rhythm then own_gap * {{ var('lifecycle_gap_active_factor') }}
            else {{ var('lifecycle_active_days') }}
        end as active_until_days,
        case
            when has_own_rhythm then own_gap * {{ var('lifecycle_gap_at_risk_factor') }}
            else {{ var('lifecycle_at_risk_days') }}
        end as at_risk_until_days,
        case
            when has_own_rhythm then own_gap * {{ var('lifecycle_gap_lapsing_factor') }}
            else {{ var('lifecycle_lapsing_days') }}
        end as lapsing_until_days
    from gaps

),

staged as (

    select
        *,
        case
            when total_orders = 0 then 'prospect'
            when days_since_first_order <= {{ var('lifecycle_new_days') }} then 'new'
            when days_since_last_order <= active_until_days then 'active'
            when days_since_last_order <= at_risk_until_days then 'at_risk'
            when days_since_last_order <= lapsing_until_days then 'lapsing'
            else 'churned'
        end as lifecycle_stage,
        case
            when total_orders = 0 then null
            when lifetime_revenue >= {{ var('vip_platinum_min_revenue') }} then 'platinum'
            when lifetime_revenue >= {{ var('vip_gold_min_revenue') }} then 'gold'
            when lifetime_revenue >= {{ var('vip_silver_min_revenue') }} then 'silver'
        end as vip_tier
    from limits

),

final as (

    select
        customer_id,
        lifecycle_stage,
        case
            when total_orders = 0 then 'none'
            when has_own_rhythm then 'own_rhythm'
            else 'shop_default'
        end as lifecycle_basis,
        case
            when total_orders = 0 then 'no_purchase'
            when vip_tier is not null then 'vip'
            when lifetime_revenue >= {{ var('value_high_min_revenue') }} then 'high'
            when lifetime_revenue >= {{ var('value_medium_min_revenue') }} then 'medium'
            else 'low'
        end as customer_value_tier,
        vip_tier
    from staged

)

select * from final

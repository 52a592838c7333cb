{{ warehouse_layout(cluster_by=['customer_id']) }}

with

lifecycles as (

    select * from {{ ref('int_customer__lifecycle') }}

),

order_metrics as (

    select * from {{ ref('int_customer__order_metrics') }}

),

product_metrics as (

    select * from {{ ref('int_customer__product_metrics') }}

),

recommendations as (

    select * from {{ ref('int_customer__recommendations') }}

),

shipment_metrics as (

    select * from {{ ref('int_customer__shipment_metrics') }}

),

support_metrics as (

    select * from {{ ref('int_customer__support_metrics') }}

),

facts as (

    select
        lifecycles.customer_id,
        lifecycles.lifecycle_stage,
        lifecycles.lifecycle_stage in ('at_risk', 'lapsing', 'churned') as is_fading,
        lifecycles.customer_value_tier in ('vip', 'high') as is_high_value,
        order_metrics.total_orders,
        order_metrics.purchase_days,
        order_metrics.days_since_last_order,
        order_metrics.avg_days_between_orders,
        {{ x_date_diff('day', 'product_metrics.next_due_date', as_of()) }} as days_overdue,
        recommendations.customer_id is not null as has_recommendation,
        coalesce(support_metrics.open_tickets, 0) > 0 as has_open_ticket,
        coalesce(
            shipment_metrics.last_delivery_problem_at
            >= {{ x_ts_add(as_of_end(), -24 * var('service_recovery_days')) }},
            false
        )
        or coalesce(
            support_metrics.last_dissatisfied_at
            >= {{ x_ts_add(as_of_end(), -24 * var('service_recovery_days')) }},
            false
        ) as was_let_down
    from lifecycles
    left join order_metrics
        on lifecycles.customer_id = order_metrics.customer_id
    left join product_metrics
        on lifecycles.customer_id = product_metrics.customer_id
    left join recommendations
        on lifecycles.customer_id = recommendations.customer_id
    left join shipment_metrics
        on lifecycles.customer_id = shipment_metrics.customer_id
    left join support_metrics
        on lifecycles.customer_id = support_metrics.customer_id

),

repeats as (

    select
        *,
        case
            when lifecycle_stage = 'prospect' then null
            when days_overdue between 0 and {{ var('replenishment_window_days') }}
                then 'replenishment_due'
            when days_overdue < 0 then null
            when purchase_days >= {{ var('lifecycle_gap_min_orders') }}
                and days_since_last_order >= avg_days_between_orders * {{ var('rhythm_due_from_share') }}
                and days_since_last_order <= avg_days_between_orders * {{ var('rhythm_due_until_share') }}
                then 'rhythm_due'
            when total_orders = 1
                and days_since_last_order >= {{ var('second_purchase_from_days') }}
                and days_since_last_order <= {{ var('second_purchase_until_days') }}
                then 'second_purchase'
        end as repeat_purchase_reason
    from facts

),

final as (

    select
        customer_id,
        -- Who still has a full pack, or is reminded of an empty one, need not be won back.
        case
            when not is_fading then null
            when days_overdue <= {{ var('replenishment_window_days') }} then null
            when days_since_last_order < {{ var('winback_from_days') }} then null
            when days_since_last_order > {{ var('winback_until_days') }} then null
            when days_since_last_order < {{ var('winback_mid_from_days') }} then 'early_winback'
            when days_since_last_order < {{ var('winback_late_from_days') }} then 'mid_winback'
            else 'late_winback'
        end as winback_stage,
        is_high_value and lifecycle_stage in ('at_risk', 'lapsing') as is_high_value_at_risk,
        case
            when not is_high_value or lifecycle_stage not in ('at_risk', 'lapsing') then null
            when has_open_ticket then 'resolve_support_first'
            when was_let_down then 'service_recovery'
            else 'incentive_offer'
        end as recommended_action,
        repeat_purchase_reason,
        has_recommendation
        and lifecycle_stage in ('new', 'active')
        and not has_open_ticket as is_upsell_candidate
    from repeats

)

select * from final

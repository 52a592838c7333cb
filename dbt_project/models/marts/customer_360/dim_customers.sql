{{ warehouse_layout(cluster_by=['customer_id']) }}

{%- set never = x_ts('1970-01-01 00:00:00+00:00') %}

with

customers as (

    select * from {{ ref('int_customer__attributes') }}

),

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

email_engagement as (

    select * from {{ ref('int_customer__email_engagement') }}

),

support_metrics as (

    select * from {{ ref('int_customer__support_metrics') }}

),

scores as (

    select * from {{ ref('int_customer__scores') }}

),

next_steps as (

    select * from {{ ref('int_customer__next_steps') }}

),

rfm_segments as (

    select * from {{ ref('rfm_segments') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

-- Every model joined here has one row per customer, so that no row is lost or doubled.
final as (

    select
        customers.customer_id,

        -- who it is
        customers.email,
        customers.first_name,
        customers.last_name,
        customers.phone,
        customers.country,
        customers.language,
        customers.created_at,
        customers.is_syncable,

        -- consent and how the customer was won
        coalesce(email_engagement.email_consent, 'never_subscribed') as email_consent,
        customers.accepts_marketing,
        coalesce(email_engagement.is_email_suppressed, false) as is_email_suppressed,
        coalesce(email_engagement.can_receive_email, false) as can_receive_email,
        email_engagement.customer_id is not null as is_known_to_klaviyo,
        customers.acquisition_source,
        customers.acquisition_medium,
        customers.acquisition_campaign,

        -- purchases
        reporting_currency.currency,
        coalesce(order_metrics.total_orders, 0) as total_orders,
        coalesce(order_metrics.lifetime_revenue, 0) as lifetime_revenue,
        order_metrics.avg_order_value,
        coalesce(order_metrics.revenue_last_365_days, 0) as revenue_last_365_days,
        coalesce(order_metrics.gross_revenue, 0) as gross_revenue,
        coalesce(order_metrics.refunded_amount, 0) as refunded_amount,
        coalesce(order_metrics.discount_amount, 0) as discount_amount,
        order_metrics.largest_order_amount,
        coalesce(order_metrics.other_currency_orders, 0) as other_currency_orders,
        coalesce(order_metrics.cancelled_orders, 0) as cancelled_orders,
        coalesce(order_metrics.returned_orders, 0) as returned_orders,
        coalesce(order_metrics.promotional_orders, 0) as promotional_orders,
        coalesce(order_metrics.weekend_orders, 0) as weekend_orders,
        order_metrics.first_order_at,
        order_metrics.last_order_at,
        order_metrics.first_order_date,
        order_metrics.last_order_date,
        order_metrics.days_since_last_order,
        order_metrics.avg_days_between_orders,
        order_metrics.purchase_channels,
        coalesce(order_metrics.channels_count, 0) as channels_count,
        order_metrics.first_channel,
        order_metrics.last_channel,

        -- products
        product_metrics.preferred_categories,
        product_metrics.last_purchased_category,
        coalesce(product_metrics.categories_count, 0) as categories_count,
        product_metrics.next_due_date,
        recommendations.upsell_rule,
        recommendations.recommended_category,
        recommendations.recommended_product,

        -- value and stage of life
        lifecycles.lifecycle_stage,
        lifecycles.lifecycle_basis,
        lifecycles.lifecycle_stage in ('new', 'active') as is_active,
        order_metrics.days_since_first_order as customer_lifetime_days,
        lifecycles.customer_value_tier,
        order_metrics.recency_score,
        order_metrics.frequency_score,
        order_metrics.monetary_score,
        coalesce(order_metrics.rfm_segment, '000') as rfm_segment,
        rfm_segments.customer_segment,
        scores.engagement_score,
        scores.cross_sell_score,

        -- segments
        lifecycles.vip_tier is not null as is_vip,
        lifecycles.vip_tier,
        next_steps.winback_stage is not null as is_winback_candidate,
        next_steps.winback_stage,
        next_steps.is_high_value_at_risk,
        next_steps.recommended_action,
        next_steps.repeat_purchase_reason is not null as is_repeat_purchase_candidate,
        next_steps.repeat_purchase_reason,
        coalesce(order_metrics.channels_count, 0) >= 2 as is_cross_channel,
        case
            when order_metrics.channels_count = 2 then '2'
            when order_metrics.channels_count > 2 then '3+'
        end as cross_channel_group,
        next_steps.is_upsell_candidate,

        -- shipments
        coalesce(shipment_metrics.total_shipments, 0) as total_shipments,
        coalesce(shipment_metrics.delivered_shipments, 0) as delivered_shipments,
        coalesce(shipment_metrics.open_shipments, 0) as open_shipments,
        coalesce(shipment_metrics.failed_attempt_shipments, 0) as failed_attempt_shipments,
        coalesce(shipment_metrics.delayed_shipments, 0) as delayed_shipments,
        shipment_metrics.current_shipment_status,
        shipment_metrics.avg_delivery_time,
        shipment_metrics.delivery_success_rate,
        shipment_metrics.last_delivered_at,
        shipment_metrics.last_delivery_problem_at,

        -- e-mail
        coalesce(email_engagement.emails_received, 0) as emails_received,
        coalesce(email_engagement.emails_opened, 0) as emails_opened,
        coalesce(email_engagement.emails_clicked, 0) as emails_clicked,
        coalesce(email_engagement.emails_bounced, 0) as emails_bounced,
        email_engagement.email_open_rate,
        email_engagement.email_click_rate,
        email_engagement.last_email_opened_at,
        email_engagement.last_email_clicked_at,

        -- support
        coalesce(support_metrics.total_tickets, 0) as total_tickets,
        coalesce(support_metrics.open_tickets, 0) as open_tickets,
        coalesce(support_metrics.csat_ratings, 0) as csat_ratings,
        support_metrics.csat_rate,
        support_metrics.csat_score,
        support_metrics.avg_first_reply_minutes,
        support_metrics.avg_full_resolution_minutes,
        support_metrics.last_ticket_at,
        support_metrics.last_dissatisfied_at,

        -- An open may be a privacy proxy's; orders, clicks and tickets are the customer's own.
        nullif(
            greatest(
                coalesce(order_metrics.last_order_at, {{ never }}),
                coalesce(email_engagement.last_email_clicked_at, {{ never }}),
                coalesce(support_metrics.last_ticket_at, {{ never }})
            ),
            {{ never }}
        ) as last_interaction_at
    from customers
    inner join lifecycles
        on customers.customer_id = lifecycles.customer_id
    inner join scores
        on customers.customer_id = scores.customer_id
    inner join next_steps
        on customers.customer_id = next_steps.customer_id
    left join order_metrics
        on customers.customer_id = order_metrics.customer_id
    left join product_metrics
        on customers.customer_id = product_metrics.customer_id
    left join recommendations
        on customers.customer_id = recommendations.customer_id
    left join shipment_metrics
        on customers.customer_id = shipment_metrics.customer_id
    left join email_engagement
        on customers.customer_id = email_engagement.customer_id
    left join support_metrics
        on customers.customer_id = support_metrics.customer_id
    left join rfm_segments
        on coalesce(order_metrics.rfm_segment, '000') = rfm_segments.rfm_segment
    cross join reporting_currency

)

select * from final

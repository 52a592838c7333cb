{{ warehouse_layout(cluster_by=['customer_id']) }}

with

lifecycles as (

    select * from {{ ref('int_customer__lifecycle') }}

),

order_metrics as (

    select * from {{ ref('int_customer__order_metrics') }}

),

recommendations as (

    select * from {{ ref('int_customer__recommendations') }}

),

email_engagement as (

    select * from {{ ref('int_customer__email_engagement') }}

),

support_metrics as (

    select * from {{ ref('int_customer__support_metrics') }}

),

engagement_weights as (

    select * from {{ ref('engagement_weights') }}

),

{% set weights = [
    ('purchase', 'points'), ('purchase', 'stage'), ('purchase', 'orders'),
    ('purchase', 'orders_for_full_score'), ('email', 'points'), ('email', 'click'),
    ('email', 'open'), ('support', 'points'), ('cross_sell', 'stage'),
    ('cross_sell', 'orders'), ('cross_sell', 'email'), ('cross_sell', 'lift'),
] -%}
weights as (

    -- noqa: disable=LT02
    select
        {%- for part, signal in weights %}
        max(case when score_part = '{{ part }}' and signal = '{{ signal }}' then weight end)
            as {{ part }}_{{ signal }}{{ "," if not loop.last }}
        {%- endfor %}
    from engagement_weights
    -- noqa: enable=LT02

),

-- Each value lies between 0 and 1; null says that there is no signal.
signals as (

    select
        lifecycles.customer_id,
        stages.weight as stage_value,
        least(
            coalesce(order_metrics.total_orders, 0) / weights.purchase_orders_for_full_score, 1
        ) as orders_value,
        case
            when email_engagement.recent_received > 0
                then least(
                        (
                            weights.email_click * email_engagement.recent_clicked
                            + weights.email_open * email_engagement.recent_opened
                        ) / email_engagement.recent_received,
                        1
                    )
        end as email_value,
        support_metrics.csat_rate as support_value,
        recommendations.customer_id is not null as has_recommendation,
        -- Bought together as often as by chance (1) is worth nothing, twice as often one half.
        case
            when recommendations.lift > 1 then 1 - 1 / recommendations.lift
            when recommendations.lift is not null then 0
        end as lift_value,
        weights.*
    from lifecycles
    left join order_metrics
        on lifecycles.customer_id = order_metrics.customer_id
    left join recommendations
        on lifecycles.customer_id = recommendations.customer_id
    left join email_engagement
        on lifecycles.customer_id = email_engagement.customer_id
    left join support_metrics
        on lifecycles.customer_id = support_metrics.customer_id
    left join engagement_weights as stages
        on lifecycles.lifecycle_stage = stages.signal
        and stages.score_part = 'stage'
    cross join weights

),

-- What gives no signal takes its points out of the sum, and so counts neither for nor against.
final as (

    select
        customer_id,
        {{ x_to_int('100 * (
            purchase_points * stage_value * (purchase_stage + purchase_orders * orders_value)
            + coalesce(email_points * email_value, 0)
            + coalesce(support_points * support_value, 0)
        ) / (
            purchase_points
            + case when email_value is null then 0 else email_points end
            + case when support_value is null then 0 else support_points end
        )') }} as engagement_score,
        case
            when has_recommendation
                then {{ x_to_int('100 * (
                    cross_sell_stage * stage_value
                    + cross_sell_orders * orders_value
                    + coalesce(cross_sell_email * email_value, 0)
                    + coalesce(cross_sell_lift * lift_value, 0)
                ) / (
                    cross_sell_stage
                    + cross_sell_orders
                    + case when email_value is null then 0 else cross_sell_email end
                    + case when lift_value is null then 0 else cross_sell_lift end
                )') }}
            else 0
        end as cross_sell_score
    from signals

)

select * from final

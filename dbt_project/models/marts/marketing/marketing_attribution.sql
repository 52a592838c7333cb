-- What each channel is worth by each attribution model, how well it works, and what to do with it.
{{ warehouse_layout(cluster_by=['attribution_model', 'channel']) }}

with

months as (

    select * from {{ ref('marketing_attribution_months') }}

),

contacts as (

    select * from {{ ref('int_conversion__contacts') }}

),

channel_effects as (

    select * from {{ ref('stg_attribution__channel_effects') }}

),

channel_efficiency_weights as (

    select * from {{ ref('channel_efficiency_weights') }}

),

channel_recommendations as (

    select * from {{ ref('channel_recommendations') }}

),

weights as (

    -- noqa: disable=LT02
    select
        {%- for signal in ['conversion_rate', 'avg_order_value', 'new_customer_share', 'return_on_ad_spend'] %}
        max(case when signal = '{{ signal }}' then weight end) as {{ signal }}_weight{{ ',' if not loop.last }}
        {%- endfor %}
    from channel_efficiency_weights
    -- noqa: enable=LT02

),

-- Landing pages and coupons are seen only where an order is, so they say nothing about a rate.
paths as (

    select
        channel,
        count(distinct path_key) as touched_paths,
        count(distinct case when is_converting then path_key end) as converting_paths
    from contacts
    where contact_type not in ('landing', 'coupon')
    group by channel

),

channels as (

    select
        attribution_model,
        channel,
        {{ x_any('is_assumed') }} as is_assumed,
        sum(conversions) as conversions,
        sum(conversions_in_money) as conversions_in_money,
        sum(new_customers) as new_customers,
        sum(revenue) as revenue,
        sum(spend) as spend,
        sum(case when spend is not null then revenue end) as revenue_with_spend
    from months
    group by attribution_model, channel

),

measured as (

    select
        channels.*,
        paths.touched_paths,
        paths.converting_paths,
        case when channels.attribution_model = 'markov' then channel_effects.removal_effect end
            as removal_effect,
        case when channels.attribution_model = 'markov' then channel_effects.removal_effect_conversions end
            as removal_effect_conversions,
        {{ x_safe_divide('paths.converting_paths', 'paths.touched_paths') }} as conversion_rate,
        {{ x_safe_divide('sum(paths.converting_paths) over of_model', 'sum(paths.touched_paths) over of_model') }}
            as average_conversion_rate,
        {{ x_safe_divide('channels.revenue', 'channels.conversions_in_money') }} as avg_order_value,
        {{ x_safe_divide(
            'sum(case when not channels.is_assumed then channels.revenue end) over of_model',
            'sum(case when not channels.is_assumed then channels.conversions_in_money end) over of_model'
        ) }} as average_avg_order_value,
        {{ x_safe_divide('channels.new_customers', 'channels.conversions') }} as new_customer_share,
        {{ x_safe_divide(
            'sum(case when not channels.is_assumed then channels.new_customers end) over of_model',
            'sum(case when not channels.is_assumed then channels.conversions end) over of_model'
        ) }} as average_new_customer_share,
        {{ x_safe_divide('channels.revenue_with_spend', 'channels.spend') }} as return_on_ad_spend,
        {{ x_safe_divide(
            'sum(channels.revenue_with_spend) over of_model', 'sum(channels.spend) over of_model'
        ) }} as average_return_on_ad_spend,
        {{ x_safe_divide('channels.conversions', 'sum(channels.conversions) over of_model') }}
            as conversion_share,
        {{ x_safe_divide(
            'channels.conversions',
            'sum(case when not channels.is_assumed then channels.conversions end) over of_model'
        ) }} as known_share,
        {{ x_safe_divide('channels.revenue', 'sum(channels.revenue) over of_model') }} as revenue_share
    from channels
    left join paths
        on channels.channel = paths.channel
    left join channel_effects
        on channels.channel = channel_effects.channel
    window of_model as (partition by channels.attribution_model)

),

-- Compared with the average of the channels that are known: 0.5 is the average, 1 is twice as good or better.
compared as (

    select
        {%- for signal in ['conversion_rate', 'avg_order_value', 'new_customer_share', 'return_on_ad_spend'] %}
        case
            when {{ signal }} is not null and average_{{ signal }} != 0
                then greatest(least({{ x_safe_divide(signal, 'average_' ~ signal) }} / 2, 1), 0)
        end as {{ signal }}_value,
        {%- endfor %}
        measured.*,
        weights.*
    from measured
    cross join weights

),

scored as (

    select
        *,
        {{ x_to_int(x_safe_divide(
            '100 * (
            coalesce(conversion_rate_weight * conversion_rate_value, 0)
            + coalesce(avg_order_value_weight * avg_order_value_value, 0)
            + coalesce(new_customer_share_weight * new_customer_share_value, 0)
            + coalesce(return_on_ad_spend_weight * return_on_ad_spend_value, 0)
        )',
            '(
            case when conversion_rate_value is null then 0 else conversion_rate_weight end
            + case when avg_order_value_value is null then 0 else avg_order_value_weight end
            + case when new_customer_share_value is null then 0 else new_customer_share_weight end
            + case when return_on_ad_spend_value is null then 0 else return_on_ad_spend_weight end
        )'
        )) }} as efficiency_score
    from compared

),

classified as (

    select
        *,
        case
            when is_assumed then 'assumed'
            when conversions = 0 or efficiency_score is null then 'no_sales'
            when efficiency_score >= {{ var('attribution_efficient_from_score') }}
                and known_share >= {{ var('attribution_large_from_share') }}
                then 'star'
            when efficiency_score >= {{ var('attribution_efficient_from_score') }} then 'hidden_gem'
            when known_share >= {{ var('attribution_large_from_share') }} then 'workhorse'
            when efficiency_score < {{ var('attribution_inefficient_below_score') }} then 'underperformer'
            else 'niche'
        end as classification,
        case
            when return_on_ad_spend is null then 'unknown'
            when return_on_ad_spend >= 1 then 'profitable'
            else 'losing'
        end as money_back
    from scored

),

final as (

    select
        classified.attribution_model || '/' || classified.channel as attribution_key,
        classified.attribution_model,
        classified.channel,
        classified.classification,
        channel_recommendations.recommended_action,
        classified.efficiency_score,
        round(classified.conversions, 6) as conversions,
        round(classified.conversion_share, 6) as conversion_share,
        {{ to_money('classified.revenue') }} as revenue,
        round(classified.revenue_share, 6) as revenue_share,
        {{ to_money('classified.avg_order_value') }} as avg_order_value,
        round(classified.new_customers, 6) as new_customers,
        round(classified.new_customer_share, 6) as new_customer_share,
        classified.touched_paths,
        classified.converting_paths,
        round(classified.conversion_rate, 6) as conversion_rate,
        classified.removal_effect,
        classified.removal_effect_conversions,
        {{ to_money('classified.spend') }} as spend,
        {{ to_money(x_safe_divide('classified.spend', 'classified.conversions')) }} as cost_per_conversion,
        {{ to_money(x_safe_divide('classified.spend', 'classified.new_customers')) }} as cost_per_new_customer,
        round(classified.return_on_ad_spend, 4) as return_on_ad_spend,
        round(classified.return_on_ad_spend - 1, 4) as return_on_investment,
        classified.is_assumed
    from classified
    inner join channel_recommendations
        on classified.classification = channel_recommendations.classification
        and classified.money_back = channel_recommendations.money_back

)

select * from final

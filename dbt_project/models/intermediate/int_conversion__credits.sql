-- How the rules share one order among the channels of its path.
{{ warehouse_layout(cluster_by=['path_key']) }}

{%- set first_share = var('attribution_first_share') %}
{%- set last_share = var('attribution_last_share') %}
{%- set models = ['first_touch', 'last_touch', 'linear', 'time_decay', 'position_based', 'klaviyo_last_touch'] %}

with

contacts as (

    select * from {{ ref('int_conversion__contacts') }}
    where is_converting

),

claimed as (

    select
        *,
        max(touched_at) over (partition by path_key) as last_touched_at,
        -- the last click that Klaviyo would claim the order for
        max(
            case
                when contact_type = 'click'
                    and touched_at >= case
                        when channel = 'sms'
                            then {{ x_ts_add('conversion_at', -1 * var('attribution_sms_click_hours')) }}
                        else {{ x_ts_add('conversion_at', -1 * var('attribution_email_click_hours')) }}
                    end
                    then path_position
            end
        ) over (partition by path_key) as claimed_position
    from contacts

),

weighed as (

    select
        path_key,
        channel,
        case when path_position = 1 then 1.0 else 0.0 end as first_touch_weight,
        case when path_position = path_length then 1.0 else 0.0 end as last_touch_weight,
        1.0 as linear_weight,
        -- relative to the last contact: shares are the same and never all zero
        power(
            2.0,
            {{ x_elapsed('millisecond', 'last_touched_at', 'touched_at') }}
            / (86400000.0 * {{ var('attribution_half_life_days') }})
        ) as time_decay_weight,
        case
            when path_length = 1 then 1.0
            when path_length = 2
                then case when path_position = 1 then {{ first_share }} else {{ last_share }} end
            when path_position = 1 then {{ first_share }}
            when path_position = path_length then {{ last_share }}
            else {{ (1 - first_share - last_share) | round(6) }} / (path_length - 2)
        end as position_based_weight,
        case when path_position = coalesce(claimed_position, path_length) then 1.0 else 0.0 end
            as klaviyo_last_touch_weight
    from claimed

),

summed as (

    select
        path_key,
        channel,
        {%- for model in models %}
        sum(cast({{ model }}_weight as {{ type_double() }})) as {{ model }}_weight,
        {%- endfor %}
        count(*) as contacts
    from weighed
    group by path_key, channel

),

final as (

    select
        path_key,
        channel,
        {%- for model in models %}
        round(
            {{ model }}_weight / sum({{ model }}_weight) over (partition by path_key), 12
        ) as {{ model }}_credit,
        {%- endfor %}
        contacts
    from summed

)

select * from final

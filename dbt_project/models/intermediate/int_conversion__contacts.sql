-- Paths: the contacts before each order, since the one before it and within the look-back. Contacts that no order
-- followed in time are paths without an order, one of each visitor between two orders.
{{ warehouse_layout(partition_by='touched_at', cluster_by=['path_key']) }}

with

contacts as (

    select * from {{ ref('int_touchpoint__contacts') }}

),

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

moments as (

    select
        visitor_key,
        contact_key,
        contact_type,
        channel,
        message,
        precedence,
        position,
        false as is_conversion,
        touched_at as happened_at
    from contacts

    union all

    select distinct
        customer_id as visitor_key,
        cast(null as {{ type_text() }}) as contact_key,
        cast(null as {{ type_text() }}) as contact_type,
        cast(null as {{ type_text() }}) as channel,
        cast(null as {{ type_text() }}) as message,
        5 as precedence,
        0 as position,
        true as is_conversion,
        ordered_at as happened_at
    from customer_activity

),

followed as (

    select
        *,
        min(case when is_conversion then happened_at end) over (
            partition by visitor_key
            order by happened_at, precedence
            rows between current row and unbounded following
        ) as next_conversion_at
    from moments

),

after_clicks as (

    select
        *,
        max(case when contact_type = 'click' then happened_at end) over (
            partition by visitor_key, channel
            order by happened_at, precedence
            rows between unbounded preceding and current row
        ) as last_click_at
    from followed
    where not is_conversion

),

-- A click and the visit that it leads to are one contact.
separate as (

    select
        *,
        coalesce(
            happened_at <= {{ x_ts_add('last_click_at', var('attribution_same_visit_minutes'), 'minute') }},
            false
        ) as is_after_click,
        coalesce(
            happened_at >= {{ x_ts_add('next_conversion_at', -24 * var('attribution_lookback_days')) }},
            false
        ) as is_converting
    from after_clicks

),

on_paths as (

    select
        visitor_key
        || case when is_converting then '@' else '~' end
        || coalesce({{ epoch_text('next_conversion_at') }}, '') as path_key,
        contact_key,
        visitor_key,
        contact_type,
        channel,
        message,
        precedence,
        position,
        is_converting,
        happened_at as touched_at,
        case when is_converting then next_conversion_at end as conversion_at
    from separate
    where not (is_after_click and contact_type in ('visit', 'landing'))

),

known as (

    select
        *,
        {{ x_any("channel != 'direct' or contact_type = 'recorded'") }} over (partition by path_key) as is_known,
        {{ x_any("contact_type != 'coupon'") }} over (partition by path_key, channel) as is_seen
    from on_paths

),

-- A direct visit says that nothing is known, so it counts only where that is so; what the shop has recorded itself
-- counts as it is. A coupon shows a channel once.
counted as (

    select * from known
    where (channel != 'direct' or contact_type = 'recorded' or not is_known)
        and (contact_type != 'coupon' or not is_seen)

),

final as (

    select
        path_key,
        contact_key,
        visitor_key,
        contact_type,
        channel,
        message,
        row_number() over (
            partition by path_key order by touched_at, precedence, position, contact_key
        ) as path_position,
        count(*) over (partition by path_key) as path_length,
        is_converting,
        touched_at,
        conversion_at
    from counted

)

select * from final

-- One row per path with the set of its channels and the orders at its end.
{{ warehouse_layout(cluster_by=['path_key']) }}

with

contacts as (

    select * from {{ ref('int_conversion__contacts') }}

),

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

channels_of_paths as (

    select
        path_key,
        visitor_key,
        channel,
        max(path_length) as path_length,
        {{ x_any('is_converting') }} as is_converting,
        min(touched_at) as first_touched_at,
        max(touched_at) as last_touched_at,
        max(conversion_at) as conversion_at
    from contacts
    group by path_key, visitor_key, channel

),

-- Up to each channel, so that the last one of a path has the whole path's (as in int_order__products).
summed_up as (

    select
        path_key,
        visitor_key,
        string_agg(channel, '{{ channel_separator() }}') over channels_so_far as channels,
        path_length,
        is_converting,
        min(first_touched_at) over channels_so_far as first_touched_at,
        max(last_touched_at) over channels_so_far as last_touched_at,
        conversion_at,
        lead(path_key) over channels_so_far is null as is_last
    from channels_of_paths
    window channels_so_far as (
        partition by path_key, visitor_key
        order by channel
    )

),

paths as (

    select * from summed_up
    where is_last

),

conversions as (

    select
        customer_id,
        ordered_at,
        count(*) as conversions
    from customer_activity
    group by customer_id, ordered_at

),

final as (

    select
        paths.path_key,
        paths.visitor_key,
        paths.channels,
        paths.path_length,
        coalesce(conversions.conversions, 0) as conversions,
        paths.is_converting,
        paths.first_touched_at,
        paths.last_touched_at,
        paths.conversion_at
    from paths
    left join conversions
        on paths.visitor_key = conversions.customer_id
        and paths.conversion_at = conversions.ordered_at

)

select * from final

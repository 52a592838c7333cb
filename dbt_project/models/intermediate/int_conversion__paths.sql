-- One row per path with the set of its channels and the orders at its end.
{{ warehouse_layout(cluster_by=['path_key']) }}

with

contacts as (

    select * from {{ ref('int_conversion__contacts') }}

),

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

paths as (

    select
        path_key,
        visitor_key,
        string_agg(distinct channel, '{{ channel_separator() }}' order by channel) as channels,
        max(path_length) as path_length,
        {{ x_any('is_converting') }} as is_converting,
        min(touched_at) as first_touched_at,
        max(touched_at) as last_touched_at,
        max(conversion_at) as conversion_at
    from contacts
    group by path_key, visitor_key

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

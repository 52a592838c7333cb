-- A session takes the source of its first event.
{{ config(materialized='table') }}
{{ warehouse_layout(partition_by='started_at', cluster_by=['transaction_id']) }}

with

session_days as (

    select * from {{ ref('base_ga4__session_days') }}
    where session_date <= {{ as_of() }}

),

final as (

    select
        session_key,
        min(user_pseudo_id) as user_pseudo_id,
        max(user_id) as user_id,
        min(first_event_at) as started_at,
        max(last_event_at) as ended_at,
        {{ x_min_by('first_source', 'session_date') }} as source,
        {{ x_min_by('first_medium', 'session_date') }} as medium,
        {{ x_min_by('first_campaign', 'session_date') }} as campaign,
        cast(sum(page_views) as {{ type_integer() }}) as page_views,
        cast(sum(events) as {{ type_integer() }}) as events,
        max(transaction_id) as transaction_id
    from session_days
    group by session_key

)

select * from final

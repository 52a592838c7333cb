-- A table, because it opens the JSON of every event. A session takes the source of its first event.
{{ config(materialized='table') }}

with

events as (

    select
        *,
        user_pseudo_id || '.' || session_id as session_key
    from {{ ref('stg_ga4__events') }}
    where session_id is not null
        and user_pseudo_id is not null

),

final as (

    select
        session_key,
        min(user_pseudo_id) as user_pseudo_id,
        max(user_id) as user_id,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        {{ x_min_by('source', 'event_at') }} as source,
        {{ x_min_by('medium', 'event_at') }} as medium,
        {{ x_min_by('campaign', 'event_at') }} as campaign,
        {{ x_count_if("event_name = 'page_view'") }} as page_views,
        count(*) as events,
        max(transaction_id) as transaction_id
    from events
    group by session_key

)

select * from final

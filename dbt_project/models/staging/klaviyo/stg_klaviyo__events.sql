with

events as (

    select * from {{ ref('base_klaviyo__events') }}
    where event_at <= {{ as_of_end() }}

),

metrics as (

    select
        metric_id,
        metric_name
    from {{ ref('stg_klaviyo__metrics') }}

),

final as (

    select
        events.event_id,
        events.profile_id,
        coalesce(events.metric_name, metrics.metric_name) as metric_name,
        events.event_at,
        events.campaign_id,
        events.flow_id,
        coalesce(events.message_id, events.campaign_id, events.flow_id) as message_id,
        events.source_event_id
    from events
    left join metrics
        on events.metric_id = metrics.metric_id

)

select * from final

-- Klaviyo never changes an event, so rows with one id are one event; the greatest value of each
-- column makes the result the same whatever order the rows arrive in.
with

source as (

    select * from {{ raw('klaviyo', 'events') }}
    where datetime <= {{ as_of_end() }}

),

metrics as (

    select
        metric_id,
        metric_name
    from {{ ref('stg_klaviyo__metrics') }}

),

events as (

    select
        id as event_id,
        max(profile_id) as profile_id,
        max(metric_id) as metric_id,
        max(metric_name) as metric_name,
        max(datetime) as event_at,
        max(campaign_id) as campaign_id,
        max(flow_id) as flow_id,
        max({{ x_json('event_properties', '$."$message"') }}) as message_id,
        max({{ x_json('event_properties', '$."$event_id"') }}) as source_event_id
    from source
    group by id

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

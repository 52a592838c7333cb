-- Klaviyo never changes an event, so rows with one id are one event; the greatest value of each
-- column makes the result the same whatever order the rows arrive in. Which metric an id means is
-- looked up by readers, because metrics may arrive later than their events.
{{ incremental_window(key='event_id', column='event_at', lookback='klaviyo_events') }}
{{ warehouse_layout(partition_by='event_at', cluster_by=['profile_id']) }}

{%- set start = window_start() %}

with

source as (

    select * from {{ raw('klaviyo', 'events') }}
    where datetime <= {{ as_of_end() }}
        and {{ from_day_on('datetime', start) }}

),

final as (

    select
        id as event_id,
        max(profile_id) as profile_id,
        max(metric_id) as metric_id,
        max(metric_name) as metric_name,
        max(campaign_id) as campaign_id,
        max(flow_id) as flow_id,
        max({{ x_json('event_properties', '$."$message"') }}) as message_id,
        max({{ x_json('event_properties', '$."$event_id"') }}) as source_event_id,
        max(datetime) as event_at
    from source
    group by id

)

select * from final

-- DHL's feed with its times read and its repeated rows taken as one. Rows without a time say
-- nothing. What a code means is for readers to say.
{{ incremental_window(
    key='scan_key', column='event_at', lookback='shipment_scans', in_shop_time=true
) }}
{{ warehouse_layout(partition_by='event_at', cluster_by=['tracking_number']) }}

{%- set start = window_start() %}

with

source as (

    select
        {{ clean_text('tracking_number') }} as tracking_number,
        {{ clean_text('order_reference') }} as order_reference,
        lower(status_code) as code,
        upper(coalesce(status, '')) as carrier_status,
        {{ clean_text('location') }} as location,
        {{ shop_instant('event_timestamp') }} as event_at,
        {{ shop_deadline('estimated_delivery_at') }} as estimated_delivery_at,
        received_at
    from {{ raw('shipments', 'dhl_events') }}
    -- no event is received days before it happens
    where received_at is null or {{ from_day_on('received_at', start, slack_days=2) }}

),

final as (

    select
        {{ x_md5("coalesce(tracking_number, '') || '|' || coalesce(code, '') || '|' || carrier_status"
            ~ " || '|' || " ~ epoch_text('event_at')) }} as scan_key,
        tracking_number,
        max(order_reference) as order_reference,
        code,
        carrier_status,
        min(location) as location,
        '{{ var("shop_timezone") }}' as time_zone,
        event_at,
        max(estimated_delivery_at) as estimated_delivery_at,
        min(received_at) as received_at
    from source
    where event_at <= {{ as_of_end() }}
        and {{ from_day_on('event_at', start) }}
    group by tracking_number, code, carrier_status, event_at

)

select * from final

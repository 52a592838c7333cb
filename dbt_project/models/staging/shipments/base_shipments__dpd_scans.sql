-- DPD's feed with its times read and its repeated rows taken as one. Rows without a time say
-- nothing. What a status means is for readers to say.
{{ incremental_window(
    key='scan_key', column='event_at', lookback='shipment_scans', in_shop_time=true
) }}
{{ warehouse_layout(partition_by='event_at', cluster_by=['tracking_number']) }}

{%- set start = window_start() %}

with

source as (

    select
        {{ clean_text('parcel_number') }} as tracking_number,
        {{ clean_text('order_reference') }} as order_reference,
        status as carrier_status,
        {{ clean_text('location') }} as location,
        {{ local_to_utc(parse_wall_clock(x_trim('scan_date'), '%m/%d/%Y %I:%M:%S %p')) }} as event_at,
        {{ shop_deadline('expected_delivery_date') }} as estimated_delivery_at,
        received_at
    from {{ raw('shipments', 'dpd_scans') }}
    -- no scan is received days before it happens
    where received_at is null or {{ from_day_on('received_at', start, slack_days=2) }}

),

final as (

    select
        {{ x_md5("coalesce(tracking_number, '') || '|' || coalesce(carrier_status, '') || '|' || "
            ~ epoch_text('event_at')) }} as scan_key,
        tracking_number,
        max(order_reference) as order_reference,
        carrier_status,
        min(location) as location,
        '{{ var("shop_timezone") }}' as time_zone,
        event_at,
        max(estimated_delivery_at) as estimated_delivery_at,
        min(received_at) as received_at
    from source
    where event_at <= {{ as_of_end() }}
        and {{ from_day_on('event_at', start) }}
    group by tracking_number, carrier_status, event_at

)

select * from final

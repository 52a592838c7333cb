with

source as (

    select
        *,
        lower(status_code) as code,
        upper(coalesce(status, '')) as carrier_status
    from {{ raw('shipments', 'dhl_events') }}

),

final as (

    select
        'dhl' as carrier,
        {{ clean_text('tracking_number') }} as tracking_number,
        {{ clean_text('order_reference') }} as order_reference,
        {{ dhl_event_type('code', 'carrier_status') }} as event_type,
        carrier_status,
        {{ shop_instant('event_timestamp') }} as event_at,
        {{ clean_text('location') }} as location,
        {{ shop_deadline('estimated_delivery_at') }} as estimated_delivery_at,
        received_at
    from source

)

select * from final

with

events as (

    select * from {{ ref('base_shipments__dhl_events') }}
    where event_at <= {{ as_of_end() }}

),

final as (

    select
        'dhl' as carrier,
        tracking_number,
        order_reference,
        {{ dhl_event_type('code', 'carrier_status') }} as event_type,
        carrier_status,
        event_at,
        location,
        estimated_delivery_at,
        received_at
    from events

)

select * from final

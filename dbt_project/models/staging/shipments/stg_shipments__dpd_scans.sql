-- "PickedUp" has two meanings at DPD: after a failed attempt or at a parcel shop the customer
-- collected the parcel; before that the courier took it over from the sender.
with

source as (

    select
        *,
        {{ clean_text('parcel_number') }} as tracking_number,
        lower(status) as code,
        {{ local_to_utc(parse_wall_clock('trim(scan_date)', '%m/%d/%Y %I:%M:%S %p')) }} as event_at
    from {{ raw('shipments', 'dpd_scans') }}

),

attempts as (

    select
        tracking_number,
        min(event_at) as first_attempt_at
    from source
    where code in ('deliveryfailure', 'parcelshop')
    group by tracking_number

),

final as (

    select
        'dpd' as carrier,
        source.tracking_number,
        {{ clean_text('source.order_reference') }} as order_reference,
        {{ dpd_event_type('source.code', 'source.event_at >= attempts.first_attempt_at') }}
            as event_type,
        source.status as carrier_status,
        source.event_at,
        {{ clean_text('source.location') }} as location,
        {{ shop_deadline('source.expected_delivery_date') }} as estimated_delivery_at,
        source.received_at
    from source
    left join attempts
        on source.tracking_number = attempts.tracking_number

)

select * from final

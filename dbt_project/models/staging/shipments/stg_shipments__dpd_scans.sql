-- "PickedUp" has two meanings at DPD: after a failed attempt or at a parcel shop the customer
-- collected the parcel; before that the courier took it over from the sender.
with

scans as (

    select
        *,
        lower(carrier_status) as code
    from {{ ref('base_shipments__dpd_scans') }}
    where event_at <= {{ as_of_end() }}

),

attempts as (

    select
        tracking_number,
        min(event_at) as first_attempt_at
    from scans
    where code in ('deliveryfailure', 'parcelshop')
    group by tracking_number

),

final as (

    select
        'dpd' as carrier,
        scans.tracking_number,
        scans.order_reference,
        {{ dpd_event_type('scans.code', 'scans.event_at >= attempts.first_attempt_at') }}
            as event_type,
        scans.carrier_status,
        scans.event_at,
        scans.location,
        scans.estimated_delivery_at,
        scans.received_at
    from scans
    left join attempts
        on scans.tracking_number = attempts.tracking_number

)

select * from final

-- One row per thing that happened to a parcel, of all carriers, in one vocabulary. Feeds repeat
-- scans, and two depots report the same failure in the same second: those are one. A table,
-- because tests and marts read it often.
{{ config(materialized='table') }}
{{ warehouse_layout(partition_by='event_at', cluster_by=['tracking_number']) }}

with

dhl_events as (

    select * from {{ ref('stg_shipments__dhl_events') }}

),

dpd_scans as (

    select * from {{ ref('stg_shipments__dpd_scans') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

feeds as (

    select
        carrier,
        tracking_number,
        order_reference,
        event_type,
        event_at,
        location,
        estimated_delivery_at,
        received_at
    from dhl_events

    union all

    select
        carrier,
        tracking_number,
        order_reference,
        event_type,
        event_at,
        location,
        estimated_delivery_at,
        received_at
    from dpd_scans

),

scans as (

    select
        carrier,
        tracking_number,
        event_type,
        event_at,
        min(location) as location,
        max(estimated_delivery_at) as estimated_delivery_at,
        max(order_reference) as order_reference,
        min(received_at) as received_at
    from feeds
    where tracking_number is not null
        and event_at <= {{ as_of_end() }}
    group by carrier, tracking_number, event_type, event_at

),

parcels as (

    select
        carrier,
        tracking_number,
        max(order_reference) as order_reference,
        min(case when event_type = 'delivered' then event_at end) as delivered_at
    from scans
    group by carrier, tracking_number

),

-- an order number that two channels share names no order, unless the carrier got it exactly as
-- printed
order_numbers as (

    select
        order_number as order_reference,
        min(order_key) as order_key
    from orders
    group by order_number
    having count(*) = 1

),

bare_order_numbers as (

    select
        ltrim(order_number, '#') as order_reference,
        min(order_key) as order_key
    from orders
    where order_number like '#%'
    group by ltrim(order_number, '#')
    having count(*) = 1

),

addressed as (

    select
        parcels.carrier,
        parcels.tracking_number,
        parcels.delivered_at,
        coalesce(order_numbers.order_key, bare_order_numbers.order_key) as order_key
    from parcels
    left join order_numbers
        on parcels.order_reference = order_numbers.order_reference
    left join bare_order_numbers
        on parcels.order_reference = bare_order_numbers.order_reference

),

final as (

    select
        {{ x_md5("scans.carrier || '|' || scans.tracking_number || '|' || scans.event_type"
            ~ " || '|' || " ~ epoch_text('scans.event_at')) }} as scan_key,
        scans.tracking_number,
        scans.carrier,
        addressed.order_key,
        scans.event_type,
        scans.location,
        scans.event_type = 'delivered' and scans.event_at = addressed.delivered_at
            as is_first_delivered,
        scans.event_at,
        scans.estimated_delivery_at,
        scans.received_at
    from scans
    inner join addressed
        on scans.carrier = addressed.carrier
        and scans.tracking_number = addressed.tracking_number

)

select * from final

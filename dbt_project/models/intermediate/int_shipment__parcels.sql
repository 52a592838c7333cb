{{ warehouse_layout(partition_by='last_scan_at', cluster_by=['order_key']) }}

with

scans as (

    select * from {{ ref('stg_shipments') }}

),

moments as (

    select
        carrier,
        tracking_number,
        max(order_key) as order_key,
        min(case when event_type in ('picked_up', 'in_transit') then event_at end) as moved_at,
        min(case when event_type = 'delivered' then event_at end) as delivered_at,
        min(case when event_type = 'delivery_failed' then event_at end) as failed_at,
        min(case when event_type = 'delivery_delayed' then event_at end) as announced_late_at,
        min(estimated_delivery_at) as promised_at,
        max(event_at) as last_scan_at,
        max(case when event_type = 'returned_to_sender' then event_at end) as last_returned_at,
        max(case when event_type = 'ready_for_pickup' then event_at end) as last_ready_at,
        max(case when event_type = 'delivery_failed' then event_at end) as last_failed_at,
        max(case when event_type = 'delivery_delayed' then event_at end) as last_delayed_at,
        max(case when event_type = 'out_for_delivery' then event_at end) as last_out_at,
        max(case when event_type in ('picked_up', 'in_transit') then event_at end) as last_moved_at,
        max(case when event_type = 'label_created' then event_at end) as last_label_at
    from scans
    group by 1, 2

),

-- A parcel that is seen again after its return was only on its way back to the depot.
ended as (

    select
        *,
        coalesce(
            delivered_at, case when last_returned_at = last_scan_at then last_returned_at end
        ) as ended_at,
        -- Midnight after the promised day in the shop; 36 hours jump over a change of clocks.
        {{ x_ts_trunc(
            'day',
            x_ts_add(x_ts_trunc('day', 'promised_at', var('shop_timezone')), 36, 'hour'),
            var('shop_timezone')
        ) }} as promise_over_at
    from moments

),

-- The first delivery wins: whatever a late or disordered scan reports after it did not happen.
settled as (

    select
        *,
        case when moved_at > delivered_at then null else moved_at end as shipped_at,
        case when failed_at > delivered_at then null else failed_at end as first_failed_at,
        case when announced_late_at > ended_at then null else announced_late_at end as announced_at,
        case
            when promise_over_at <= coalesce(ended_at, {{ as_of_end() }}) then promise_over_at
        end as promise_broken_at
    from ended

),

final as (

    select
        carrier,
        tracking_number,
        order_key,
        case
            when delivered_at is not null then 'delivered'
            when ended_at is not null then 'returned_to_sender'
            when last_ready_at = last_scan_at then 'ready_for_pickup'
            when last_failed_at = last_scan_at then 'delivery_failed'
            when last_delayed_at = last_scan_at then 'delivery_delayed'
            when last_out_at = last_scan_at then 'out_for_delivery'
            when last_moved_at = last_scan_at then 'in_transit'
            when last_label_at = last_scan_at then 'label_created'
            else 'unknown'
        end as shipment_status,
        ended_at is not null as is_ended,
        shipped_at,
        delivered_at,
        case when delivered_at is null then ended_at end as returned_at,
        first_failed_at,
        -- Late once the promised day is over or once the carrier says so, whichever is first.
        least(
            coalesce(announced_at, promise_broken_at),
            coalesce(promise_broken_at, announced_at)
        ) as delayed_at,
        promised_at,
        last_scan_at
    from settled

)

select * from final

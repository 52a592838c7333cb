-- What the carriers report, as it arrives: DHL with ISO stamps of which some have no zone, DPD with
-- local American stamps, both with repeated rows and rows that arrive late. A scan that has not
-- arrived by the end does not exist.

create schema if not exists shipments;

create temp table parcel_order as
select 'shopify' as channel, order_key, order_id, '#' || order_number as order_number, person_id
from shopify_order
union all
select 'webshop', order_key, order_id, reference, person_id from webshop_order
union all
select 'amazon', order_key, amazon_order_id, amazon_order_id, person_id from amazon_order;

create temp table scan as
with steps as (
    select
        parcel_key,
        order_key,
        carrier,
        tracking_number,
        fate,
        city,
        promised_at,
        promised_date,
        attempt_at,
        unnest([
            {step: 0, kind: 'label', happened_at: label_at},
            {step: 1, kind: 'picked up', happened_at: handed_over_at},
            {step: 2, kind: 'hub', happened_at: hub_at},
            {
                step: 3,
                kind: 'delayed',
                happened_at: case when is_delayed then promised_at - interval 1 hour end,
            },
            {step: 4, kind: 'out', happened_at: out_at},
            {step: 5, kind: 'failed', happened_at: failed_at},
            {step: 6, kind: 'at shop', happened_at: ready_at},
            {step: 7, kind: 'delivered', happened_at: delivered_at},
            {step: 8, kind: 'returned', happened_at: returned_at},
            -- The receiver sends it back, or the driver scans twice: the first delivery counts.
            {
                step: 9,
                kind: 'delivered again',
                happened_at: case
                    when chance('second delivery scan', parcel_key, 0.01)
                        then delivered_at + interval 26 hours
                end,
            },
        ], recursive := true),
    from parcel
),

happened as (
    select
        steps.*,
        steps.parcel_key * 16 + steps.step as scan_key,
        parcel_order.order_id,
        -- Some references lack the mark in front of the number.
        case
            when chance('bare reference', steps.order_key, 0.1)
                then ltrim(parcel_order.order_number, '#')
            else parcel_order.order_number
        end as order_reference,
    from steps
    inner join parcel_order using (order_key)
    where steps.happened_at is not null
        and not (steps.fate = 'lost' and steps.step > 2)
        and not (steps.kind = 'delayed' and steps.carrier = 'DPD')
        and not (steps.kind = 'label' and steps.carrier = 'DPD')
),

-- Late rows overtake each other; repeated rows are exact copies that arrive again.
arrivals as materialized (
    select
        *,
        happened_at + case
            when chance('late row', scan_key, 0.03) then hours('late row', scan_key, 5, 40)
            else to_minutes(whole('feed', scan_key, 1, 25))
        end as received_at,
        false as is_copy,
    from happened
)

select * from arrivals
where received_at < world_end()
union all
select
    * replace (
        received_at + to_minutes(whole('copy', scan_key, 1, 600)) as received_at,
        true as is_copy
    ),
from arrivals
where chance('copy', scan_key, 0.02) and received_at + interval 601 minutes < world_end();

create table shipments.dhl_events as
select
    tracking_number,
    order_reference,
    case
        when chance('no zone', scan_key, 0.12)
            then strftime(local_time(happened_at), '%Y-%m-%dT%H:%M:%S')
        when chance('utc stamp', parcel_key, 0.3) then strftime(happened_at, '%Y-%m-%dT%H:%M:%SZ')
        else strftime(local_time(happened_at), '%Y-%m-%dT%H:%M:%S')
            || case date_diff('hour', happened_at::timestamp, local_time(happened_at))
                when 1 then '+01:00'
                else '+02:00'
            end
    end as event_timestamp,
    case kind
        when 'label' then 'pre-transit'
        when 'failed' then 'failure'
        when 'returned' then 'failure'
        when 'delivered' then 'delivered'
        when 'delivered again' then 'delivered'
        when 'delayed' then 'unknown'
        else 'transit'
    end as status_code,
    case kind
        when 'label' then 'SHIPMENT_DATA_RECEIVED'
        when 'picked up' then 'PARCEL_PICKED_UP'
        when 'hub' then 'PARCEL_CENTER_PROCESSED'
        when 'delayed' then 'DELIVERY_DELAYED'
        when 'out' then 'OUT_FOR_DELIVERY'
        when 'failed' then 'DELIVERY_FAILED'
        when 'at shop' then 'READY_FOR_PICKUP'
        when 'returned' then 'RETURNED_TO_SENDER'
        else 'DELIVERED'
    end as status,
    case kind
        when 'label' then 'Die Sendung wurde elektronisch angekündigt.'
        when 'picked up' then 'Die Sendung wurde vom Absender übernommen.'
        when 'hub' then 'Die Sendung wurde im Paketzentrum bearbeitet.'
        when 'delayed' then 'Die Zustellung verzögert sich.'
        when 'out' then 'Die Sendung wurde in das Zustellfahrzeug geladen.'
        when 'failed' then 'Der Empfänger wurde nicht angetroffen.'
        when 'at shop' then 'Die Sendung liegt in der Filiale zur Abholung bereit.'
        when 'returned' then 'Die Sendung wurde an den Absender zurückgeschickt.'
        else 'Die Sendung wurde zugestellt.'
    end as description,
    case
        when kind = 'delivered' and fate = 'collected' then 'Abholung in der Filiale'
    end as remark,
    case when kind in ('label', 'picked up') then 'Berlin' else city end as location,
    case
        when kind in ('label', 'picked up', 'hub')
            then strftime(local_time(promised_at), '%Y-%m-%dT%H:%M:%S')
        when kind = 'delayed' then strftime(local_time(attempt_at), '%Y-%m-%dT%H:%M:%S')
    end as estimated_delivery_at,
    received_at,
from scan
where carrier = 'DHL';

create table shipments.dpd_scans as
with failures_seen_twice as (
    select * replace (happened_at + interval 11 minutes as happened_at, 'other depot' as kind)
    from scan
    where carrier = 'DPD' and kind = 'failed' and chance('two depots', parcel_key, 0.5)
        and happened_at + interval 11 minutes < received_at
)

select
    tracking_number as parcel_number,
    order_reference,
    strftime(local_time(happened_at), '%-m/%-d/%Y %-I:%M:%S %p') as scan_date,
    case
        when kind = 'picked up' then 'BetweenDepots'
        when kind = 'hub' then 'Depot'
        when kind = 'out' then 'Courier'
        when kind in ('failed', 'other depot') then 'DeliveryFailure'
        when kind = 'at shop' then 'ParcelShop'
        when kind = 'delivered' and fate = 'collected' then 'PickedUp'
        when kind = 'returned' then 'ReturningFromDelivery'
        else 'Delivered'
    end as status,
    case
        when kind in ('failed', 'other depot') then 'Leider konnten wir Ihr Paket nicht zustellen.'
        when kind = 'at shop' then 'Ihr Paket liegt im Pickup Paketshop.'
        when kind = 'delivered' and fate = 'collected'
            then 'Ihr Paket wurde vom Empfänger abgeholt.'
        when kind in ('delivered', 'delivered again') then 'Ihr Paket wurde zugestellt.'
        when kind = 'returned' then 'Ihr Paket ist auf dem Rückweg zum Absender.'
        else 'Ihr Paket ist unterwegs.'
    end as description,
    case
        when kind = 'other depot' then 'Depot 0' || 100 + parcel_key % 90
        else city
    end as location,
    promised_date::varchar as expected_delivery_date,
    received_at,
from (select * from scan where carrier = 'DPD' union all select * from failures_seen_twice);

-- Truth -------------------------------------------------------------------------------------------

insert into world.shipments
select
    parcel.tracking_number,
    lower(parcel.carrier),
    parcel.channel,
    parcel_order.order_id,
    min(scan.happened_at) filter (where scan.kind = 'picked up'),
    min(scan.happened_at) filter (where scan.kind = 'failed'),
    min(scan.happened_at) filter (where scan.kind = 'delivered'),
    min(scan.happened_at) filter (where scan.kind = 'returned'),
from parcel
inner join parcel_order using (order_key)
left join scan
    on parcel.parcel_key = scan.parcel_key
group by all;

insert into world.defects
select
    'shipments',
    case carrier when 'DHL' then 'dhl_events' else 'dpd_scans' end,
    tracking_number,
    unnest(list_filter([
        case when bool_or(is_copy) then 'repeated_scan' end,
        case
            when bool_or(received_at > happened_at + interval 4 hours and not is_copy)
                then 'late_scan'
        end,
        case
            when bool_or(carrier = 'DPD' or chance('no zone', scan_key, 0.12))
                then 'stamp_without_zone'
        end,
        case when bool_or(kind = 'failed') then 'failed_attempt' end,
        case
            when bool_or(kind = 'delivered' and fate = 'collected') then 'collected_after_failure'
        end,
        case when bool_or(kind = 'delivered again') then 'second_delivery_scan' end,
    ], lambda defect: defect is not null)),
from scan
group by carrier, tracking_number;

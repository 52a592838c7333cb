-- One row per parcel with everything that happened or will happen to it; the feeds and shops report
-- what lies before the end of the world.

-- Cancelled orders have no parcel; Amazon ships most of its orders itself and says nothing about
-- them.
create or replace temp macro ships_itself(order_key)
    as chance('fulfilled by amazon', order_key, 0.7);

create temp table parcel as
with parts as (
    select
        order_key,
        channel,
        person_id,
        shipped_at,
        unnest(range(case when chance('two parcels', order_key, 0.04) then 2 else 1 end)) as part,
    from cart
    where shipped_at is not null and not (channel = 'amazon' and ships_itself(order_key))
),

boxes as (
    select
        parts.order_key * 2 + parts.part as parcel_key,
        parts.order_key,
        parts.channel,
        parts.part,
        parts.shipped_at + to_hours(24 * parts.part) as handed_over_at,
        person.city,
    from parts
    inner join person using (person_id)
    where parts.shipped_at + to_hours(24 * parts.part) < world_end()
),

fates as (
    select
        *,
        case when chance('carrier', order_key, 0.66) then 'DHL' else 'DPD' end as carrier,
        chance('delay', parcel_key, 0.07) as is_delayed,
        case
            when uniform('fate', parcel_key) < 0.880 then 'delivered'
            when uniform('fate', parcel_key) < 0.930 then 'collected'
            when uniform('fate', parcel_key) < 0.970 then 'redelivered'
            when uniform('fate', parcel_key) < 0.988 then 'returned'
            when uniform('fate', parcel_key) < 0.992 then 'returned by receiver'
            else 'lost'
        end as fate,
    from boxes
),

timed as (
    select
        *,
        case
            when carrier = 'DHL' then '00340434'
                || lpad((parcel_key % 1000000000000)::varchar, 12, '0')
            else '0150' || lpad((parcel_key % 10000000000)::varchar, 10, '0')
        end as tracking_number,
        handed_over_at - to_minutes(whole('label', parcel_key, 20, 300)) as label_at,
        handed_over_at + hours('hub', parcel_key, 3, 11) as hub_at,
        cast(local_time(handed_over_at) as date) + case when is_delayed then 4 else 2 end
            + whole('slow', parcel_key, 0, 1)::integer - 1 as out_day,
        cast(local_time(handed_over_at) as date) + 2 as promised_date,
    from fates
),

attempted as (
    select
        *,
        shop_time(out_day + to_minutes(whole('van', parcel_key, 390, 480))) as out_at,
        shop_time(out_day + to_seconds(whole('door', parcel_key, 32400, 68400))) as attempt_at,
    from timed
)

select
    *,
    case when fate in ('collected', 'redelivered', 'returned') then attempt_at end as failed_at,
    case
        when fate = 'collected' then attempt_at + hours('to shop', parcel_key, 2, 6)
    end as ready_at,
    case
        when fate in ('delivered', 'returned by receiver') then attempt_at
        when fate = 'redelivered'
            then shop_time(out_day + 1 + to_seconds(whole('second door', parcel_key, 32400, 68400)))
        when fate = 'collected'
            then shop_time(
                out_day + whole('fetch day', parcel_key, 1, 6)::integer
                + to_seconds(whole('fetch', parcel_key, 32400, 68400))
            )
    end as delivered_at,
    case
        when fate = 'returned' then attempt_at + hours('back', parcel_key, 150, 260)
    end as returned_at,
    shop_time(promised_date + to_hours(18)) as promised_at,
from attempted;

-- What people bought, where and when, before any shop wrote it down: `cart` (one row per order), `cart_line`, and
-- `parcel` (one row per parcel with everything that happened to it). The channels' files turn these into raw tables.
-- order_key = 64 * person + running number of the person's order.

create temp table visit as
with steps as (
    select
        person_id,
        since_days,
        usual_gap_days,
        unnest(range(order_goal)) as k,
    from person
),

planned as (
    select
        *,
        person_id * 64 + k as order_key,
        case
            when k = 0 then 0
            else greatest(
                2,
                round(
                    usual_gap_days
                    * (0.7 + 0.7 * uniform('gap', person_id * 64 + k))
                    * case when chance('long gap', person_id * 64 + k, 0.12) then 3 else 1 end
                )
            )
        end as gap_days,
    from steps
),

dated as (
    select
        *,
        since_days - sum(gap_days) over (
            partition by person_id order by k rows between unbounded preceding and current row
        ) as days_ago,
    from planned
)

select
    order_key,
    person_id,
    k,
    moment(cast(world_end() as date) - cast(days_ago as integer), 'order', order_key) as ordered_at,
    days_ago,
from dated
where days_ago >= 1;

create temp table order_basis as
select
    visit.*,
    case
        when visit.k > 0 and person.second_channel is not null
            and chance('other channel', visit.order_key, 0.35) then person.second_channel
        else person.home_channel
    end as channel,
    person.country_code,
    person.favourite_no,
    chance('campaign order', visit.order_key, 0.20) as is_discounted,
    channel <> 'amazon' and chance('test', visit.order_key, 0.005) as is_test,
    channel = 'shopify' and chance('deleted', visit.order_key, 0.004) as is_deleted,
    channel = 'amazon' and chance('business order', visit.order_key, 0.015) as is_business_order,
    chance('cancelled', visit.order_key, 0.025) as is_cancelled,
    chance('gift card order', visit.order_key, 0.008) as is_gift_card_order,
    -- A free sample for a blogger: everything is discounted away.
    channel = 'shopify' and chance('sample', visit.order_key, 0.003) as is_sample,
from visit
inner join person using (person_id);

create temp table cart_line as
with lines as (
    select
        *,
        unnest(range(
            case
                when is_gift_card_order and channel = 'shopify' then 1
                when uniform('lines', order_key) < 0.62 then 1
                when uniform('lines', order_key) < 0.89 then 2
                else 3
            end
        )) as line_no,
        order_key * 4 + line_no as line_key,
    from order_basis
),

wanted as (
    select
        line_key,
        order_key,
        channel,
        line_no,
        days_ago,
        is_discounted,
        is_sample,
        is_business_order,
        case
            when is_gift_card_order and channel = 'shopify' then 46
            when line_no = 0 and chance('favourite again', order_key, 0.72) then favourite_no
            -- With it goes what complements it: the same pack for the complementary need, or a shaker.
            when line_no = 1 and favourite_no < 40 and chance('complement', order_key, 0.5)
                then case
                    when favourite_no // 8 = 4 then 42
                    else (favourite_no // 8 + case when (favourite_no // 8) % 2 = 0 then 1 else -1 end) * 8
                        + favourite_no % 8
                end
            when line_no > 0 and chance('accessory', line_key, 0.06) then 45
            else demand.product_no
        end as product_no,
    from lines
    inner join demand
        on whole('product', line_key, 0, getvariable('demand_slots') - 1) = demand.slot
),

available as (
    select
        wanted.* exclude (product_no),
        case
            when wanted.days_ago <= product.launched_days_ago then wanted.product_no
            when wanted.product_no < 40 then wanted.product_no - 4
            else 40
        end as product_no,
    from wanted
    inner join product using (product_no)
),

priced as (
    select
        available.*,
        case
            when available.is_business_order and available.line_no = 0 then 24
            when product.category in ('Gift Cards', 'Accessories') then 1
            when uniform('quantity', available.line_key) < 0.84 then 1
            when uniform('quantity', available.line_key) < 0.96 then 2
            else 3
        end as quantity,
        product.cents as unit_cents,
    from available
    inner join product using (product_no)
)

select
    *,
    case
        when product_no = 46 then 0
        when is_sample then quantity * unit_cents
        when is_discounted and pick(['percent', 'percent', 'percent', 'fixed'], 'discount kind', order_key) = 'fixed'
            then case when line_no = 0 then 500 else 0 end
        when is_discounted
            then round(quantity * unit_cents * pick([10, 15, 20], 'discount percent', order_key) / 100.0)::bigint
        else 0
    end as discount_cents,
from priced;

-- total = lines - discounts + shipping, tax included.
create temp table cart as
with sums as (
    select
        order_key,
        sum(quantity * unit_cents)::bigint as items_cents,
        sum(discount_cents)::bigint as discount_cents,
        bool_or(product_no <> 46) as is_shipped,
    from cart_line
    group by order_key
),

charged as (
    select
        order_basis.*,
        sums.items_cents,
        sums.discount_cents,
        sums.is_shipped,
        case
            when not sums.is_shipped or order_basis.is_sample then 0
            when order_basis.country_code = 'CH' then 990
            when order_basis.country_code <> 'DE' then 690
            when sums.items_cents - sums.discount_cents < 3900 then 390
            else 0
        end as shipping_cents,
        case
            when order_basis.channel = 'amazon' or sums.discount_cents = 0 then null -- Amazon's own promotion
            when order_basis.is_sample then 'SAMPLE100'
            when pick(['percent', 'percent', 'percent', 'fixed'], 'discount kind', order_basis.order_key)
                = 'fixed' then 'DANKE5'
            else pick(['NEWS', 'SOMMER', 'FREUNDE'], 'coupon name', order_basis.order_key)
                || pick([10, 15, 20], 'discount percent', order_basis.order_key)
        end as coupon_code,
    from order_basis
    inner join sums using (order_key)
)

select
    *,
    items_cents - discount_cents + shipping_cents as total_cents,
    row_number() over (partition by channel order by ordered_at, order_key) as channel_no,
    -- The carrier calls in the afternoon of the next or the following day; null while that is still to come.
    case when not is_cancelled and is_shipped and not is_test and ready.at < world_end() then ready.at end
        as shipped_at,
    case when is_cancelled then least(ordered_at + hours('cancel', order_key, 1, 30), world_end() - interval 1 minute) end as cancelled_at,
from charged
cross join lateral (
    select
        shop_time(
            cast(local_time(charged.ordered_at) as date)
            + whole('handling days', charged.order_key, 1, 2)::integer
            + to_seconds(whole('handling', charged.order_key, 54000, 64799))
        ) as at
) as ready;

-- Parcels. Cancelled orders have none; Amazon ships most of its orders itself and says nothing about them.
create or replace temp macro ships_itself(order_key) as chance('fulfilled by amazon', order_key, 0.7);

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
            when carrier = 'DHL' then '00340434' || lpad((parcel_key % 1000000000000)::varchar, 12, '0')
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
    case when fate = 'collected' then attempt_at + hours('to shop', parcel_key, 2, 6) end as ready_at,
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
    case when fate = 'returned' then attempt_at + hours('back', parcel_key, 150, 260) end as returned_at,
    shop_time(promised_date + to_hours(18)) as promised_at,
from attempted;

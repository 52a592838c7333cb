-- What people bought, where and when, before any shop wrote it down: `cart` (one row per order) and
-- `cart_line`. The channels' files turn these into raw tables.
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
            and chance('other channel', visit.order_key, 0.42) then person.second_channel
        else person.home_channel
    end as channel,
    person.country_code,
    person.favourite_no,
    -- Per cent off, or 0 for five euros off the first line.
    case
        when chance('campaign order', visit.order_key, 0.20)
            then pick([10, 10, 15, 15, 20, 20, 0, 0], 'discount', visit.order_key)
    end as discount_percent,
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
        discount_percent,
        is_sample,
        is_business_order,
        case
            when is_gift_card_order and channel = 'shopify' then 46
            when line_no = 0 and chance('favourite again', order_key, 0.72) then favourite_no
            -- With it goes what complements it: the same pack for the complementary need, or a
            -- shaker.
            when line_no = 1 and favourite_no < 40 and chance('complement', order_key, 0.5)
                then case
                    when favourite_no // 8 = 4 then 42
                    when favourite_no // 8 % 2 = 0 then favourite_no + 8
                    else favourite_no - 8
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
        when discount_percent is null then 0
        when discount_percent = 0 and line_no = 0 then 500
        else round(quantity * unit_cents * discount_percent / 100.0)::bigint
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
            when order_basis.channel = 'amazon' or sums.discount_cents = 0 then null
            when order_basis.is_sample then 'SAMPLE100'
            when order_basis.discount_percent = 0 then 'DANKE5'
            else pick(['NEWS', 'SOMMER', 'FREUNDE'], 'coupon name', order_basis.order_key)
                || order_basis.discount_percent
        end as coupon_code,
    from order_basis
    inner join sums using (order_key)
)

select
    *,
    items_cents - discount_cents + shipping_cents as total_cents,
    row_number() over (partition by channel order by ordered_at, order_key) as channel_no,
    -- The carrier calls in the afternoon of the next or the following day; null while that is still
    -- to come.
    case
        when not is_cancelled and is_shipped and not is_test and ready.at < world_end()
            then ready.at
    end
        as shipped_at,
    case
        when is_cancelled
            then least(
                ordered_at + hours('cancel', order_key, 1, 30), world_end() - interval 1 minute
            )
    end as cancelled_at,
from charged
cross join lateral (
    select
        shop_time(
            cast(local_time(charged.ordered_at) as date)
            + whole('handling days', charged.order_key, 1, 2)::integer
            + to_seconds(whole('handling', charged.order_key, 54000, 64799))
        ) as at
) as ready;

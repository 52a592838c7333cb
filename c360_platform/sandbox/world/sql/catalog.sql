-- What the shop sells: five needs x capsules (30, 60, 90 days) and sticks (30 days) x an entry and
-- a premium brand, bundles, an accessory and a gift card. product_no is the generator's own key;
-- the raw tables show product ids and SKUs. Shopify's product_type is the capitalised category, the
-- web shop's the lower-case one.

create temp table need as
select *
from (
    values
    (0, 'Energy', 'ENE', 'Energy', 1, 100),
    (1, 'Concentration', 'CON', 'Fokus', 0, 100),
    (2, 'Sleep', 'SLE', 'Schlaf', 3, 115),
    (3, 'Calm', 'CAL', 'Ruhe', 2, 110),
    (4, 'Immune', 'IMM', 'Immun', 4, 95)
) as t (need_no, category, code, title, complement_no, price_percent);

create temp table pack as
select *
from (
    values
    (0, 'K30', 'Kapseln', 30, 'entry', 1490),
    (1, 'K60', 'Kapseln', 60, 'entry', 2690),
    (2, 'K90', 'Kapseln', 90, 'entry', 3690),
    (3, 'S30', 'Sticks', 30, 'entry', 1990),
    (4, 'K30-P', 'Kapseln', 30, 'premium', 2490),
    (5, 'K60-P', 'Kapseln', 60, 'premium', 4490),
    (6, 'K90-P', 'Kapseln', 90, 'premium', 5990),
    (7, 'S30-P', 'Sticks', 30, 'premium', 3490)
) as t (pack_no, code, form, days, tier, cents);

-- The premium sticks are the newest product; older carts hold the entry sticks instead.
create temp table product as
with singles as (
    select
        need.need_no * 8 + pack.pack_no as product_no,
        need.code || '-' || pack.code as sku,
        concat_ws(
            ' ', need.title, case when pack.tier = 'premium' then 'Premium' end, pack.form,
            pack.days, 'Tage'
        ) as title,
        need.category,
        case
            when pack.tier = 'premium' then 'Musterkraft Premium'
            else 'Musterkraft Basis'
        end as brand,
        (round(pack.cents * need.price_percent / 1000.0) * 10)::bigint as cents,
        pack.days as pack_days,
        case when pack.pack_no = 7 then 150 else 1300 end as launched_days_ago,
    from need
    cross join pack
),

others as (
    select
        *,
        'Musterkraft Premium' as brand,
    from (
        values
        (40, 'SET-ENE-CON', 'Energy & Fokus Set 30 Tage', 'Bundles', 4790, 30, 1300),
        (41, 'SET-SLE-CAL', 'Schlaf & Ruhe Set 30 Tage', 'Bundles', 5290, 30, 1300),
        (42, 'SET-IMM', 'Immun Winter Set 60 Tage', 'Bundles', 7990, 60, 1300),
        (43, 'SET-ALL', 'Komplett Set 90 Tage', 'Bundles', 14900, 90, 900),
        (44, 'SET-MIX', 'Set zum Selbermischen 30 Tage', 'Bundles', 6490, 30, 400),
        (45, 'ACC-SHK', 'Shaker', 'Accessories', 990, null, 1300),
        (46, 'GIFT-50', 'Geschenkgutschein 50 Euro', 'Gift Cards', 5000, null, 1300)
    ) as t (product_no, sku, title, category, cents, pack_days, launched_days_ago)
)

select * from singles
union all by name
select * from others;

-- Demand: how often a product is somebody's favourite.
create temp table demand as
select
    row_number() over (order by weighted.product_no, copies.n) - 1 as slot,
    weighted.product_no,
from (
    select
        product_no,
        case
            when category = 'Bundles' then 3
            when category in ('Accessories', 'Gift Cards') then 0
            when pack_days = 60 then 4
            when pack_days = 90 then 3
            else 5
        end + case when category in ('Energy', 'Sleep') then 2 else 0 end as weight,
    from product
) as weighted
cross join range(9) as copies (n)
where copies.n < weighted.weight;

set variable demand_slots = (select count(*) from demand);

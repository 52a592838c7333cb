-- What is sold, one row per article of the shop. The SKU is the shop's own name for an article on
-- every channel; an article without one is known by its channel's product id. A channel that
-- names a category describes it best.
{{ config(materialized='table') }}

with

lines as (

    {{ union_channels('order_lines', var('channels_with_order_lines')) }}

),

articles as (

    select
        {{ product_key('channel', 'sku', 'product_id') }} as product_key,
        channel,
        upper(sku) as sku,
        product_id,
        product_name,
        brand,
        category,
        count(*) as lines
    from lines
    group by
        {{ product_key('channel', 'sku', 'product_id') }},
        channel, upper(sku), product_id, product_name, brand, category

),

ranked as (

    select
        *,
        row_number() over (
            partition by product_key
            order by
                case when category is null then 1 else 0 end asc,
                case when brand is null then 1 else 0 end asc,
                lines desc,
                channel asc, product_id asc, product_name asc, brand asc, category asc
        ) as rank
    from articles
    where product_key is not null

),

final as (

    select
        product_key,
        product_id,
        sku,
        product_name,
        brand,
        category
    from ranked
    where rank = 1

)

select * from final

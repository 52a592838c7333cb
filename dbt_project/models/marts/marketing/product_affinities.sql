{{ warehouse_layout(cluster_by=['channel', 'product_key']) }}

with

affinities as (

    select * from {{ ref('int_product__affinities') }}

),

articles as (

    select * from {{ ref('int_product__articles') }}

),

final as (

    select
        affinities.channel,
        affinities.product_key,
        products.product_name,
        products.category,
        affinities.partner_product_key,
        partners.product_name as partner_product_name,
        partners.category as partner_category,
        affinities.baskets,
        affinities.product_orders,
        affinities.partner_orders,
        affinities.orders_together,
        affinities.support,
        affinities.confidence,
        affinities.lift,
        affinities.partner_rank,
        affinities.offer_rank,
        affinities.is_partner_sold_recently
    from affinities
    inner join articles as products
        on affinities.product_key = products.product_key
    inner join articles as partners
        on affinities.partner_product_key = partners.product_key

)

select * from final

-- Which two products belong in one bundle?
-- Bought together more often than chance would have it, over all channels, by orders in which both were. Both must
-- still be sold.
with

affinities as (

    select * from {{ ref('product_affinities') }}
    where channel = 'all'

),

products as (

    select * from {{ ref('product_performance') }}
    where channel = 'all' and is_sold_recently

),

-- Each pair is there in both directions; one is enough.
final as (

    select
        affinities.product_name,
        affinities.partner_product_name,
        affinities.orders_together,
        affinities.support,
        affinities.lift,
        greatest(
            affinities.confidence,
            {{ x_safe_divide('affinities.orders_together', 'affinities.partner_orders') }}
        ) as share_of_the_rarer_ones_orders,
        products.unit_return_rate,
        partners.unit_return_rate as partner_unit_return_rate
    from affinities
    inner join products
        on affinities.product_key = products.product_key
    inner join products as partners
        on affinities.partner_product_key = partners.product_key
    where affinities.lift > 1
        and affinities.product_key < affinities.partner_product_key

)

select * from final
order by orders_together desc, lift desc
limit 50

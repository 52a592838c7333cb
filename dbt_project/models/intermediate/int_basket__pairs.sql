-- Only articles that are in enough orders are paired, each pair once; so the work is bounded by what can be reported.
with

basket_products as (

    select * from {{ ref('int_basket__products') }}

),

sales as (

    select * from {{ ref('int_product__sales') }}

),

frequent_products as (

    select distinct product_key
    from sales
    where orders >= {{ var('basket_min_orders') }}
        and {{ x_safe_divide('orders', 'baskets_of_channel') }} >= {{ var('basket_min_support') }}

),

items as (

    select
        basket_products.order_key,
        basket_products.channel,
        basket_products.product_key
    from basket_products
    inner join frequent_products
        on basket_products.product_key = frequent_products.product_key
    where basket_products.products_in_order > 1

),

final as (

    select
        items.channel,
        items.product_key,
        partners.product_key as partner_product_key,
        count(*) as orders_together
    from items
    inner join items as partners
        on items.order_key = partners.order_key
        and items.product_key < partners.product_key
    group by 1, 2, 3

)

select * from final

{{ warehouse_layout(cluster_by=['order_key']) }}

with

lines as (

    {{ union_channels('order_lines', var('channels_with_order_lines')) }}

),

orders as (

    select order_key from {{ ref('stg_orders') }}

),

products as (

    select * from {{ ref('stg_products') }}

),

-- lines of test, deleted and later orders go with their order
final as (

    select
        lines.channel,
        lines.order_key,
        lines.line_key,
        products.product_key,
        lines.product_id,
        lines.sku,
        coalesce(lines.product_name, products.product_name) as product_name,
        coalesce(lines.brand, products.brand) as brand,
        coalesce(lines.category, products.category) as category,
        lines.quantity,
        lines.unit_price,
        lines.line_amount,
        lines.returned_quantity
    from lines
    inner join orders
        on lines.order_key = orders.order_key
    left join products
        on products.product_key
        = {{ product_key('lines.channel', 'lines.sku', 'lines.product_id') }}

)

select * from final

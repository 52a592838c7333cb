with

lines as (

    select * from {{ raw('shopify', 'order_line') }}

),

products as (

    select * from {{ ref('stg_shopify__products') }}

),

returned as (

    select
        returned_lines.order_line_id,
        sum(returned_lines.quantity) as returned_quantity
    from {{ raw('shopify', 'order_line_refund') }} as returned_lines
    inner join {{ ref('stg_shopify__refunds') }} as refunds
        on returned_lines.refund_id = refunds.refund_id
    group by returned_lines.order_line_id

),

final as (

    select
        'shopify' as channel,
        'shopify:' || lines.order_id as order_key,
        'shopify:' || lines.id as line_key,
        lines.product_id,
        {{ clean_text('lines.sku') }} as sku,
        coalesce({{ clean_text('lines.title') }}, products.product_name) as product_name,
        coalesce({{ clean_text('lines.vendor') }}, products.brand) as brand,
        products.category,
        coalesce(lines.quantity, 0) as quantity,
        lines.price as unit_price,
        {{ to_money('coalesce(lines.price, 0) * coalesce(lines.quantity, 0)'
            ~ ' - coalesce(lines.total_discount, 0)') }} as line_amount,
        coalesce(returned.returned_quantity, 0) as returned_quantity
    from lines
    left join products
        on lines.product_id = products.product_id
    left join returned
        on lines.id = returned.order_line_id

)

select * from final

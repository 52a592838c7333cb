with

source as (

    select
        *,
        {{ money('item_price_amount') }} as item_price
    from {{ raw('amazon', 'order_item') }}

),

final as (

    select
        'amazon' as channel,
        'amazon:' || amazon_order_id as order_key,
        'amazon:' || amazon_order_id || ':' || order_item_id as line_key,
        asin as product_id,
        {{ clean_text('seller_sku') }} as sku,
        {{ clean_text('title') }} as product_name,
        cast(null as {{ type_text() }}) as brand,
        cast(null as {{ type_text() }}) as category,
        coalesce(quantity_ordered, 0) as quantity,
        {{ to_money('item_price / nullif(quantity_ordered, 0)') }} as unit_price,
        {{ to_money('coalesce(item_price, 0) - coalesce('
            ~ money('promotion_discount_amount') ~ ', 0)') }} as line_amount,
        0 as returned_quantity
    from source

)

select * from final

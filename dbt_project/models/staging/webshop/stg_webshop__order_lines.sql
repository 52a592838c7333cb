with

source as (

    select * from {{ raw('webshop', 'order_items') }}

),

final as (

    select
        'webshop' as channel,
        'webshop:' || order_id as order_key,
        'webshop:' || id as line_key,
        product_id,
        product_id as sku,
        {{ clean_text('product_name') }} as product_name,
        cast(null as {{ type_text() }}) as brand,
        {{ clean_text('category') }} as category,
        -- A line without a quantity is one unit, as in a till's or a basket's export.
        coalesce(quantity, 1) as quantity,
        {{ cents('unit_price') }} as unit_price,
        {{ to_money('coalesce(' ~ cents('unit_price') ~ ' * coalesce(quantity, 1), 0)') }} as line_amount,
        0 as returned_quantity
    from source

)

select * from final

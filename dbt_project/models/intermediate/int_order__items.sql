{{ warehouse_layout(cluster_by=['order_key']) }}

with

order_products as (

    select * from {{ ref('int_order__products') }}

),

categories_of_orders as (

    select
        order_key,
        category,
        {{ x_join_text('items', ', ', ['items', 'form', 'line']) }} as items,
        sum(units) as units,
        sum(kept_units) as kept_units,
        coalesce(sum(line_amount), 0) as line_amount,
        nullif(sum(supply_days), 0) as supply_days
    from order_products
    group by 1, 2

),

-- Of one order all amounts are in one currency, so they may be compared.
totals as (

    select
        order_key,
        {{ x_join_text('items', ', ', ['-line_amount', 'category']) }} as items,
        {{ x_join_text('category', ', ', ['-line_amount', 'category']) }} as categories,
        cast(sum(units) as {{ type_integer() }}) as units,
        cast(sum(kept_units) as {{ type_integer() }}) as kept_units,
        cast(min(supply_days) as {{ type_integer() }}) as supply_days
    from categories_of_orders
    group by 1

),

final as (

    select
        order_key,
        items,
        categories,
        {{ x_split_part('categories', ', ', 1) }} as main_category,
        units,
        kept_units,
        supply_days
    from totals

)

select * from final

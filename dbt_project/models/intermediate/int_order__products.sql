{{ warehouse_layout(cluster_by=['order_key']) }}

with

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

product_traits as (

    select * from {{ ref('int_product__traits') }}

),

lines_of_orders as (

    select
        order_lines.order_key,
        order_lines.line_key,
        order_lines.product_name,
        coalesce(order_lines.quantity, 1) as units,
        greatest(coalesce(order_lines.quantity, 1) - coalesce(order_lines.returned_quantity, 0), 0)
            as kept_units,
        order_lines.line_amount,
        product_traits.category,
        product_traits.form,
        product_traits.line,
        product_traits.pack_days
    from order_lines
    inner join product_traits
        on coalesce(order_lines.product_name, '') = product_traits.product_name
        and coalesce(order_lines.brand, '') = product_traits.brand
        and coalesce(order_lines.category, '') = product_traits.source_category

),

final as (

    select
        order_key,
        category,
        form,
        line,
        {{ x_join_text(
            "concat(cast(units as " ~ type_text() ~ "), 'x ', coalesce(product_name, category))",
            ', ', ['line_key']
        ) }} as items,
        cast(sum(units) as {{ type_integer() }}) as units,
        cast(sum(kept_units) as {{ type_integer() }}) as kept_units,
        sum(line_amount) as line_amount,
        cast(sum(kept_units * pack_days) as {{ type_integer() }}) as supply_days
    from lines_of_orders
    group by 1, 2, 3, 4

)

select * from final

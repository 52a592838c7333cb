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

-- Sums up to each line, so that the last line of a group has the group's: windows find room on disk where they have
-- to, and one sort of all lines is cheaper than one of each group.
summed_up as (

    select
        order_key,
        category,
        form,
        line,
        string_agg(
            concat(cast(units as {{ type_text() }}), 'x ', coalesce(product_name, category)), ', '
        ) over lines_so_far as items,
        sum(units) over lines_so_far as units,
        sum(kept_units) over lines_so_far as kept_units,
        sum(line_amount) over lines_so_far as line_amount,
        sum(kept_units * pack_days) over lines_so_far as supply_days,
        lead(order_key) over lines_so_far is null as is_last
    from lines_of_orders
    window lines_so_far as (
        partition by order_key, category, form, line
        order by line_key
    )

),

final as (

    select
        order_key,
        category,
        form,
        line,
        items,
        cast(units as {{ type_integer() }}) as units,
        cast(kept_units as {{ type_integer() }}) as kept_units,
        line_amount,
        cast(supply_days as {{ type_integer() }}) as supply_days
    from summed_up
    where is_last

)

select * from final

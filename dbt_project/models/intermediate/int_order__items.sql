{{ warehouse_layout(cluster_by=['order_key']) }}

with

order_products as (

    select * from {{ ref('int_order__products') }}

),

-- Sums up to each row, so that the last row of a category, and then of an order, has those of all (as in
-- int_order__products).
summed_up_by_category as (

    select
        order_key,
        category,
        string_agg(items, ', ') over rows_so_far as items,
        sum(units) over rows_so_far as units,
        sum(kept_units) over rows_so_far as kept_units,
        coalesce(sum(line_amount) over rows_so_far, 0) as line_amount,
        nullif(sum(supply_days) over rows_so_far, 0) as supply_days,
        lead(order_key) over rows_so_far is null as is_last
    from order_products
    window rows_so_far as (
        partition by order_key, category
        order by items, form, line
    )

),

categories_of_orders as (

    select * from summed_up_by_category
    where is_last

),

-- Of one order all amounts are in one currency, so they may be compared.
summed_up_by_order as (

    select
        order_key,
        string_agg(items, ', ') over categories_so_far as items,
        string_agg(category, ', ') over categories_so_far as categories,
        first_value(category) over categories_so_far as main_category,
        sum(units) over categories_so_far as units,
        sum(kept_units) over categories_so_far as kept_units,
        min(supply_days) over categories_so_far as supply_days,
        lead(order_key) over categories_so_far is null as is_last
    from categories_of_orders
    window categories_so_far as (
        partition by order_key
        order by line_amount desc, category asc
    )

),

final as (

    select
        order_key,
        items,
        categories,
        main_category,
        cast(units as {{ type_integer() }}) as units,
        cast(kept_units as {{ type_integer() }}) as kept_units,
        cast(supply_days as {{ type_integer() }}) as supply_days
    from summed_up_by_order
    where is_last

)

select * from final

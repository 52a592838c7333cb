-- Sorting order lines by category, form and line loses no unit and doubles none.
with

lines as (

    select coalesce(sum(coalesce(quantity, 1)), 0) as units from {{ ref('stg_order_lines') }}

),

products as (

    select coalesce(sum(units), 0) as units from {{ ref('int_order__products') }}

)

select
    lines.units,
    products.units as units_of_products
from lines
cross join products
where lines.units != products.units

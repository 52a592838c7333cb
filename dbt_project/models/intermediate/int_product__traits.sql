with

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

category_map as (

    select * from {{ ref('category_map') }}

),

product_traits as (

    select * from {{ ref('product_traits') }}

),

products as (

    select distinct
        coalesce(product_name, '') as product_name,
        coalesce(brand, '') as brand,
        coalesce(category, '') as source_category
    from order_lines

),

trait_words as (

    select
        products.product_name,
        products.brand,
        products.source_category,
        product_traits.trait,
        product_traits.value,
        row_number() over (
            partition by
                products.product_name, products.brand, products.source_category,
                product_traits.trait
            order by product_traits.priority, product_traits.keyword
        ) as precedence
    from products
    inner join product_traits
        on lower(concat(' ', coalesce(products.product_name, ''), ' ', coalesce(products.brand, '')))
        like concat('% ', product_traits.keyword, '%')

),

traits as (

    select
        product_name,
        brand,
        source_category,
        max(case when trait = 'form' then value end) as form,
        max(case when trait = 'line' then value end) as line
    from trait_words
    where precedence = 1
    group by 1, 2, 3

),

packs as (

    select
        product_name,
        brand,
        source_category,
        {{ x_parse_int(x_regex_group('lower(product_name)', '([0-9]+) ?-?(?:tage|days|day)')) }}
            as days_in_name
    from products

),

final as (

    select
        products.product_name,
        products.brand,
        products.source_category,
        coalesce(category_map.category, {{ clean_text('products.source_category') }}, 'Other')
            as category,
        coalesce(traits.form, 'other') as form,
        coalesce(traits.line, 'other') as line,
        case
            when category_map.category is not null and category_map.pack_days is null then null
            else coalesce(packs.days_in_name, category_map.pack_days)
        end as pack_days
    from products
    left join category_map
        on lower({{ x_trim('products.source_category') }}) = category_map.source_category
    left join traits
        on products.product_name = traits.product_name
        and products.brand = traits.brand
        and products.source_category = traits.source_category
    left join packs
        on products.product_name = packs.product_name
        and products.brand = packs.brand
        and products.source_category = packs.source_category

)

select * from final

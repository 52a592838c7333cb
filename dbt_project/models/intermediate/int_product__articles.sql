with

products as (

    select * from {{ ref('stg_products') }}

),

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

product_traits as (

    select * from {{ ref('int_product__traits') }}

),

named_lines as (

    select
        {{ article_key() }} as product_key,
        product_name,
        brand,
        category,
        count(*) as lines
    from order_lines
    where product_key is null and product_name is not null
    group by 1, 2, 3, 4

),

-- Articles without a number are known by their name; their category is the one they are sold under most often.
named_articles as (

    select
        *,
        row_number() over (
            partition by product_key
            order by lines desc, coalesce(brand, ''), coalesce(category, '')
        ) as precedence
    from named_lines

),

articles as (

    select
        product_key,
        product_name,
        brand,
        category
    from products

    union all

    select
        product_key,
        product_name,
        brand,
        category
    from named_articles
    where precedence = 1

),

final as (

    select
        articles.product_key,
        coalesce(articles.product_name, articles.product_key) as product_name,
        articles.brand,
        coalesce(product_traits.category, {{ clean_text('articles.category') }}, 'Other') as category,
        coalesce(product_traits.form, 'other') as form,
        coalesce(product_traits.line, 'other') as line
    from articles
    left join product_traits
        on coalesce(articles.product_name, '') = product_traits.product_name
        and coalesce(articles.brand, '') = product_traits.brand
        and coalesce(articles.category, '') = product_traits.source_category

)

select * from final

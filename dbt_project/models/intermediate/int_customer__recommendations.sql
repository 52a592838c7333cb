{{ warehouse_layout(cluster_by=['customer_id']) }}

with

customer_products as (

    select * from {{ ref('int_customer__products') }}

),

product_metrics as (

    select * from {{ ref('int_customer__product_metrics') }}

),

upsell_rules as (

    select * from {{ ref('upsell_rules') }}

),

categories_bought as (

    select
        customer_id,
        category,
        sum(units) as units
    from customer_products
    group by 1, 2

),

forms_bought as (

    select
        customer_id,
        form,
        category,
        sum(units) as units
    from customer_products
    group by 1, 2, 3

),

lines_bought as (

    select
        customer_id,
        line,
        category,
        sum(units) as units
    from customer_products
    group by 1, 2, 3

),

-- What customers have bought, one trait a row.
traits_bought as (

    select
        customer_id,
        'category' as trait,
        category as value,
        category,
        units
    from categories_bought

    union all

    select
        customer_id,
        'form' as trait,
        form as value,
        category,
        units
    from forms_bought

    union all

    select
        customer_id,
        'line' as trait,
        line as value,
        category,
        units
    from lines_bought

    union all

    select
        customer_id,
        'basket' as trait,
        'single_item' as value,
        last_purchased_category as category,
        last_order_units as units
    from product_metrics
    where last_order_units = 1

),

fitting as (

    select
        traits_bought.customer_id,
        traits_bought.category,
        traits_bought.units,
        upsell_rules.priority,
        upsell_rules.upsell_rule,
        upsell_rules.lacks_trait,
        upsell_rules.lacks_value,
        upsell_rules.is_same_category,
        upsell_rules.recommended_category,
        upsell_rules.recommended_product
    from traits_bought
    inner join upsell_rules
        on traits_bought.trait = upsell_rules.has_trait
        and traits_bought.value = upsell_rules.has_value

),

not_bought_yet as (

    select fitting.*
    from fitting
    left join traits_bought as bought
        on fitting.customer_id = bought.customer_id
        and fitting.lacks_trait = bought.trait
        and fitting.lacks_value = bought.value
        and (not fitting.is_same_category or fitting.category = bought.category)
    where bought.customer_id is null

),

ranked as (

    select
        *,
        row_number() over (
            partition by customer_id order by priority, units desc, category
        ) as precedence
    from not_bought_yet

),

final as (

    select
        customer_id,
        upsell_rule,
        replace(recommended_category, '{category}', category) as recommended_category,
        replace(recommended_product, '{category}', category) as recommended_product
    from ranked
    where precedence = 1

)

select * from final

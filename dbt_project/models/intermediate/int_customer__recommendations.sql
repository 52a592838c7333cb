-- A rule of the seed speaks first. Whom none fits is offered what is bought together with the customer's articles
-- most markedly and is not theirs yet. How markedly is known for offers by a rule too, where baskets tell.
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

buyers as (

    select * from {{ ref('int_product__buyers') }}

),

affinities as (

    select * from {{ ref('int_product__affinities') }}
    where channel = 'all'

),

articles as (

    select * from {{ ref('int_product__articles') }}

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
            partition by customer_id order by priority asc, units desc, category asc
        ) as precedence
    from not_bought_yet

),

by_rule as (

    select
        customer_id,
        upsell_rule,
        replace(recommended_category, '{category}', category) as recommended_category,
        replace(recommended_product, '{category}', category) as recommended_product,
        category as based_on
    from ranked
    where precedence = 1

),

-- How markedly an article is bought together with any of a category.
affinities_to_categories as (

    select
        affinities.product_key,
        articles.category,
        max(affinities.lift) as lift
    from affinities
    inner join articles
        on affinities.partner_product_key = articles.product_key
    group by 1, 2

),

lifts_of_rules as (

    select
        by_rule.customer_id,
        max(affinities_to_categories.lift) as lift
    from by_rule
    inner join buyers
        on by_rule.customer_id = buyers.customer_id
    inner join affinities_to_categories
        on buyers.product_key = affinities_to_categories.product_key
        and by_rule.recommended_category = affinities_to_categories.category
    group by 1

),

without_rule as (

    select
        buyers.customer_id,
        buyers.product_key
    from buyers
    left join by_rule
        on buyers.customer_id = by_rule.customer_id
    where by_rule.customer_id is null

),

offers as (

    select
        product_key,
        partner_product_key,
        lift,
        row_number() over (
            order by lift desc, orders_together desc, partner_product_key asc, product_key asc
        ) as precedence
    from affinities
    where offer_rank <= {{ var('basket_offers_per_product') }}

),

best_offers as (

    select
        without_rule.customer_id,
        min(offers.precedence) as precedence
    from without_rule
    inner join offers
        on without_rule.product_key = offers.product_key
    left join without_rule as owned
        on without_rule.customer_id = owned.customer_id
        and offers.partner_product_key = owned.product_key
    where owned.customer_id is null
    group by 1

),

by_basket as (

    select
        best_offers.customer_id,
        partners.category as recommended_category,
        partners.product_name as recommended_product,
        products.product_name as based_on,
        offers.lift
    from best_offers
    inner join offers
        on best_offers.precedence = offers.precedence
    inner join articles as products
        on offers.product_key = products.product_key
    inner join articles as partners
        on offers.partner_product_key = partners.product_key

),

final as (

    select
        by_rule.customer_id,
        'category_map' as recommendation_source,
        by_rule.upsell_rule,
        by_rule.recommended_category,
        by_rule.recommended_product,
        by_rule.based_on,
        lifts_of_rules.lift
    from by_rule
    left join lifts_of_rules
        on by_rule.customer_id = lifts_of_rules.customer_id

    union all

    select
        customer_id,
        'basket' as recommendation_source,
        'bought_together' as upsell_rule,
        recommended_category,
        recommended_product,
        based_on,
        lift
    from by_basket

)

select * from final

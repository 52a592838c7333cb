with

pairs as (

    select * from {{ ref('int_basket__pairs') }}

),

sales as (

    select * from {{ ref('int_product__sales') }}

),

pairs_of_channels as (

    select * from pairs

    union all

    select
        'all' as channel,
        product_key,
        partner_product_key,
        cast(sum(orders_together) as {{ type_integer() }}) as orders_together
    from pairs
    group by 1, 2, 3

),

both_directions as (

    select
        channel,
        product_key,
        partner_product_key,
        orders_together
    from pairs_of_channels
    where orders_together >= {{ var('basket_min_orders') }}

    union all

    select
        channel,
        partner_product_key as product_key,
        product_key as partner_product_key,
        orders_together
    from pairs_of_channels
    where orders_together >= {{ var('basket_min_orders') }}

),

measured as (

    select
        both_directions.channel,
        both_directions.product_key,
        both_directions.partner_product_key,
        sales.baskets_of_channel as baskets,
        sales.orders as product_orders,
        partners.orders as partner_orders,
        both_directions.orders_together,
        {{ x_safe_divide('both_directions.orders_together', 'sales.baskets_of_channel') }} as support,
        {{ x_safe_divide('both_directions.orders_together', 'sales.orders') }} as confidence,
        {{ x_safe_divide(
            'both_directions.orders_together * sales.baskets_of_channel',
            '(sales.orders * partners.orders)'
        ) }} as lift,
        partners.is_sold_recently as is_partner_sold_recently
    from both_directions
    inner join sales
        on both_directions.product_key = sales.product_key
        and both_directions.channel = sales.channel
    inner join sales as partners
        on both_directions.partner_product_key = partners.product_key
        and both_directions.channel = partners.channel

),

frequent as (

    select
        *,
        lift > {{ var('basket_min_lift') }} as is_partner,
        lift > {{ var('basket_min_lift') }} and is_partner_sold_recently as is_offer
    from measured
    where support >= {{ var('basket_min_support') }}

),

final as (

    select
        channel,
        product_key,
        partner_product_key,
        baskets,
        product_orders,
        partner_orders,
        orders_together,
        support,
        confidence,
        lift,
        {%- for place in ['partner', 'offer'] %}
        case
            when is_{{ place }}
                then row_number() over (
                        partition by channel, product_key, is_{{ place }}
                        order by lift desc, orders_together desc, partner_product_key asc
                    )
        end as {{ place }}_rank,
        {%- endfor %}
        is_partner_sold_recently
    from frequent

)

select * from final

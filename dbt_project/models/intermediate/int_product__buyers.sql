{{ warehouse_layout(cluster_by=['customer_id']) }}

with

basket_products as (

    select * from {{ ref('int_basket__products') }}

),

final as (

    select
        customer_id,
        product_key,
        {%- for channel in var('channels') %}
        count(case when channel = '{{ channel }}' then 1 end) as orders_{{ channel }},
        {%- endfor %}
        count(*) as orders_all
    from basket_products
    where product_key is not null
    group by 1, 2

)

select * from final

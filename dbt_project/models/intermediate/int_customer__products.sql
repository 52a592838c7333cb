{{ warehouse_layout(cluster_by=['customer_id']) }}

with

order_products as (

    select * from {{ ref('int_order__products') }}

),

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

final as (

    select
        customer_activity.customer_id,
        order_products.category,
        order_products.form,
        order_products.line,
        cast(sum(order_products.units) as {{ type_integer() }}) as units,
        count(*) as orders,
        max(customer_activity.order_number_of_customer) as last_order_number
    from customer_activity
    inner join order_products
        on customer_activity.order_key = order_products.order_key
    group by 1, 2, 3, 4

)

select * from final

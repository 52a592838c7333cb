-- Which products bring new customers, and do those who buy them come back?
-- A customer is won by everything in the first order; repeat buyers bought the same product again.
with

products as (

    select * from {{ ref('product_performance') }}
    where channel = 'all'

),

final as (

    select
        product_name,
        category,
        customers_acquired,
        {{ x_safe_divide('customers_acquired', 'buyers') }} as share_of_buyers_won,
        repeat_buyer_rate,
        net_revenue,
        unit_return_rate,
        promotional_dependency,
        product_status,
        recommended_action
    from products
    where customers_acquired > 0

)

select * from final
order by customers_acquired desc, product_name asc
limit 50

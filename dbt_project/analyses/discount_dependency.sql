-- Who buys with a discount only, and what are they worth?
-- Promotional orders have a coupon, a discount code or a gift card.
with

customers as (

    select * from {{ ref('dim_customers') }}
    where total_orders > 0

),

grouped as (

    select
        case
            when promotional_orders = 0 then '1 never'
            when promotional_orders < total_orders then '2 sometimes'
            when total_orders = 1 then '3 the only order'
            else '4 always'
        end as buys_with_discount,
        total_orders,
        lifetime_revenue,
        discount_amount,
        is_active
    from customers

),

final as (

    select
        buys_with_discount,
        count(*) as customers,
        sum(total_orders) as orders,
        sum(lifetime_revenue) as lifetime_revenue,
        {{ x_safe_divide('sum(lifetime_revenue)', 'count(*)') }} as revenue_per_customer,
        sum(discount_amount) as discounts,
        {{ x_safe_divide('sum(discount_amount)', 'sum(lifetime_revenue) + sum(discount_amount)') }}
            as discount_share,
        {{ x_safe_divide('sum(case when is_active then 1 else 0 end)', 'count(*)') }} as active_share
    from grouped
    group by 1

)

select * from final
order by buys_with_discount asc

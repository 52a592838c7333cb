-- Which segment earns what, and what is to be done with it?
-- Segments as they are on the day of the data, all channels together; revenue over all time and the last 365 days.
with

customers as (

    select * from {{ ref('dim_customers') }}

),

segmentation as (

    select * from {{ ref('customer_segmentation') }}
    where channel = 'all'

),

segments as (

    select
        segmentation.customer_segment,
        segmentation.marketing_action,
        count(*) as customers,
        sum(customers.total_orders) as orders,
        sum(customers.lifetime_revenue) as lifetime_revenue,
        sum(customers.revenue_last_365_days) as revenue_last_365_days
    from segmentation
    inner join customers
        on segmentation.customer_id = customers.customer_id
    where customers.total_orders > 0
    group by 1, 2

),

final as (

    select
        customer_segment,
        customers,
        {{ x_safe_divide('customers', 'sum(customers) over ()') }} as share_of_customers,
        lifetime_revenue,
        {{ x_safe_divide('lifetime_revenue', 'sum(lifetime_revenue) over ()') }} as share_of_revenue,
        revenue_last_365_days,
        {{ x_safe_divide('lifetime_revenue', 'customers') }} as revenue_per_customer,
        {{ x_safe_divide('orders', 'customers') }} as orders_per_customer,
        marketing_action
    from segments

)

select * from final
order by lifetime_revenue desc

-- Customers, orders and payments in one: every order that counts, in the order the customer
-- placed them, with the stage of life and the value reached at that order. Only money in the
-- reporting currency adds up.
{{ warehouse_layout(partition_by='ordered_at', cluster_by=['customer_id']) }}

with

orders as (

    select * from {{ ref('stg_orders') }}
    where is_counted

),

orders_customers as (

    select * from {{ ref('orders_customers') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

activity as (

    select
        orders_customers.customer_id,
        orders.order_key,
        orders.channel,
        orders.ordered_at,
        orders.order_date,
        orders.order_month,
        orders.net_amount,
        orders.currency,
        orders.currency = reporting_currency.currency as is_reporting_currency,
        orders.order_status_group,
        orders.is_promotional,
        {{ payment_category('orders.payment_method') }} as payment_category
    from orders
    inner join orders_customers
        on orders.order_key = orders_customers.order_key
    cross join reporting_currency

),

sequenced as (

    select
        *,
        row_number() over customer_orders as order_number_of_customer,
        sum(case when is_reporting_currency then net_amount else 0 end) over customer_orders
            as cumulative_revenue,
        lag(order_date) over customer_orders as previous_order_date,
        min(order_month) over customer_orders as first_order_month
    from activity
    window customer_orders as (
        partition by customer_id
        order by ordered_at, order_key
    )

),

final as (

    select
        customer_id,
        order_key,
        channel,
        ordered_at,
        order_date,
        net_amount,
        currency,
        order_number_of_customer,
        {{ to_money('cumulative_revenue') }} as cumulative_revenue,
        {{ x_date_diff('day', 'previous_order_date', 'order_date') }} as days_since_previous_order,
        case
            when order_number_of_customer = 1 then 'first_order'
            when order_number_of_customer = 2 then 'second_order'
            when order_number_of_customer < {{ var('loyal_from_order') }} then 'repeat'
            else 'loyal'
        end as life_stage,
        order_status_group,
        is_promotional,
        payment_category,
        {{ x_date_diff('month', 'first_order_month', 'order_date') }} as months_since_first_order
    from sequenced

)

select * from final

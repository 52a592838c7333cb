{{ warehouse_layout(partition_by='ordered_at', cluster_by=['customer_id']) }}

with

orders as (

    select * from {{ ref('stg_orders') }}

),

orders_customers as (

    select * from {{ ref('orders_customers') }}

),

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

payments as (

    select * from {{ ref('stg_payments') }}

),

order_items as (

    select * from {{ ref('int_order__items') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

-- Every payment has exactly one means, so that the means of an order add up to what was paid.
payments_by_means as (

    select
        order_key,
        amount,
        case
            when payment_category = 'card' then 'credit_card'
            when payment_category = 'bank' then 'bank_transfer'
            when payment_method in ('gift_card', 'store_credit') then 'gift_card'
            when payment_category = 'promotional' then 'coupon'
            when payment_method in ('paypal', 'klarna') then payment_method
            else 'other'
        end as means
    from payments

),

{%- set means = [
    'credit_card', 'bank_transfer', 'paypal', 'klarna', 'gift_card', 'coupon', 'other'
] %}

payments_of_orders as (

    select
        order_key,
        {%- for name in means %}
        cast(sum(case when means = '{{ name }}' then amount else 0 end) as {{ type_money() }})
            as {{ name }}_amount,
        {%- endfor %}
        cast(sum(amount) as {{ type_money() }}) as amount
    from payments_by_means
    group by 1

),

-- Every model joined here has one row per order, so that no order is lost or doubled.
final as (

    select
        -- which order it is, and whose
        orders.order_key,
        orders.order_id,
        orders.order_number,
        orders_customers.customer_id,
        orders.customer_key,
        orders.channel,

        -- what became of it
        orders.status,
        orders.order_status_group,
        orders.is_cancelled,
        orders.is_counted,

        -- when, and at which point of the customer's life
        orders.order_date,
        orders.order_month,
        orders.is_weekend,
        customer_activity.order_number_of_customer,
        coalesce(customer_activity.order_number_of_customer = 1, false) as is_first_order,
        customer_activity.life_stage,
        customer_activity.days_since_previous_order,
        customer_activity.months_since_first_order,

        -- what was bought
        order_items.items,
        order_items.categories,
        order_items.main_category,
        order_items.units,

        -- what it is worth
        orders.currency,
        orders.currency = reporting_currency.currency as is_reporting_currency,
        orders.gross_amount,
        orders.discount_amount,
        orders.shipping_amount,
        orders.refunded_amount,
        orders.net_amount,
        orders.is_promotional,
        orders.coupon_code,

        -- how it was paid
        orders.payment_method,
        {%- for name in means %}
        coalesce(payments_of_orders.{{ name }}_amount, 0) as {{ name }}_amount,
        {%- endfor %}
        coalesce(payments_of_orders.amount, 0) as amount,
        orders.ordered_at,
        orders.updated_at
    from orders
    inner join orders_customers
        on orders.order_key = orders_customers.order_key
    left join customer_activity
        on orders.order_key = customer_activity.order_key
    left join payments_of_orders
        on orders.order_key = payments_of_orders.order_key
    left join order_items
        on orders.order_key = order_items.order_key
    cross join reporting_currency

)

select * from final

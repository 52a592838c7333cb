-- Money of an order goes to its articles by what they cost (by units where nothing has a price), money paid back to
-- the articles that came back. Each article gets what is due up to and including it less what was due before it, so
-- that not a cent of the order is lost to rounding.
{{ warehouse_layout(
    partition_by='order_date', data_type='date', cluster_by=['product_key', 'order_key']
) }}

with

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

order_lines as (

    select * from {{ ref('stg_order_lines') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

products_of_orders as (

    select
        order_key,
        {{ article_key() }} as product_key,
        cast(sum(quantity) as {{ type_integer() }}) as units,
        cast(sum(least(returned_quantity, quantity)) as {{ type_integer() }}) as returned_units,
        sum(greatest(line_amount, 0)) as goods_amount,
        sum({{ to_money(
            'greatest(line_amount, 0) * least(returned_quantity, quantity) / nullif(quantity, 0)'
        ) }}) as returned_amount
    from order_lines
    group by 1, 2

),

-- An order without lines stays, with no article, so that all money is in this table.
products_of_customers as (

    select
        customer_activity.customer_id,
        customer_activity.order_key,
        products_of_orders.product_key,
        customer_activity.channel,
        customer_activity.payment_category,
        customer_activity.order_number_of_customer,
        customer_activity.order_status_group,
        customer_activity.is_promotional,
        customer_activity.order_date,
        customer_activity.currency = reporting_currency.currency as is_in_money,
        orders.gross_amount as order_gross_amount,
        orders.refunded_amount as order_refunded_amount,
        coalesce(products_of_orders.units, 0) as units,
        coalesce(products_of_orders.returned_units, 0) as returned_units,
        coalesce(products_of_orders.goods_amount, 0) as goods_amount,
        coalesce(products_of_orders.returned_amount, 0) as returned_amount
    from customer_activity
    inner join orders
        on customer_activity.order_key = orders.order_key
    left join products_of_orders
        on customer_activity.order_key = products_of_orders.order_key
    cross join reporting_currency

),

counted_up as (

    select
        *,
        count(*) over whole_order as rows_of_order,
        sum(units) over whole_order as units_of_order,
        sum(goods_amount) over whole_order as goods_of_order,
        sum(returned_amount) over whole_order as returned_of_order,
        count(product_key) over whole_order as products_in_order,
        count(*) over up_to_here as rows_so_far,
        sum(units) over up_to_here as units_so_far,
        sum(goods_amount) over up_to_here as goods_so_far,
        sum(returned_amount) over up_to_here as returned_so_far,
        count(product_key) over up_to_here as products_so_far
    from products_of_customers
    window
        whole_order as (partition by order_key),
        up_to_here as (
            partition by order_key
            order by coalesce(product_key, '')
            rows between unbounded preceding and current row
        )

),

-- Shares of the order between 0 and 1: before this article and up to it. Money in other currencies is left out.
shares as (

    select
        *,
        case when is_in_money then goods_amount else 0 end as goods_in_money,
        case when is_in_money then order_gross_amount else 0 end as gross_in_money,
        case when is_in_money then order_refunded_amount else 0 end as refunded_in_money,
        case
            when goods_of_order > 0
                then {{ x_safe_divide('goods_so_far - goods_amount', 'goods_of_order') }}
            when units_of_order > 0
                then {{ x_safe_divide('units_so_far - units', 'units_of_order') }}
            else {{ x_safe_divide('rows_so_far - 1', 'rows_of_order') }}
        end as share_before,
        case
            when goods_of_order > 0 then {{ x_safe_divide('goods_so_far', 'goods_of_order') }}
            when units_of_order > 0 then {{ x_safe_divide('units_so_far', 'units_of_order') }}
            else {{ x_safe_divide('rows_so_far', 'rows_of_order') }}
        end as share_so_far,
        {{ x_safe_divide('returned_so_far - returned_amount', 'returned_of_order') }}
            as returned_share_before,
        {{ x_safe_divide('returned_so_far', 'returned_of_order') }} as returned_share_so_far
    from counted_up

),

final as (

    select
        customer_id,
        order_key,
        product_key,
        channel,
        payment_category,
        order_number_of_customer,
        products_in_order,
        case when product_key is not null then products_so_far end as product_number,
        units,
        case when order_status_group = 'returned' then units else returned_units end
            as returned_units,
        {{ to_money('goods_in_money') }} as goods_amount,
        {{ to_money('gross_in_money * share_so_far') }}
        - {{ to_money('gross_in_money * share_before') }} as gross_revenue,
        {{ to_money('refunded_in_money * coalesce(returned_share_so_far, share_so_far)') }}
        - {{ to_money('refunded_in_money * coalesce(returned_share_before, share_before)') }}
            as refunded_amount,
        is_promotional,
        order_date
    from shares

)

select * from final

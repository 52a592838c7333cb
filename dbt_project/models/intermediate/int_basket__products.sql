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
        cast(sum(least(coalesce(returned_quantity, 0), quantity)) as {{ type_integer() }}) as returned_units,
        cast(sum(greatest(line_amount, 0)) as {{ type_money() }}) as goods_amount,
        sum(
            case
                when returned_quantity > 0 and quantity > 0
                    then {{ to_money(
                        'greatest(line_amount, 0) * least(returned_quantity, quantity) / quantity'
                    ) }}
                else 0
            end
        ) as returned_amount
    from order_lines
    group by 1, 2

),

counted_up as (

    select
        *,
        count(*) over whole_order as rows_of_order,
        count(product_key) over whole_order as products_in_order,
        sum(units) over whole_order as units_of_order,
        sum(goods_amount) over whole_order as goods_of_order,
        sum(returned_amount) over whole_order as returned_of_order,
        count(*) over up_to_here as rows_so_far,
        count(product_key) over up_to_here as products_so_far,
        sum(units) over up_to_here as units_so_far,
        sum(goods_amount) over up_to_here as goods_so_far,
        sum(returned_amount) over up_to_here as returned_so_far
    from products_of_orders
    window
        whole_order as (partition by order_key),
        up_to_here as (
            partition by order_key
            order by coalesce(product_key, '')
            rows between unbounded preceding and current row
        )

),

-- Shares of the order between 0 and 1: before this article and up to it.
shares as (

    select
        *,
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

-- An order without lines stays, with no article, so that all money is in this table. Money in other currencies is
-- left out.
products_of_customers as (

    select
        customer_activity.customer_id,
        customer_activity.order_key,
        shares.product_key,
        customer_activity.channel,
        customer_activity.payment_category,
        customer_activity.order_number_of_customer,
        customer_activity.order_status_group = 'returned' as is_returned,
        customer_activity.is_promotional,
        customer_activity.order_date,
        customer_activity.currency = reporting_currency.currency as is_in_money,
        orders.gross_amount,
        orders.refunded_amount,
        coalesce(shares.rows_of_order, 1) > 1 as is_shared,
        coalesce(shares.products_in_order, 0) as products_in_order,
        shares.products_so_far,
        coalesce(shares.units, 0) as units,
        coalesce(shares.returned_units, 0) as returned_units,
        coalesce(shares.goods_amount, 0) as goods_amount,
        shares.share_before,
        shares.share_so_far,
        coalesce(shares.returned_share_before, shares.share_before) as refund_share_before,
        coalesce(shares.returned_share_so_far, shares.share_so_far) as refund_share_so_far
    from customer_activity
    inner join orders
        on customer_activity.order_key = orders.order_key
    left join shares
        on customer_activity.order_key = shares.order_key
    cross join reporting_currency

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
        case when is_returned then units else returned_units end as returned_units,
        cast(case when is_in_money then goods_amount else 0 end as {{ type_money() }}) as goods_amount,
        cast(
            case
                when not is_in_money then 0
                when not is_shared then gross_amount
                else {{ part_of_money('gross_amount', 'share_before', 'share_so_far') }}
            end as {{ type_money() }}
        ) as gross_revenue,
        cast(
            case
                when not is_in_money or refunded_amount = 0 then 0
                when not is_shared then refunded_amount
                else {{ part_of_money(
                    'refunded_amount', 'refund_share_before', 'refund_share_so_far'
                ) }}
            end as {{ type_money() }}
        ) as refunded_amount,
        is_promotional,
        order_date
    from products_of_customers

)

select * from final

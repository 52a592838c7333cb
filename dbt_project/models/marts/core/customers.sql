{{ warehouse_layout(cluster_by=['customer_id']) }}

with

people as (

    select * from {{ ref('int_customer__attributes') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

order_metrics as (

    select * from {{ ref('int_customer__order_metrics') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

-- Accounts in the channels; a guest's order is none, and neither is a record of another system.
accounts as (

    select
        customer_id,
        string_agg(record_key, ', ' order by record_key) as channel_accounts
    from customer_ids
    where {{ text_before('record_key', ':') }} in ('{{ var("channels") | join("', '") }}')  -- noqa: LT05
    group by 1

),

-- Every model joined here has one row per customer, so that no customer is lost or doubled.
final as (

    select
        people.customer_id,
        accounts.channel_accounts,
        people.first_name,
        people.last_name,
        people.country,

        -- how often
        order_metrics.first_order_date as first_order,
        order_metrics.last_order_date as most_recent_order,
        coalesce(order_metrics.total_orders, 0) as number_of_orders,
        coalesce(order_metrics.purchase_days, 0) as purchase_days,
        order_metrics.avg_days_between_orders,
        order_metrics.days_since_first_order,
        order_metrics.days_since_last_order,
        coalesce(order_metrics.cancelled_orders, 0) as cancelled_orders,
        coalesce(order_metrics.returned_orders, 0) as returned_orders,

        -- for how much
        reporting_currency.currency,
        coalesce(order_metrics.lifetime_revenue, 0) as customer_lifetime_value,
        coalesce(order_metrics.gross_revenue, 0) as gross_revenue,
        coalesce(order_metrics.discount_amount, 0) as discount_amount,
        coalesce(order_metrics.refunded_amount, 0) as refunded_amount,
        order_metrics.avg_order_value,
        coalesce(order_metrics.other_currency_orders, 0) as other_currency_orders,

        -- where
        order_metrics.first_channel,
        order_metrics.last_channel,
        order_metrics.purchase_channels,
        coalesce(order_metrics.channels_count, 0) as channels_count
    from people
    left join order_metrics
        on people.customer_id = order_metrics.customer_id
    left join accounts
        on people.customer_id = accounts.customer_id
    cross join reporting_currency

)

select * from final

{{ warehouse_layout(cluster_by=['customer_id']) }}

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

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

orders_of_customers as (

    select
        orders_customers.customer_id,
        orders.channel,
        orders.ordered_at,
        orders.order_date,
        orders.is_counted,
        orders.is_cancelled,
        orders.is_promotional,
        orders.is_weekend,
        orders.order_status_group,
        orders.is_counted and orders.currency = reporting_currency.currency as is_in_money,
        orders.net_amount,
        orders.gross_amount,
        orders.refunded_amount,
        orders.discount_amount
    from orders
    inner join orders_customers
        on orders.order_key = orders_customers.order_key
    cross join reporting_currency

),

-- Money is summed over orders in the reporting currency only; others are counted, never added.
totals as (

    select
        customer_id,
        count(case when is_counted then 1 end) as total_orders,
        count(case when is_cancelled then 1 end) as cancelled_orders,
        count(case when is_counted and order_status_group = 'returned' then 1 end)
            as returned_orders,
        count(case when is_counted and is_promotional then 1 end) as promotional_orders,
        count(case when is_counted and is_weekend then 1 end) as weekend_orders,
        count(case when is_counted and not is_in_money then 1 end) as other_currency_orders,
        count(case when is_in_money then 1 end) as orders_in_money,
        coalesce(sum(case when is_in_money then net_amount end), 0) as lifetime_revenue,
        coalesce(sum(case when is_in_money then gross_amount end), 0) as gross_revenue,
        coalesce(sum(case when is_in_money then refunded_amount end), 0) as refunded_amount,
        coalesce(sum(case when is_in_money then discount_amount end), 0) as discount_amount,
        max(case when is_in_money then net_amount end) as largest_order_amount,
        coalesce(
            sum(
                case
                    when is_in_money
                        and order_date > {{ x_date_add(as_of(), -365) }}
                        then net_amount
                end
            ),
            0
        ) as revenue_last_365_days,
        min(case when is_counted then ordered_at end) as first_order_at,
        max(case when is_counted then ordered_at end) as last_order_at,
        min(case when is_counted then order_date end) as first_order_date,
        {%- for channel in var('channels') | sort %}
        count(case when is_counted and channel = '{{ channel }}' then 1 end) as orders_{{ channel }},
        {%- endfor %}
        max(case when is_counted then order_date end) as last_order_date
    from orders_of_customers
    group by 1

),

-- Two orders on one day are one purchase; the rhythm is counted in days with a purchase.
rhythms as (

    select
        customer_id,
        count(case when coalesce(days_since_previous_order, 1) > 0 then 1 end) as purchase_days,
        {{ x_min_by('channel', 'order_number_of_customer') }} as first_channel,
        {{ x_max_by('channel', 'order_number_of_customer') }} as last_channel
    from customer_activity
    group by 1

),

measured as (

    select
        totals.*,
        coalesce(rhythms.purchase_days, 0) as purchase_days,
        rhythms.first_channel,
        rhythms.last_channel,
        {{ x_date_diff('day', 'totals.last_order_date', as_of()) }} as days_since_last_order,
        {{ x_date_diff('day', 'totals.first_order_date', as_of()) }} as days_since_first_order,
        {{ x_date_diff('day', 'totals.first_order_date', 'totals.last_order_date') }}
            as days_first_to_last_order
    from totals
    left join rhythms
        on totals.customer_id = rhythms.customer_id

),

-- Ranks among customers with orders. Equal values share a rank, so equal customers share a score.
ranked as (

    select
        *,
        {{ rfm_rank('days_since_last_order', among='total_orders > 0') }} as recency_rank,
        {{ rfm_rank('total_orders', among='total_orders > 0') }} as frequency_rank,
        {{ rfm_rank('lifetime_revenue', among='total_orders > 0') }} as monetary_rank
    from measured

),

scored as (

    select
        *,
        case when total_orders > 0 then {{ recency_score('recency_rank') }} end as recency_score,
        case
            when total_orders > 0 then {{ frequency_or_monetary_score('frequency_rank') }}
        end as frequency_score,
        case
            when total_orders > 0 then {{ frequency_or_monetary_score('monetary_rank') }}
        end as monetary_score,
        concat(
            {%- for channel in var('channels') | sort %}
            case when orders_{{ channel }} > 0 then '{{ channel }}, ' else '' end
            {{- "," if not loop.last }}
            {%- endfor %}
        ) as channel_list
    from ranked

),

final as (

    select
        customer_id,
        first_channel,
        last_channel,
        case
            when total_orders > 0 then substr(channel_list, 1, length(channel_list) - 2)
        end as purchase_channels,
        cast(
            {%- for channel in var('channels') | sort %}
            case when orders_{{ channel }} > 0 then 1 else 0 end{{ " +" if not loop.last }}
            {%- endfor %} as {{ type_integer() }}
        ) as channels_count,
        case
            when total_orders > 0
                then {{ rfm_cell('recency_score', 'frequency_score', 'monetary_score') }}
            else '000'
        end as rfm_segment,
        recency_score,
        frequency_score,
        monetary_score,
        total_orders,
        cancelled_orders,
        returned_orders,
        promotional_orders,
        weekend_orders,
        other_currency_orders,
        purchase_days,
        cast(lifetime_revenue as {{ type_money() }}) as lifetime_revenue,
        cast(gross_revenue as {{ type_money() }}) as gross_revenue,
        cast(refunded_amount as {{ type_money() }}) as refunded_amount,
        cast(discount_amount as {{ type_money() }}) as discount_amount,
        cast(revenue_last_365_days as {{ type_money() }}) as revenue_last_365_days,
        {{ to_money('lifetime_revenue / nullif(orders_in_money, 0)') }} as avg_order_value,
        cast(largest_order_amount as {{ type_money() }}) as largest_order_amount,
        first_order_date,
        last_order_date,
        first_order_at,
        last_order_at,
        days_since_first_order,
        days_since_last_order,
        case
            when purchase_days > 1
                then round({{ x_safe_divide('days_first_to_last_order', 'purchase_days - 1') }}, 1)
        end as avg_days_between_orders
    from scored

)

select * from final

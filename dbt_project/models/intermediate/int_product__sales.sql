{%- set recent_from = x_date_add(as_of(), 1 - var('product_trend_days')) %}
{%- set previous_from = x_date_add(as_of(), 1 - 2 * var('product_trend_days')) %}
{%- set sums = [
    'orders', 'first_of_baskets', 'customers_acquired', 'units', 'returned_units',
    'promotional_units', 'recent_units', 'previous_units', 'card_orders', 'bank_orders',
    'promotional_orders', 'other_orders', 'goods_amount', 'gross_revenue', 'refunded_amount',
] -%}
with

basket_products as (

    select * from {{ ref('int_basket__products') }}

),

buyers as (

    select * from {{ ref('int_product__buyers') }}

),

order_metrics as (

    select * from {{ ref('int_customer__order_metrics') }}

),

channels as (

    {%- for channel in marketing_channels() %}
    select '{{ channel }}' as channel
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

by_channel as (

    select
        product_key,
        channel,
        count(*) as orders,
        {{ x_count_if('product_number = 1') }} as first_of_baskets,
        {{ x_count_if('order_number_of_customer = 1') }} as customers_acquired,
        sum(units) as units,
        sum(returned_units) as returned_units,
        sum(case when is_promotional then units else 0 end) as promotional_units,
        sum(case when order_date >= {{ recent_from }} then units else 0 end) as recent_units,
        sum(
            case
                when order_date >= {{ previous_from }} and order_date < {{ recent_from }} then units
                else 0
            end
        ) as previous_units,
        {%- for category in ['card', 'bank', 'promotional', 'other'] %}
        {{ x_count_if("payment_category = '" ~ category ~ "'") }} as {{ category }}_orders,
        {%- endfor %}
        sum(goods_amount) as goods_amount,
        sum(gross_revenue) as gross_revenue,
        sum(refunded_amount) as refunded_amount,
        min(order_date) as first_sold_date,
        max(order_date) as last_sold_date
    from basket_products
    where product_key is not null
    group by 1, 2

),

by_channel_and_all as (

    select * from by_channel

    union all

    select
        product_key,
        'all' as channel,
        {%- for column in sums %}
        sum({{ column }}) as {{ column }},
        {%- endfor %}
        min(first_sold_date) as first_sold_date,
        max(last_sold_date) as last_sold_date
    from by_channel
    group by 1

),

buyers_of_channels as (

    select
        {%- for channel in marketing_channels() %}
        {{ x_count_if('orders_' ~ channel ~ ' > 0') }} as buyers_{{ channel }},
        {{ x_count_if('orders_' ~ channel ~ ' > 1') }} as repeat_buyers_{{ channel }},
        {%- endfor %}
        product_key
    from buyers
    group by product_key

),

customers_of_channels as (

    select
        channels.channel,
        count(*) as customers
    from channels
    inner join order_metrics
        on channels.channel = 'all'
        or concat(', ', order_metrics.purchase_channels, ',') like concat('%, ', channels.channel, ',%')
    where order_metrics.total_orders > 0
    group by 1

),

final as (

    select
        by_channel_and_all.product_key,
        by_channel_and_all.channel,
        case by_channel_and_all.channel
            {%- for channel in marketing_channels() %}
            when '{{ channel }}' then buyers_of_channels.buyers_{{ channel }}
            {%- endfor %}
        end as buyers,
        case by_channel_and_all.channel
            {%- for channel in marketing_channels() %}
            when '{{ channel }}' then buyers_of_channels.repeat_buyers_{{ channel }}
            {%- endfor %}
        end as repeat_buyers,
        customers_of_channels.customers as customers_of_channel,
        cast(
            sum(by_channel_and_all.first_of_baskets) over (partition by by_channel_and_all.channel)
            as {{ type_integer() }}
        ) as baskets_of_channel,
        {%- for column in sums if column not in [
            'first_of_baskets', 'goods_amount', 'gross_revenue', 'refunded_amount'
        ] %}
        cast(by_channel_and_all.{{ column }} as {{ type_integer() }}) as {{ column }},
        {%- endfor %}
        {{ to_money('by_channel_and_all.goods_amount') }} as goods_amount,
        {{ to_money('by_channel_and_all.gross_revenue') }} as gross_revenue,
        {{ to_money('by_channel_and_all.refunded_amount') }} as refunded_amount,
        {{ to_money('by_channel_and_all.gross_revenue - by_channel_and_all.refunded_amount') }}
            as net_revenue,
        by_channel_and_all.recent_units > 0 as is_sold_recently,
        by_channel_and_all.first_sold_date,
        by_channel_and_all.last_sold_date
    from by_channel_and_all
    inner join buyers_of_channels
        on by_channel_and_all.product_key = buyers_of_channels.product_key
    inner join customers_of_channels
        on by_channel_and_all.channel = customers_of_channels.channel

)

select * from final

-- The buyer's address is never an e-mail here, whatever it looks like: Amazon forbids using it
-- elsewhere.
with

source as (

    select
        *,
        lower({{ clean_text('buyer_info_buyer_email') }}) as relay_alias,
        {{ clean_text('buyer_info_buyer_name') }} as buyer_name,
        coalesce(lower(order_status) in ('canceled', 'cancelled', 'unfulfillable'), false)
            as is_cancelled,
        coalesce({{ money('order_total_amount') }}, 0) as order_total
    from {{ raw('amazon', 'orders') }}

),

items as (

    select
        amazon_order_id,
        sum({{ money('promotion_discount_amount') }}) as discount_amount,
        sum({{ money('shipping_price_amount') }}) as shipping_amount
    from {{ raw('amazon', 'order_item') }}
    group by amazon_order_id

),

final as (

    select
        'amazon' as channel,
        'amazon:' || source.amazon_order_id as order_key,
        source.amazon_order_id as order_id,
        source.amazon_order_id as order_number,
        'amazon:' || source.relay_alias as customer_key,
        cast(null as {{ type_text() }}) as email,
        cast(null as {{ type_text() }}) as phone,
        {{ first_name_of('source.buyer_name') }} as first_name,
        {{ last_name_of('source.buyer_name') }} as last_name,
        {{ country_code('source.shipping_address_country_code') }} as country_code,
        {{ clean_text('source.shipping_address_postal_code') }} as postal_code,
        {{ clean_text('source.shipping_address_city') }} as city,
        source.purchase_date as ordered_at,
        source.last_update_date as updated_at,
        lower(source.order_status) as status,
        case
            when source.is_cancelled then 'returned'
            else {{ amazon_status_group('source.order_status') }}
        end as order_status_group,
        source.is_cancelled,
        source.order_total as gross_amount,
        coalesce(items.discount_amount, 0) as discount_amount,
        coalesce(items.shipping_amount, 0) as shipping_amount,
        cast(0 as {{ type_money() }}) as refunded_amount,
        {{ net_amount('source.order_total', '0', 'source.is_cancelled') }} as net_amount,
        {{ currency_code('source.order_total_currency_code') }} as currency,
        coalesce(items.discount_amount, 0) != 0 as is_promotional,
        cast(null as {{ type_text() }}) as coupon_code,
        cast(null as {{ type_text() }}) as payment_method,
        {{ clean_text('source.sales_channel') }} as source_name,
        cast(null as {{ type_text() }}) as acquisition_source,
        cast(null as {{ type_text() }}) as acquisition_medium,
        cast(null as {{ type_text() }}) as acquisition_campaign
    from source
    left join items
        on source.amazon_order_id = items.amazon_order_id

)

select * from final

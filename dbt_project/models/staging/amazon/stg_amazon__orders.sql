-- The buyer's address is never an e-mail here, whatever it looks like: Amazon forbids using it
-- elsewhere. Name and street are the recipient's, but for gifts, which go to somebody else.
with

source as (

    select
        *,
        lower({{ clean_text('buyer_info_buyer_email') }}) as relay_alias,
        {{ clean_text('buyer_info_buyer_name') }} as buyer_name,
        {{ clean_text('shipping_address_name') }} as recipient_name,
        {{ clean_text('shipping_address_address_line_1') }} as recipient_street,
        coalesce(lower(order_status) in ('canceled', 'cancelled', 'unfulfillable'), false)
            as is_cancelled,
        coalesce({{ money('order_total_amount') }}, 0) as order_total
    from {{ raw('amazon', 'orders') }}

),

items as (

    select
        amazon_order_id,
        sum({{ money('promotion_discount_amount') }}) as discount_amount,
        sum({{ money('shipping_price_amount') }}) as shipping_amount,
        coalesce({{ x_any('is_gift') }}, false) as is_gift
    from {{ raw('amazon', 'order_item') }}
    group by amazon_order_id

),

named as (

    select
        source.*,
        coalesce(items.discount_amount, 0) as discount_amount,
        coalesce(items.shipping_amount, 0) as shipping_amount,
        case
            when source.buyer_name is not null or coalesce(items.is_gift, false) then source.buyer_name
            else source.recipient_name
        end as full_name,
        case when not coalesce(items.is_gift, false) then source.recipient_street end as street
    from source
    left join items
        on source.amazon_order_id = items.amazon_order_id

),

final as (

    select
        'amazon' as channel,
        'amazon:' || amazon_order_id as order_key,
        amazon_order_id as order_id,
        amazon_order_id as order_number,
        'amazon:' || relay_alias as customer_key,
        cast(null as {{ type_text() }}) as email,
        cast(null as {{ type_text() }}) as phone,
        {{ first_name_of('full_name') }} as first_name,
        {{ last_name_of('full_name') }} as last_name,
        {{ country_code('shipping_address_country_code') }} as country_code,
        street,
        {{ clean_text('shipping_address_postal_code') }} as postal_code,
        {{ clean_text('shipping_address_city') }} as city,
        purchase_date as ordered_at,
        last_update_date as updated_at,
        lower(order_status) as status,
        case
            when is_cancelled then 'returned'
            else {{ amazon_status_group('order_status') }}
        end as order_status_group,
        is_cancelled,
        order_total as gross_amount,
        discount_amount,
        shipping_amount,
        cast(0 as {{ type_money() }}) as refunded_amount,
        {{ net_amount('order_total', '0', 'is_cancelled') }} as net_amount,
        {{ currency_code('order_total_currency_code') }} as currency,
        discount_amount != 0 as is_promotional,
        cast(null as {{ type_text() }}) as coupon_code,
        cast(null as {{ type_text() }}) as payment_method,
        {{ clean_text('sales_channel') }} as source_name,
        cast(null as {{ type_text() }}) as acquisition_source,
        cast(null as {{ type_text() }}) as acquisition_medium,
        cast(null as {{ type_text() }}) as acquisition_campaign
    from named

)

select * from final

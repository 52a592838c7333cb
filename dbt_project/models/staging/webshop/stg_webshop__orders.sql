with

source as (

    select
        *,
        coalesce(lower(status) in ('cancelled', 'canceled'), false) as is_cancelled
    from {{ normalise_contacts(raw('webshop', 'orders'), email='email') }}
    where not coalesce(is_test, false)

),

-- the value of an order is what was paid, gift cards and coupons included; money paid back is
-- negative
payments as (

    select
        order_key,
        sum(case when not is_refund then amount else 0 end) as gross_amount,
        sum(case when is_refund then -amount else 0 end) as refunded_amount,
        coalesce(
            min(case when payment_method not in ('coupon', 'gift_card') then payment_method end),
            min(payment_method)
        ) as payment_method,
        max(case when payment_method in ('coupon', 'gift_card') then 1 else 0 end) = 1
            as has_promotion
    from {{ ref('stg_webshop__payments') }}
    group by order_key

),

final as (

    select
        'webshop' as channel,
        'webshop:' || source.id as order_key,
        source.id as order_id,
        coalesce({{ clean_text('source.reference') }}, source.id) as order_number,
        'webshop:' || source.user_id as customer_key,
        source.email,
        cast(null as {{ type_text() }}) as phone,
        {{ clean_text('source.shipping_first_name') }} as first_name,
        {{ clean_text('source.shipping_last_name') }} as last_name,
        {{ country_code('source.shipping_country_code') }} as country_code,
        {{ clean_text('source.shipping_street') }} as street,
        {{ clean_text('source.shipping_zip') }} as postal_code,
        source.order_date as ordered_at,
        source.updated_at,
        lower(source.status) as status,
        case
            when source.is_cancelled then 'returned'
            else {{ webshop_status_group('source.status') }}
        end as order_status_group,
        source.is_cancelled,
        {{ to_money('coalesce(payments.gross_amount, 0)') }} as gross_amount,
        coalesce({{ cents('source.discount_amount') }}, 0) as discount_amount,
        coalesce({{ cents('source.shipping_amount') }}, 0) as shipping_amount,
        {{ to_money('coalesce(payments.refunded_amount, 0)') }} as refunded_amount,
        {{ net_amount('payments.gross_amount', 'payments.refunded_amount', 'source.is_cancelled') }}
            as net_amount,
        {{ currency_code('source.currency') }} as currency,
        {{ clean_text('source.coupon_code') }} is not null
        or coalesce(payments.has_promotion, false) as is_promotional,
        {{ clean_text('source.coupon_code') }} as coupon_code,
        payments.payment_method,
        'webshop' as source_name,
        cast(null as {{ type_text() }}) as acquisition_source,
        cast(null as {{ type_text() }}) as acquisition_medium,
        cast(null as {{ type_text() }}) as acquisition_campaign
    from source
    left join payments
        on 'webshop:' || source.id = payments.order_key

)

select * from final

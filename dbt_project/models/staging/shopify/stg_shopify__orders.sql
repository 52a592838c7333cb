with

source as (

    select
        *,
        coalesce(cancelled_at <= {{ as_of_end() }}, false)
        or coalesce(lower(financial_status) in ('voided', 'expired'), false) as is_cancelled
    from {{ normalise_contacts(
        raw('shopify', 'order'),
        email='email', phone='phone', country='shipping_address_country_code'
    ) }}
    where not coalesce(_fivetran_deleted, false)
        and not coalesce(test, false)

),

refunds as (

    select
        order_id,
        sum(refunded_amount) as refunded_amount
    from {{ ref('stg_shopify__refunds') }}
    group by order_id

),

discount_codes as (

    select
        order_id,
        min({{ clean_text('code') }}) as coupon_code
    from {{ raw('shopify', 'order_discount_code') }}
    group by order_id

),

-- the means of payment that is no gift card, when there is one
payments as (

    select
        order_id,
        coalesce(
            min(case when payment_method != 'gift_card' then payment_method end),
            min(payment_method)
        ) as payment_method,
        max(case when payment_method = 'gift_card' then 1 else 0 end) = 1 as has_gift_card
    from {{ ref('stg_shopify__transactions') }}
    where kind in ('sale', 'capture', 'authorization')
        and status = 'success'
    group by order_id

),

final as (

    select
        'shopify' as channel,
        'shopify:' || source.id as order_key,
        source.id as order_id,
        coalesce(
            {{ clean_text('source.name') }},
            cast(source.order_number as {{ type_text() }}),
            source.id
        ) as order_number,
        'shopify:' || source.customer_id as customer_key,
        source.email,
        source.phone,
        {{ clean_text('source.shipping_address_first_name') }} as first_name,
        {{ clean_text('source.shipping_address_last_name') }} as last_name,
        source.shipping_address_country_code as country_code,
        {{ clean_text('source.shipping_address_address_1') }} as street,
        {{ clean_text('source.shipping_address_zip') }} as postal_code,
        source.created_at as ordered_at,
        source.updated_at,
        lower(source.financial_status) as status,
        case
            when source.is_cancelled then 'returned'
            else {{ shopify_status_group('source.financial_status') }}
        end as order_status_group,
        source.is_cancelled,
        coalesce(source.total_price, 0) as gross_amount,
        coalesce(source.total_discounts, 0) as discount_amount,
        coalesce(source.total_shipping_price, 0) as shipping_amount,
        coalesce(refunds.refunded_amount, 0) as refunded_amount,
        {{ net_amount('source.total_price', 'refunds.refunded_amount', 'source.is_cancelled') }}
            as net_amount,
        {{ currency_code('source.currency') }} as currency,
        discount_codes.coupon_code is not null or coalesce(payments.has_gift_card, false)
            as is_promotional,
        discount_codes.coupon_code,
        payments.payment_method,
        {{ clean_text('source.source_name') }} as source_name,
        {{ acquisition('source', 'source.landing_site', 'source.referring_site') }}
            as acquisition_source,
        {{ acquisition('medium', 'source.landing_site', 'source.referring_site') }}
            as acquisition_medium,
        {{ acquisition('campaign', 'source.landing_site', 'source.referring_site') }}
            as acquisition_campaign
    from source
    left join refunds
        on source.id = refunds.order_id
    left join discount_codes
        on source.id = discount_codes.order_id
    left join payments
        on source.id = payments.order_id

)

select * from final

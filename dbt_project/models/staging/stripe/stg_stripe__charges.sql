with

source as (

    select * from {{ normalise_contacts(raw('stripe', 'charge'), email='billing_detail_email') }}
    where coalesce(livemode, true)
        and {{ known_as_of('created') }}

),

final as (

    select
        id as charge_id,
        customer_id as stripe_customer_id,
        payment_intent_id,
        {{ clean_text('order_reference') }} as order_reference,
        billing_detail_email as email,
        {{ minor_units('amount', 'currency') }} as amount,
        coalesce({{ minor_units('amount_refunded', 'currency') }}, 0) as refunded_amount,
        {{ currency_code('currency') }} as currency,
        lower(status) as status,
        coalesce(paid, lower(status) = 'succeeded', false) as is_paid,
        coalesce(captured, false) as is_captured,
        coalesce(refunded, false) as is_refunded,
        created as charged_at
    from source

)

select * from final

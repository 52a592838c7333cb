with

source as (

    select
        *,
        {{ country_code('address_country') }} as country,
        {{ clean_text('name') }} as full_name,
        {{ phone_digits('phone', country_code('address_country')) }} as phone_digits
    from {{ raw('stripe', 'customer') }}
    where coalesce(livemode, true)
        and not coalesce(is_deleted, false)
        and {{ known_as_of('created') }}

),

final as (

    select
        id as stripe_customer_id,
        {{ normalise_email('email') }} as email,
        {{ normalise_phone('phone_digits') }} as phone,
        {{ first_name_of('full_name') }} as first_name,
        {{ last_name_of('full_name') }} as last_name,
        country as country_code,
        {{ clean_text('address_postal_code') }} as postal_code,
        created as created_at
    from source

)

select * from final

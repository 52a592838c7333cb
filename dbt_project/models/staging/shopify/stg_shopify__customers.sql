with

source as (

    select
        *,
        {{ country_code('default_address_country_code') }} as country,
        {{ phone_digits('phone', country_code('default_address_country_code')) }} as phone_digits
    from {{ raw('shopify', 'customer') }}
    where not coalesce(_fivetran_deleted, false)

),

final as (

    select
        'shopify' as channel,
        'shopify:' || id as customer_key,
        id as source_customer_id,
        {{ normalise_email('email') }} as email,
        {{ normalise_phone('phone_digits') }} as phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        country as country_code,
        {{ language_code('locale') }} as language,
        {{ clean_text('default_address_zip') }} as postal_code,
        {{ clean_text('default_address_city') }} as city,
        cast(null as date) as birth_date,
        coalesce(
            lower(email_marketing_consent_state) = 'subscribed', accepts_marketing, false
        ) as accepts_marketing,
        created_at,
        updated_at
    from source

)

select * from final

with

source as (

    select
        *,
        {{ country_code('country_code') }} as country,
        {{ phone_digits('phone', country_code('country_code')) }} as phone_digits
    from {{ raw('webshop', 'customers') }}
    where not coalesce(is_deleted, false)

),

final as (

    select
        'webshop' as channel,
        'webshop:' || id as customer_key,
        id as source_customer_id,
        {{ normalise_email('email') }} as email,
        {{ normalise_phone('phone_digits') }} as phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        country as country_code,
        {{ language_code('language') }} as language,
        {{ clean_text('zip') }} as postal_code,
        {{ clean_text('city') }} as city,
        birth_date,
        coalesce(accepts_marketing, false) as accepts_marketing,
        created_at,
        updated_at
    from source

)

select * from final

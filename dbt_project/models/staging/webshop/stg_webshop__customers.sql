with

source as (

    select * from {{ normalise_contacts(
        raw('webshop', 'customers'), email='email', phone='phone', country='country_code'
    ) }}
    where not coalesce(is_deleted, false)

),

final as (

    select
        'webshop' as channel,
        'webshop:' || id as customer_key,
        id as source_customer_id,
        email,
        phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        country_code,
        {{ language_code('language') }} as language,
        {{ clean_text('street') }} as street,
        {{ clean_text('zip') }} as postal_code,
        {{ clean_text('city') }} as city,
        birth_date,
        coalesce(accepts_marketing, false) as accepts_marketing,
        created_at,
        updated_at
    from source

)

select * from final

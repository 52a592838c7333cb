with

source as (

    select
        *,
        {{ clean_text('name') }} as full_name
    from {{ normalise_contacts(
        raw('stripe', 'customer'), email='email', phone='phone', country='address_country'
    ) }}
    where coalesce(livemode, true)
        and not coalesce(is_deleted, false)
        and {{ known_as_of('created') }}

),

final as (

    select
        id as stripe_customer_id,
        email,
        phone,
        {{ first_name_of('full_name') }} as first_name,
        {{ last_name_of('full_name') }} as last_name,
        address_country as country_code,
        {{ clean_text('address_line_1') }} as street,
        {{ clean_text('address_postal_code') }} as postal_code,
        created as created_at
    from source

)

select * from final

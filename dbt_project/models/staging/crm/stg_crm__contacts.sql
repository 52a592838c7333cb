with

source as (

    select * from {{ normalise_contacts(
        raw('crm', 'contacts'), email='email', phone='phone', country='country_code'
    ) }}
    where not coalesce(archived, false)
        and {{ known_as_of('created_at') }}

),

final as (

    select
        contact_id,
        email,
        phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('company') }} as company,
        country_code,
        {{ clean_text('street') }} as street,
        {{ clean_text('postal_code') }} as postal_code,
        lower({{ clean_text('acquisition_source') }}) as acquisition_source,
        lower({{ clean_text('acquisition_medium') }}) as acquisition_medium,
        lower({{ clean_text('acquisition_campaign') }}) as acquisition_campaign,
        created_at,
        updated_at
    from source

)

select * from final

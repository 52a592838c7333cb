with

source as (

    select
        *,
        {{ clean_text('name') }} as full_name
    from {{ normalise_contacts(raw('zendesk', 'users'), email='email', phone='phone') }}
    where not coalesce(permanently_deleted, false)
        and {{ known_as_of('created_at') }}

),

final as (

    select
        id as user_id,
        external_id,
        organization_id,
        email,
        phone,
        full_name as name,
        {{ first_name_of('full_name') }} as first_name,
        {{ last_name_of('full_name') }} as last_name,
        lower(role) as role,
        {{ language_code('locale') }} as language,
        coalesce(active, true) as is_active,
        coalesce(verified, false) as is_verified,
        coalesce(suspended, false) as is_suspended,
        created_at,
        updated_at
    from source

)

select * from final

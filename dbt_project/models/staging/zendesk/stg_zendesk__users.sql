with

source as (

    select
        *,
        {{ clean_text('name') }} as full_name,
        {{ phone_digits('phone') }} as phone_digits
    from {{ raw('zendesk', 'users') }}
    where not coalesce(permanently_deleted, false)
        and {{ known_as_of('created_at') }}

),

final as (

    select
        id as user_id,
        external_id,
        organization_id,
        {{ normalise_email('email') }} as email,
        {{ normalise_phone('phone_digits') }} as phone,
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

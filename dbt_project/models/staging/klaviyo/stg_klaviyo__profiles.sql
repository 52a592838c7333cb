with

source as (

    select
        *,
        lower(coalesce(email_marketing_consent, 'never_subscribed')) as consent,
        {{ x_json_length('email_suppressions') }} > 0 as is_suppressed
    from {{ normalise_contacts(raw('klaviyo', 'profiles'), email='email', phone='phone_number') }}
    where not coalesce(is_deleted, false)
        and {{ known_as_of('created') }}

),

final as (

    select
        id as profile_id,
        external_id,
        email,
        phone_number as phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        {{ language_code('locale') }} as language,
        {{ x_json('location', '$.city') }} as city,
        {{ x_json('location', '$.country') }} as country,
        {{ clean_text(x_json('location', '$.address1')) }} as street,
        {{ x_json('location', '$.zip') }} as postal_code,
        case
            when consent in ('subscribed', 'unsubscribed') then consent else 'never_subscribed'
        end as email_consent,
        email_marketing_consent_at as email_consent_at,
        is_suppressed,
        lower({{ x_json('email_suppressions', '$[0].reason') }}) as suppression_reason,
        coalesce(can_receive_email_marketing, consent = 'subscribed' and not is_suppressed)
            as can_receive_email,
        last_event_date as last_event_at,
        created as created_at,
        updated as updated_at
    from source

)

select * from final

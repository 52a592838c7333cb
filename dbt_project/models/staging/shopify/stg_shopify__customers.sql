-- A table, because two models read it and an address is costly to bring into form.
{{ config(materialized='table') }}
{{ warehouse_layout(cluster_by=['customer_key']) }}

with

source as (

    select * from {{ normalise_contacts(
        raw('shopify', 'customer'),
        email='email', phone='phone', country='default_address_country_code'
    ) }}
    where not coalesce(_fivetran_deleted, false)

),

final as (

    select
        'shopify' as channel,
        'shopify:' || id as customer_key,
        id as source_customer_id,
        email,
        phone,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        default_address_country_code as country_code,
        {{ language_code('locale') }} as language,
        {{ clean_text('default_address_address_1') }} as street,
        {{ clean_text('default_address_zip') }} as postal_code,
        {{ clean_text('default_address_city') }} as city,
        cast(null as date) as birth_date,
        coalesce(
            lower(email_marketing_consent_state) = 'subscribed', accepts_marketing, false
        ) as accepts_marketing,
        coalesce(verified_email, false) as has_verified_email,
        created_at,
        updated_at
    from source

)

select * from final

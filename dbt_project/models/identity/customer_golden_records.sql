-- What is true of a customer whose records disagree, one row per customer. Each attribute has its rule:
--   email                      best source, there a verified one, there the latest
--   phone, country             best source, there the latest
--   first and last name        the same, both from one record: one that has both, where there is one
--   postal code and city       the same, both from one record
--   language, date of birth    what most records say, of several the one from the best source
-- Best source: seed source_priorities. Records of Klaviyo and Google Analytics speak only for people whom no shop, no
-- CRM and no Stripe knows: what was pushed to Klaviyo must not come back as truth, or a phone that was deleted in the
-- shop would live on for ever.
{{ warehouse_layout(cluster_by=['customer_id']) }}

with

records as (

    select * from {{ ref('identity_records') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

source_priorities as (

    select * from {{ ref('source_priorities') }}

),

placed as (

    select
        customer_ids.customer_id,
        records.*,
        coalesce(source_priorities.priority, 1) as priority,
        -- when a profile was last touched in Klaviyo says nothing
        case
            when records.source = 'klaviyo' then records.created_at
            else coalesce(records.updated_at, records.created_at)
        end as said_at
    from customer_ids
    inner join records
        on customer_ids.record_key = records.record_key
    left join source_priorities
        on records.source = source_priorities.source

),

ranked as (

    select
        *,
        row_number() over (
            partition by customer_id
            order by priority asc, said_at desc, record_key asc
        ) as precedence,
        row_number() over (
            partition by customer_id
            order by priority asc, case when has_verified_email then 0 else 1 end asc, said_at desc, record_key asc
        ) as email_precedence,
        min(case when source in ('klaviyo', 'zendesk', 'ga4') then 1 else 0 end) over (
            partition by customer_id
        ) = 0 as is_known_to_the_shop
    from placed

),

speaking as (

    select
        *,
        case
            when first_name is not null and last_name is not null then precedence
            when first_name is not null or last_name is not null then precedence + 1000000
        end as name_precedence,
        case
            when postal_code is not null then precedence
            when city is not null then precedence + 1000000
        end as place_precedence,
        -- more records first
        case
            when language is not null
                then precedence - 1000000 * count(*) over (partition by customer_id, language)
        end as language_precedence,
        case
            when birth_date is not null
                then precedence - 1000000 * count(*) over (partition by customer_id, birth_date)
        end as birth_date_precedence
    from ranked
    where source not in ('klaviyo', 'ga4') or not is_known_to_the_shop

),

-- Records whose key is null are skipped: each attribute comes from the best record that has it.
chosen as (

    select
        customer_id,
        {{ x_min_by('email', 'case when email is not null then email_precedence end') }} as email,
        {{ x_min_by('phone', 'case when phone is not null then precedence end') }} as phone,
        {{ x_min_by("coalesce(first_name, '')", 'name_precedence') }} as first_name,
        {{ x_min_by("coalesce(last_name, '')", 'name_precedence') }} as last_name,
        {{ x_min_by('country_code', 'case when country_code is not null then precedence end') }} as country_code,
        {{ x_min_by('language', 'language_precedence') }} as language,
        {{ x_min_by("coalesce(postal_code, '')", 'place_precedence') }} as postal_code,
        {{ x_min_by("coalesce(city, '')", 'place_precedence') }} as city,
        {{ x_min_by('birth_date', 'birth_date_precedence') }} as birth_date,
        coalesce({{ x_any('accepts_marketing') }}, false) as accepts_marketing,
        count(*) as records,
        min(created_at) as created_at
    from speaking
    group by customer_id

),

sources as (

    select
        customer_id,
        count(distinct source) as sources
    from placed
    group by customer_id

),

final as (

    select
        chosen.customer_id,
        chosen.email,
        chosen.phone,
        nullif(chosen.first_name, '') as first_name,
        nullif(chosen.last_name, '') as last_name,
        chosen.country_code,
        chosen.language,
        nullif(chosen.postal_code, '') as postal_code,
        nullif(chosen.city, '') as city,
        chosen.birth_date,
        chosen.records,
        sources.sources,
        chosen.accepts_marketing,
        chosen.created_at
    from chosen
    inner join sources
        on chosen.customer_id = sources.customer_id

)

select * from final

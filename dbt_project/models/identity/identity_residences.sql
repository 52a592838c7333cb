-- Who lives where, in the form in which it is compared: street with house number, postal code and country together with
-- the full name. What is nobody's own address is left out, and what too many share has a reason.
{{ warehouse_layout(cluster_by=['record_key']) }}

{%- set limits = var('identity_limits').address %}

with

contacts as (

    select * from {{ ref('identity_contacts') }}

),

names as (

    select * from {{ ref('identity_compared_names') }}

),

role_mailboxes as (

    select * from {{ ref('role_mailboxes') }}

),

pickup_points as (

    select * from {{ ref('pickup_points') }}

),

-- streets and postal codes are written often too
written_streets as (

    select distinct street from contacts
    where street is not null

),

spelled_streets as (

    select
        street,
        {{ street_words('street') }} as words
    from written_streets

),

compared_streets as (

    select
        street,
        {{ street_match_key('words') }} as street_key
    from spelled_streets

),

streets as (

    select
        compared_streets.street,
        compared_streets.street_key
    from compared_streets
    left join pickup_points
        on strpos(compared_streets.street_key, pickup_points.word) > 0
    where pickup_points.word is null
        -- without a house number it is a street of many people
        and {{ x_regex_has('compared_streets.street_key', '[0-9]') }}
        and {{ x_regex_has('compared_streets.street_key', '[^0-9-]') }}

),

written_postal_codes as (

    select distinct postal_code from contacts
    where postal_code is not null

),

postal_codes as (

    select
        postal_code,
        {{ postal_code_match_key('postal_code') }} as postal_code_key
    from written_postal_codes

),

named as (

    select
        contacts.*,
        first_names.name_key as first_key,
        last_names.name_key as last_key,
        substr(first_names.name_key, 1, 1) as initial,
        {{ full_name_match_key('first_names.name_key', 'last_names.name_key') }} as full_name,
        {{ email_match_key('contacts.email') }} as email_key
    from contacts
    inner join names as first_names
        on contacts.first_name = first_names.name
    inner join names as last_names
        on contacts.last_name = last_names.name

),

residents as (

    select
        named.*,
        coalesce(named.country_code, '{{ var('default_country_code') }}') || ' ' || postal_codes.postal_code_key
        || ' ' || streets.street_key as address
    from named
    inner join streets
        on named.street = streets.street
    inner join postal_codes
        on named.postal_code = postal_codes.postal_code
    where postal_codes.postal_code_key is not null

),

addresses as (

    select
        address,
        case
            when count(distinct record_key) > {{ limits.records }} then 'too_many_records'
            when count(distinct full_name) > {{ limits.names }} then 'too_many_names'
        end as dropped_because
    from residents
    group by address

),

own_names as (

    select
        record_key,
        initial,
        last_key,
        full_name
    from named
    where not is_from_orders

),

shared_emails as (

    select named.email_key
    from named
    left join role_mailboxes
        on {{ text_before('named.email_key', '@') }} = role_mailboxes.local_part
    where named.email_key is not null
        and role_mailboxes.local_part is null
    group by named.email_key
    having count(distinct named.initial) > 1

),

-- The recipient of an order need not be its buyer: an account's orders speak for it under its own name alone, a guest's
-- unless the e-mail is a person's and used under other names as well. An initial is everybody's in a family.
final as (

    select distinct
        residents.record_key,
        residents.full_name,
        residents.address,
        addresses.dropped_because
    from residents
    inner join addresses
        on residents.address = addresses.address
    left join own_names
        on residents.record_key = own_names.record_key
    left join shared_emails
        on residents.email_key = shared_emails.email_key
    where length(residents.first_key) > 1
        and length(residents.last_key) > 1
        and case
            when residents.is_from_orders
                then residents.full_name = own_names.full_name
                    or (residents.last_key = own_names.last_key and residents.initial = own_names.initial)
            when residents.is_recipient then shared_emails.email_key is null
            else true
        end

)

select * from final

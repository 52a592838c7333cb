-- All e-mail addresses that a customer's records and orders name, one row each.
{{ warehouse_layout(cluster_by=['customer_id']) }}

with

contacts as (

    select * from {{ ref('identity_contacts') }}
    where email is not null

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

golden_records as (

    select * from {{ ref('customer_golden_records') }}

),

seen as (

    select
        customer_ids.customer_id,
        contacts.email,
        sum(contacts.times_seen) as times_seen,
        {{ x_any('contacts.has_verified_email') }} as is_verified,
        min(contacts.first_seen_at) as first_seen_at,
        max(contacts.last_seen_at) as last_seen_at
    from contacts
    inner join customer_ids
        on contacts.record_key = customer_ids.record_key
    group by customer_ids.customer_id, contacts.email

),

final as (

    select
        seen.customer_id,
        seen.email,
        cast(seen.times_seen as {{ type_integer() }}) as times_seen,
        seen.is_verified,
        golden_records.email is not null and seen.email = golden_records.email as is_primary,
        seen.first_seen_at,
        seen.last_seen_at
    from seen
    inner join golden_records
        on seen.customer_id = golden_records.customer_id

)

select * from final

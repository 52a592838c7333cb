-- All phones that a customer's records and orders name, one row each.
{{ warehouse_layout(cluster_by=['customer_id']) }}

with

contacts as (

    select * from {{ ref('identity_contacts') }}
    where phone is not null

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
        contacts.phone,
        sum(contacts.times_seen) as times_seen,
        min(contacts.first_seen_at) as first_seen_at,
        max(contacts.last_seen_at) as last_seen_at
    from contacts
    inner join customer_ids
        on contacts.record_key = customer_ids.record_key
    group by customer_ids.customer_id, contacts.phone

),

final as (

    select
        seen.customer_id,
        seen.phone,
        cast(seen.times_seen as {{ type_integer() }}) as times_seen,
        golden_records.phone is not null and seen.phone = golden_records.phone as is_primary,
        seen.first_seen_at,
        seen.last_seen_at
    from seen
    inner join golden_records
        on seen.customer_id = golden_records.customer_id

)

select * from final

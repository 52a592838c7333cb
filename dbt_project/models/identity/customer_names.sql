-- All names that a customer's records and orders give, as they are written, one row each.
{{ warehouse_layout(cluster_by=['customer_id']) }}

with

contacts as (

    select
        *,
        coalesce(first_name, '') as written_first_name,
        coalesce(last_name, '') as written_last_name
    from {{ ref('identity_contacts') }}
    where coalesce(first_name, last_name) is not null

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
        contacts.written_first_name,
        contacts.written_last_name,
        sum(contacts.times_seen) as times_seen,
        min(contacts.first_seen_at) as first_seen_at,
        max(contacts.last_seen_at) as last_seen_at
    from contacts
    inner join customer_ids
        on contacts.record_key = customer_ids.record_key
    group by customer_ids.customer_id, contacts.written_first_name, contacts.written_last_name

),

final as (

    select
        {{ x_md5("concat(seen.customer_id, '|', seen.written_first_name, '|', seen.written_last_name)") }} as name_key,
        seen.customer_id,
        nullif(seen.written_first_name, '') as first_name,
        nullif(seen.written_last_name, '') as last_name,
        cast(seen.times_seen as {{ type_integer() }}) as times_seen,
        seen.written_first_name = coalesce(golden_records.first_name, '')
        and seen.written_last_name = coalesce(golden_records.last_name, '') as is_primary,
        seen.first_seen_at,
        seen.last_seen_at
    from seen
    inner join golden_records
        on seen.customer_id = golden_records.customer_id

)

select * from final

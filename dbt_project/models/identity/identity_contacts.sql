-- How every record can be reached, what it is called and where it lives: as the record itself says, and as the orders
-- that were placed from the account say. An account whose owner has moved to another mailbox keeps the former one in
-- its old orders.
{{ warehouse_layout(cluster_by=['record_key']) }}

with

records as (

    select * from {{ ref('identity_records') }}

),

orders as (

    select * from {{ ref('stg_orders') }}
    where customer_key is not null
        and coalesce(email, phone, street) is not null

),

own as (

    select
        record_key,
        false as is_from_orders,
        email,
        phone,
        first_name,
        last_name,
        street,
        postal_code,
        country_code,
        source like '%_order' as is_recipient,
        has_verified_email,
        1 as times_seen,
        created_at as first_seen_at,
        -- when a profile was last touched in Klaviyo says nothing
        case when source = 'klaviyo' then created_at else coalesce(updated_at, created_at) end as last_seen_at
    from records

),

at_checkout as (

    select
        customer_key as record_key,
        true as is_from_orders,
        email,
        phone,
        first_name,
        last_name,
        street,
        postal_code,
        country_code,
        true as is_recipient,
        false as has_verified_email,
        count(*) as times_seen,
        min(ordered_at) as first_seen_at,
        max(ordered_at) as last_seen_at
    from orders
    group by customer_key, email, phone, first_name, last_name, street, postal_code, country_code

),

final as (

    select * from own
    union all
    select * from at_checkout

)

select * from final

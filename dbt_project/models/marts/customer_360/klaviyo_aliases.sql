-- Addresses that nobody is reached at any more, because their customer goes on under another one: two customers turned
-- out to be one, or somebody has another address now. An address of several customers, or one in use, is none.
{{ warehouse_layout(cluster_by=['address']) }}

with

customer_emails as (

    select * from {{ ref('customer_emails') }}

),

customers as (

    select * from {{ ref('int_customer__attributes') }}
    where is_syncable

),

owned as (

    select
        email,
        min(customer_id) as customer_id
    from customer_emails
    group by email
    having count(*) = 1

),

final as (

    select
        owned.email as address,
        customers.email as goes_on_as,
        customers.customer_id
    from owned
    inner join customers
        on owned.customer_id = customers.customer_id
    left join customers as in_use
        on owned.email = in_use.email
    where in_use.email is null

)

select * from final

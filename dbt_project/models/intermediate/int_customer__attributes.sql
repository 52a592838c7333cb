-- Who each customer is: what identity takes for true, how the shop won them, and whether they may be written to.
{{ warehouse_layout(cluster_by=['customer_id']) }}

with

golden_records as (

    select * from {{ ref('customer_golden_records') }}

),

role_mailboxes as (

    select * from {{ ref('role_mailboxes') }}

),

acquisitions as (

    select * from {{ ref('int_customer__acquisition') }}

),

ranked_emails as (

    select
        *,
        row_number() over (partition by email order by created_at, customer_id) as email_rank
    from golden_records

),

final as (

    select
        ranked_emails.customer_id,
        ranked_emails.email,
        ranked_emails.first_name,
        ranked_emails.last_name,
        ranked_emails.phone,
        ranked_emails.country_code as country,
        ranked_emails.language,
        acquisitions.acquisition_source,
        acquisitions.acquisition_medium,
        acquisitions.acquisition_campaign,
        ranked_emails.records,
        -- One person per address: the oldest customer, if two were ever to share one.
        ranked_emails.email is not null
        and role_mailboxes.local_part is null
        and ranked_emails.email_rank = 1 as is_syncable,
        ranked_emails.accepts_marketing,
        ranked_emails.created_at
    from ranked_emails
    left join role_mailboxes
        on {{ x_split_part('ranked_emails.email', '@', 1) }} = role_mailboxes.local_part
    left join acquisitions
        on ranked_emails.customer_id = acquisitions.customer_id

)

select * from final

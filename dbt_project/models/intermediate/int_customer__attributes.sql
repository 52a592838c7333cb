{{ warehouse_layout(cluster_by=['customer_id']) }}

with

records as (

    select * from {{ ref('identity_records') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

role_mailboxes as (

    select * from {{ ref('role_mailboxes') }}

),

acquisitions as (

    select * from {{ ref('int_customer__acquisition') }}

),

-- The shop knows its customers best; when a profile was last touched in Klaviyo says nothing.
ranked_records as (

    select
        customer_ids.customer_id,
        records.*,
        row_number() over (
            partition by customer_ids.customer_id
            order by
                case
                    when records.is_channel then 1
                    when records.source = 'crm' then 2
                    when records.source = 'stripe' then 3
                    when records.source = 'zendesk' then 4
                    else 5
                end,
                case
                    when records.source = 'klaviyo' then records.created_at
                    else coalesce(records.updated_at, records.created_at)
                end desc,
                records.record_key
        ) as precedence,
        min(case when records.source in ('klaviyo', 'zendesk') then 1 else 0 end) over (
            partition by customer_ids.customer_id
        ) = 0 as is_known_to_the_shop
    from customer_ids
    inner join records
        on customer_ids.record_key = records.record_key

),

-- Klaviyo speaks only for people whom no shop and no CRM knows: what was pushed there must not come
-- back as truth, or a phone that was deleted in the shop would live on for ever.
-- First and last name come from one record: one that has both, where there is one.
named_records as (

    select
        *,
        case
            when first_name is not null and last_name is not null then precedence
            when first_name is not null or last_name is not null then precedence + 1000000
        end as name_precedence
    from ranked_records
    where source != 'klaviyo' or not is_known_to_the_shop

),

-- Records whose key is null are skipped: each attribute comes from the best record that has it.
golden as (

    select
        customer_id,
        {%- for column in ['email', 'phone', 'country_code', 'language'] %}
        {{ x_min_by(column, 'case when ' ~ column ~ ' is not null then precedence end') }}
            as {{ column }},
        {%- endfor %}
        {{ x_min_by("coalesce(first_name, '')", 'name_precedence') }} as first_name,
        {{ x_min_by("coalesce(last_name, '')", 'name_precedence') }} as last_name,
        min(created_at) as created_at,
        coalesce({{ x_any('accepts_marketing') }}, false) as accepts_marketing,
        count(*) as records
    from named_records
    group by 1

),

ranked_emails as (

    select
        *,
        row_number() over (partition by email order by created_at, customer_id) as email_rank
    from golden

),

final as (

    select
        ranked_emails.customer_id,
        ranked_emails.email,
        nullif(ranked_emails.first_name, '') as first_name,
        nullif(ranked_emails.last_name, '') as last_name,
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

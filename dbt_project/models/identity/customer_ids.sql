-- Which customer each record belongs to. Records that share an e-mail are one customer; an
-- address of a role (info@, noreply@) names nobody, so such a record stands for itself. An id
-- follows from its key alone and is the same in every run.
{{ warehouse_layout(cluster_by=['record_key']) }}

with

records as (

    select * from {{ ref('identity_records') }}

),

role_mailboxes as (

    select * from {{ ref('role_mailboxes') }}

),

matched as (

    select
        records.record_key,
        case
            when records.email is not null and role_mailboxes.local_part is null then records.email
        end as email
    from records
    left join role_mailboxes
        on {{ text_before('records.email', '@') }} = role_mailboxes.local_part

),

final as (

    select
        record_key,
        {{ x_md5("coalesce('email:' || email, 'record:' || record_key)") }} as customer_id,
        case when email is null then 'own_id' else 'email' end as matched_on
    from matched

)

select * from final

-- Which customer each record belongs to, and by which rule it does.
{{ warehouse_layout(cluster_by=['record_key']) }}

{%- set map = ref('identity_map') %}
{%- set rules = ['decision', 'account', 'email', 'email_name', 'phone_name', 'name_birth_date', 'mailbox_birth_date'] %}

with

records as (

    select * from {{ ref('identity_records') }}

),

clusters as (

    select * from {{ ref('identity_clusters') }}

),

known as (

    select * from {{ map }}

),

links as (

    select * from {{ ref('identity_links') }}
    where not is_held

),

both_ends as (

    select
        record_key,
        rule
    from links
    union all
    select
        anchor_key as record_key,
        rule
    from links

),

matched as (

    select
        record_key,
        min(
            case rule
                {%- for rule in rules %}
                when '{{ rule }}' then {{ loop.index }}
                {%- endfor %}
            end
        ) as precedence
    from both_ends
    group by record_key

),

members as (

    select
        clusters.record_key,
        clusters.cluster_key,
        {{ record_seniority('records.created_at', 'clusters.record_key') }} as seniority
    from clusters
    inner join records
        on clusters.record_key = records.record_key

),

{% if identity_map_is_ahead(map) -%}
{{ assigned_customer_ids() }},

assigned as (

    select
        members.record_key,
        cluster_ids.customer_id
    from members
    inner join cluster_ids
        on members.cluster_key = cluster_ids.cluster_key

),
{%- else -%}
assigned as (

    select
        members.record_key,
        known.customer_id
    from members
    inner join known
        on members.record_key = known.record_key

),
{%- endif %}

final as (

    select
        assigned.record_key,
        assigned.customer_id,
        case matched.precedence
            {%- for rule in rules %}
            when {{ loop.index }} then '{{ rule }}'
            {%- endfor %}
            else 'own_id'
        end as matched_on
    from assigned
    left join matched
        on assigned.record_key = matched.record_key

)

select * from final

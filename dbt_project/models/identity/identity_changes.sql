-- Merges and splits: which customers' records have another id since which day, and why. A merge ended the old id; after
-- a split both go on. Nothing is ever taken out of the log: what a later build of the same day has undone says so.
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='change_key',
    on_schema_change='fail',
    full_refresh=false
) }}
{{ warehouse_layout(cluster_by=['changed_on']) }}

{%- set is_ahead = identity_map_is_ahead(ref('identity_map')) %}

with

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

links as (

    select * from {{ ref('identity_links') }}

),

known as (

    select * from {{ ref('identity_map') }}
    where changed_on = {{ as_of() }}

),

moved as (

    select
        known.record_key,
        known.previous_customer_id as from_customer_id,
        known.customer_id as to_customer_id
    from known
    inner join customer_ids
        on known.record_key = customer_ids.record_key

),

both_ways as (

    select
        *,
        record_key as moved_key,
        anchor_key as other_key
    from links
    union all
    select
        *,
        anchor_key as moved_key,
        record_key as other_key
    from links

),

-- what joins the records to their new customer, or what is held between them and the former one
evidence as (

    select
        moved.from_customer_id,
        moved.to_customer_id,
        both_ways.link_key,
        both_ways.rule,
        both_ways.identifier_hash,
        both_ways.held_because,
        row_number() over (
            partition by moved.from_customer_id, moved.to_customer_id
            order by
                case when both_ways.is_held then 0 else 1 end,
                both_ways.strength,
                both_ways.link_key,
                both_ways.moved_key
        ) as evidence_rank
    from moved
    inner join both_ways
        on moved.record_key = both_ways.moved_key
    inner join customer_ids
        on both_ways.other_key = customer_ids.record_key
    left join moved as others
        on both_ways.other_key = others.record_key
    where both_ways.is_held
        and customer_ids.customer_id = moved.from_customer_id
        or not both_ways.is_held
        and coalesce(others.from_customer_id, customer_ids.customer_id) != moved.from_customer_id

),

living as (

    select distinct customer_id from customer_ids

),

changes as (

    select
        from_customer_id,
        to_customer_id,
        count(*) as records
    from moved
    group by from_customer_id, to_customer_id

),

present as (

    select
        {{ x_md5("concat(changes.from_customer_id, ' ', changes.to_customer_id, ' " ~ as_of_day() ~ "')") }}
            as change_key,
        case when living.customer_id is null then 'merge' else 'split' end as kind,
        changes.from_customer_id,
        changes.to_customer_id,
        changes.records,
        evidence.link_key,
        evidence.rule,
        evidence.identifier_hash,
        evidence.held_because,
        false as is_undone,
        {{ as_of() }} as changed_on
    from changes
    left join living
        on changes.from_customer_id = living.customer_id
    left join evidence
        on changes.from_customer_id = evidence.from_customer_id
        and changes.to_customer_id = evidence.to_customer_id
        and evidence.evidence_rank = 1

),

stored as (

    {% if is_incremental() -%}
    select * from {{ this }}
    where changed_on = {{ as_of() }}
    {%- else -%}
    select * from present
    where change_key is null
    {%- endif %}

),

undone as (

    select
        stored.change_key,
        stored.kind,
        stored.from_customer_id,
        stored.to_customer_id,
        stored.records,
        stored.link_key,
        stored.rule,
        stored.identifier_hash,
        stored.held_because,
        true as is_undone,
        stored.changed_on
    from stored
    left join present
        on stored.change_key = present.change_key
    where present.change_key is null

),

final as (

    select
        change_key,
        kind,
        from_customer_id,
        to_customer_id,
        records,
        link_key,
        rule,
        identifier_hash,
        held_because,
        is_undone,
        changed_on
    from present
    union all
    select
        change_key,
        kind,
        from_customer_id,
        to_customer_id,
        records,
        link_key,
        rule,
        identifier_hash,
        held_because,
        is_undone,
        changed_on
    from undone

)

select * from final
{%- if is_ahead %}
where false
{%- endif %}

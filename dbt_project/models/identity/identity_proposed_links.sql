-- Every reason to take two records for one person, before anything speaks against it: each record of an identifier with
-- the first one of it (by key), and the merges that people have decided.
{{ warehouse_layout(cluster_by=['record_key']) }}

with

identifiers as (

    select * from {{ ref('identity_identifiers') }}
    where dropped_because is null

),

decisions as (

    select * from {{ ref('identity_decisions') }}
    where decision = 'merge'

),

records as (

    select * from {{ ref('identity_records') }}

),

anchored as (

    select
        *,
        min(record_key) over (partition by identifier_hash) as anchor_key
    from identifiers

),

decided as (

    select distinct
        least(decisions.record_key_a, decisions.record_key_b) as anchor_key,
        greatest(decisions.record_key_a, decisions.record_key_b) as record_key
    from decisions
    inner join records as records_a
        on decisions.record_key_a = records_a.record_key
    inner join records as records_b
        on decisions.record_key_b = records_b.record_key
    where decisions.record_key_a != decisions.record_key_b

),

final as (

    select
        record_key,
        anchor_key,
        kind as rule,
        strength,
        identifier_hash
    from anchored
    where record_key != anchor_key
    union all
    select
        record_key,
        anchor_key,
        'decision' as rule,
        'strong' as strength,
        {{ x_md5("'decision:' || anchor_key || ' ' || record_key") }} as identifier_hash
    from decided

)

select * from final

-- Why records are one customer: every link between two of them, with its rule and the hash of what they have in common.
-- A link that is held joins nobody, and says what speaks against it.
{{ warehouse_layout(cluster_by=['record_key']) }}

with

links as (

    select * from {{ ref('identity_proposed_links') }}

),

clusters as (

    select * from {{ ref('identity_clusters') }}

),

final as (

    select
        {{ x_md5("links.identifier_hash || ' ' || links.record_key") }} as link_key,
        links.record_key,
        links.anchor_key,
        links.rule,
        links.strength,
        links.identifier_hash,
        clusters.cluster_key != anchors.cluster_key as is_held,
        case when clusters.cluster_key != anchors.cluster_key then clusters.held_because end as held_because
    from links
    inner join clusters
        on links.record_key = clusters.record_key
    inner join clusters as anchors
        on links.anchor_key = anchors.record_key

)

select * from final

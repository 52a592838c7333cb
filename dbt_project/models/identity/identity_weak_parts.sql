-- Which of the parts that strong links make would be one person by weak links as well. A part is named by its smallest
-- record. Eight rounds finish chains of 256 parts; longer ones are no person (identity_clusters).
{{ warehouse_layout(cluster_by=['node']) }}

with

links as (

    select * from {{ ref('identity_proposed_links') }}
    where strength = 'weak'

),

parts as (

    select * from {{ ref('identity_strong_parts_3') }}

),

between_parts as (

    select distinct
        coalesce(parts.parent, links.record_key) as part_a,
        coalesce(anchors.parent, links.anchor_key) as part_b
    from links
    left join parts
        on links.record_key = parts.node
    left join parts as anchors
        on links.anchor_key = anchors.node

),

edges as (

    select distinct
        greatest(part_a, part_b) as node,
        least(part_a, part_b) as parent
    from between_parts
    where part_a != part_b

),

{{ star_rounds('edges', 8) }}

select * from round_8

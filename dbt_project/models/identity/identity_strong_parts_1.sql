-- Records that strong links join, whatever lies between them: three rounds over all links. Further rounds follow in
-- models of their own, each over what is not finished yet; together they finish chains of 16,000 records.
{{ warehouse_layout(cluster_by=['node']) }}

with

links as (

    select * from {{ ref('identity_proposed_links') }}

),

edges as (

    select distinct
        record_key as node,
        anchor_key as parent
    from links
    where strength = 'strong'

),

{{ star_rounds('edges', 3) }}

select * from round_3

-- Who goes with whom goes both ways, with the same support and the same lift.
select
    affinities.channel,
    affinities.product_key,
    affinities.partner_product_key
from {{ ref('product_affinities') }} as affinities
left join {{ ref('product_affinities') }} as reversed
    on affinities.channel = reversed.channel
    and affinities.product_key = reversed.partner_product_key
    and affinities.partner_product_key = reversed.product_key
    and affinities.support = reversed.support
    and affinities.lift = reversed.lift
where reversed.product_key is null

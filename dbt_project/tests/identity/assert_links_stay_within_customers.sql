-- A link that counts joins two records of one customer, and a link that is held never does.
with

links as (

    select * from {{ ref('identity_links') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

)

select links.link_key
from links
left join customer_ids
    on links.record_key = customer_ids.record_key
left join customer_ids as anchors
    on links.anchor_key = anchors.record_key
where coalesce(customer_ids.customer_id, '') != coalesce(anchors.customer_id, '-')
    and not links.is_held
    or customer_ids.customer_id = anchors.customer_id
    and links.is_held

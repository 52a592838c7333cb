-- Links lead from every record of a customer to every other. Customers of more records than anybody has
-- (identity_max_records) are left out: they are in identity_report, and following them takes too many steps.
with

links as (

    select * from {{ ref('identity_links') }}
    where not is_held

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

sizes as (

    select
        customer_id,
        count(*) as records
    from customer_ids
    group by customer_id
    having count(*) between 2 and {{ var('identity_max_records') }}

),

members as (

    select
        customer_ids.record_key,
        customer_ids.customer_id
    from customer_ids
    inner join sizes
        on customer_ids.customer_id = sizes.customer_id

),

edges as (

    select distinct
        links.record_key as node,
        links.anchor_key as parent
    from links
    inner join members
        on links.record_key = members.record_key

),

{{ star_rounds('edges', 8) }},

found as (

    select
        members.customer_id,
        coalesce(round_8.parent, members.record_key) as part_key
    from members
    left join round_8
        on members.record_key = round_8.node

)

select customer_id
from found
group by customer_id
having count(distinct part_key) > 1

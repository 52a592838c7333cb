-- Every customer that identity knows has one row in dim_customers, and nobody else has.
with

known as (

    select distinct customer_id from {{ ref('customer_ids') }}

),

described as (

    select customer_id from {{ ref('dim_customers') }}

)

select
    known.customer_id as known_customer_id,
    described.customer_id as described_customer_id
from known
full outer join described
    on known.customer_id = described.customer_id
where known.customer_id is null or described.customer_id is null

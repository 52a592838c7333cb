-- The row for all channels says of everybody what dim_customers says: there is one computation of scores and segments.
with

segmentation as (

    select * from {{ ref('customer_segmentation') }}
    where channel = 'all'

),

customers as (

    select * from {{ ref('dim_customers') }}

)

select
    customers.customer_id as customer_id_of_dim_customers,
    segmentation.customer_id,
    customers.rfm_segment as rfm_segment_of_dim_customers,
    segmentation.rfm_segment
from customers
full outer join segmentation
    on customers.customer_id = segmentation.customer_id
where customers.customer_id is null
    or segmentation.customer_id is null
    or customers.rfm_segment != segmentation.rfm_segment
    or customers.customer_segment != segmentation.customer_segment
    or customers.total_orders != segmentation.total_orders
    or customers.lifetime_revenue != segmentation.lifetime_revenue

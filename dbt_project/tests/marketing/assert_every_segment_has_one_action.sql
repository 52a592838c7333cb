-- Marketing does one thing with a segment, whichever of its cells a customer is in.
select
    customer_segment,
    count(distinct marketing_action) as actions
from {{ ref('rfm_segments') }}
group by 1
having count(distinct marketing_action) != 1

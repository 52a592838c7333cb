-- In every channel that earned anything the shares make one, class A reaches its limit, and no article outside of it
-- earns more than one inside.
select
    channel,
    sum(revenue_share) as share_of_all,
    sum(case when abc_class = 'A' then revenue_share else 0 end) as share_of_a
from {{ ref('product_performance') }}
where revenue_share is not null
group by channel
having abs(sum(revenue_share) - 1) > 0.000001
    or sum(case when abc_class = 'A' then revenue_share else 0 end)
    < {{ var('abc_a_max_share') }} - 0.000001
    or min(case when abc_class = 'A' then net_revenue end)
    < max(case when abc_class != 'A' then net_revenue end)

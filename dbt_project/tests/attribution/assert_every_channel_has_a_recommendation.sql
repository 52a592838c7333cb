-- Seven classes, each with three answers to whether the channel pays.
select count(*) as recommendations
from {{ ref('channel_recommendations') }}
having count(*) != 21

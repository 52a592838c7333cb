-- All 125 cells and the one for prospects have a name, so that no customer is without a segment.
select count(*) as cells
from {{ ref('rfm_segments') }}
having count(*) != 126

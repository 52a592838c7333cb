-- Rows of the carriers' last days whose time no one can read: they tell nothing of their parcel.
-- depends_on: {{ ref('stg_shipments') }}
{{ config(severity='warn') }}

{%- set since = x_ts_add(as_of_end(), -24 * 7) %}

select event_timestamp as unreadable
from {{ raw('shipments', 'dhl_events') }}
where (received_at is null or received_at >= {{ since }})
    and {{ shop_instant('event_timestamp') }} is null

union all

select scan_date as unreadable
from {{ raw('shipments', 'dpd_scans') }}
where (received_at is null or received_at >= {{ since }})
    and {{ parse_wall_clock(x_trim('scan_date'), '%m/%d/%Y %I:%M:%S %p') }} is null

-- Credits of an order add up to one in every model that has been computed for it, and rows with number 1 are all
-- orders.
with

sums as (

    select
        order_key,
        {{ x_count_if('channel_number = 1') }} as first_rows,
        {%- for model in attribution_models() %}
        sum({{ model }}_credit) as {{ model }}_sum,
        count(*) - count({{ model }}_credit) as {{ model }}_missing,
        {%- endfor %}
        count(*) as channels
    from {{ ref('attribution_credits') }}
    group by order_key

)

select *
from sums
where first_rows != 1
    {%- for model in attribution_models() %}
    or abs({{ model }}_sum - 1) > 0.000001
    or {{ model }}_missing not in (0, channels)
    {%- endfor %}

-- Whoever dim_customers puts into a segment and has an address is on the segment's list, once, and nobody else is.
{%- set lists = {
    'seg_winback_candidates': 'is_winback_candidate',
    'seg_vip_customers': 'is_vip',
    'seg_repeat_purchase_candidates': 'is_repeat_purchase_candidate',
    'seg_high_value_at_risk': 'is_high_value_at_risk',
    'seg_cross_channel_customers': 'is_cross_channel',
    'seg_upsell_candidates': 'is_upsell_candidate',
} %}
with

customers as (

    -- noqa: disable=LT02
    select
        {%- for list, flag in lists.items() %}
        {{ x_count_if('is_syncable and ' ~ flag) }} as {{ list }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('dim_customers') }}
    -- noqa: enable=LT02

),

members as (

    {%- for list in lists %}
    select
        '{{ list }}' as list,
        count(distinct customer_id) as members
    from {{ ref(list) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

expected as (

    {%- for list in lists %}
    select
        '{{ list }}' as list,
        {{ list }} as members
    from customers
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select
    expected.list,
    expected.members as expected_members,
    members.members
from expected
inner join members
    on expected.list = members.list
where expected.members != members.members

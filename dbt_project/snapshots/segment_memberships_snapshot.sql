{% snapshot segment_memberships_snapshot %}

{{ config(
    strategy='as_of',
    unique_key='membership_key',
    check_cols=['segment'],
    hard_deletes='invalidate',
) }}
{{ warehouse_layout(cluster_by=['segment', 'customer_id']) }}

{%- set lists = [
    'seg_cross_channel_customers', 'seg_high_value_at_risk', 'seg_repeat_purchase_candidates',
    'seg_upsell_candidates', 'seg_vip_customers', 'seg_winback_candidates',
] %}
{%- if snapshot_is_ahead() %}

{%- for list in lists + ['customer_segmentation'] %}
-- depends_on: {{ ref(list) }}
{%- endfor %}
select
    membership_key,
    customer_id,
    segment_type,
    segment
from {{ this }}
where dbt_valid_to is null
{%- else %}
with

memberships as (

    {%- for list in lists %}
    select
        customer_id,
        'list' as segment_type,
        '{{ list }}' as segment
    from {{ ref(list) }}

    union all

    {% endfor %}
    select
        customer_id,
        'rfm' as segment_type,
        customer_segment as segment
    from {{ ref('customer_segmentation') }}
    where channel = 'all'

)

select
    customer_id || ':' || segment_type || ':' || segment as membership_key,
    customer_id,
    segment_type,
    segment
from memberships
{%- endif %}

{% endsnapshot %}

{% snapshot customers_snapshot %}

{{ config(
    strategy='as_of',
    unique_key='customer_id',
    check_cols='all',
    hard_deletes='invalidate',
) }}
{{ warehouse_layout(cluster_by=['customer_id']) }}

select
    customer_id,
    lifecycle_stage,
    customer_value_tier,
    vip_tier,
    email_consent,
    accepts_marketing,
    is_email_suppressed,
    can_receive_email,
    is_syncable,
    is_vip,
    is_winback_candidate,
    winback_stage,
    is_high_value_at_risk,
    is_repeat_purchase_candidate,
    is_cross_channel,
    is_upsell_candidate
{% if snapshot_is_ahead() -%}
-- depends_on: {{ ref('dim_customers') }}
from {{ this }}
where dbt_valid_to is null
{%- else -%}
from {{ ref('dim_customers') }}
{%- endif %}

{% endsnapshot %}

-- No model that is sent to Klaviyo holds an address that a marketplace made up for the buyer.
{%- set models = [
    'klaviyo_profiles', 'events_shipments', 'seg_winback_candidates', 'seg_vip_customers',
    'seg_repeat_purchase_candidates', 'seg_high_value_at_risk', 'seg_cross_channel_customers',
    'seg_upsell_candidates',
] %}
-- noqa: disable=LT02
{%- for model in models %}
select
    '{{ model }}' as model,
    email
from {{ ref(model) }}
where
    {%- for pattern in var('relay_email_patterns') %}
    email like '{{ pattern }}'{{ ' or' if not loop.last }}
    {%- endfor %}
{%- if not loop.last %}

union all
{% endif %}
{%- endfor %}

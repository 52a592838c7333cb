-- A weight that is missing in the seed would leave customers without a score.
with

expected as (

    {%- set weights = [
        ('purchase', 'points'), ('purchase', 'stage'), ('purchase', 'orders'),
        ('purchase', 'orders_for_full_score'), ('email', 'points'), ('email', 'click'),
        ('email', 'open'), ('support', 'points'), ('cross_sell', 'stage'), ('cross_sell', 'orders'),
        ('cross_sell', 'email'), ('cross_sell', 'lift'), ('stage', 'prospect'), ('stage', 'new'),
        ('stage', 'active'), ('stage', 'at_risk'), ('stage', 'lapsing'), ('stage', 'churned'),
    ] %}
    {%- for part, signal in weights %}
    select
        '{{ part }}' as score_part,
        '{{ signal }}' as signal
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select
    expected.score_part,
    expected.signal
from expected
left join {{ ref('engagement_weights') }} as engagement_weights
    on expected.score_part = engagement_weights.score_part
    and expected.signal = engagement_weights.signal
where engagement_weights.weight is null

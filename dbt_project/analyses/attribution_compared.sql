-- How much does each marketing channel sell, and how far does that depend on the attribution model?
-- Where models differ much, first and last contacts are different channels: test before moving money. Channels that
-- begin with assumed_ are guesses from the order itself. Markov is empty until its asset has run.
with

attribution as (

    select * from {{ ref('marketing_attribution') }}

),

final as (

    select
        channel,
        is_assumed,
        {%- for model in ['first_touch', 'last_touch', 'linear', 'position_based', 'markov'] %}
        sum(case when attribution_model = '{{ model }}' then revenue end) as {{ model }}_revenue,
        {%- endfor %}
        max(revenue) - min(revenue) as revenue_at_issue,
        max(case when attribution_model = 'last_touch' then spend end) as spend,
        max(case when attribution_model = 'last_touch' then cost_per_new_customer end) as cost_per_new_customer
    from attribution
    group by 1, 2

)

select * from final
order by linear_revenue desc, channel asc

{{ warehouse_layout(cluster_by=['channel', 'product_key']) }}

with

sales as (

    select * from {{ ref('int_product__sales') }}

),

articles as (

    select * from {{ ref('int_product__articles') }}

),

affinities as (

    select * from {{ ref('int_product__affinities') }}

),

product_actions as (

    select * from {{ ref('product_actions') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

partners as (

    select
        affinities.channel,
        affinities.product_key,
        max(case when affinities.partner_rank = 1 then affinities.partner_product_key end)
            as best_partner_product_key,
        max(case when affinities.partner_rank = 1 then articles.product_name end)
            as best_partner_product_name,
        max(case when affinities.partner_rank = 1 then affinities.support end)
            as best_partner_support,
        max(case when affinities.partner_rank = 1 then affinities.confidence end)
            as best_partner_confidence,
        max(case when affinities.partner_rank = 1 then affinities.lift end) as best_partner_lift,
        string_agg(articles.product_name, ', ' order by affinities.partner_rank)
            as cross_sell_partners
    from affinities
    inner join articles
        on affinities.partner_product_key = articles.product_key
    where affinities.partner_rank <= {{ var('product_partners_named') }}
    group by 1, 2

),

-- Best sellers first; articles without revenue have no share and come last.
ranked as (

    select
        *,
        greatest(net_revenue, 0) as shared_revenue,
        sum(greatest(net_revenue, 0)) over (partition by channel) as revenue_of_channel,
        sum(greatest(net_revenue, 0)) over best_sellers as revenue_so_far,
        row_number() over best_sellers as revenue_rank
    from sales
    window best_sellers as (
        partition by channel
        order by net_revenue desc, units desc, product_key asc
    )

),

-- The trend compares two stretches of equal length, and says nothing about a handful of units.
measured as (

    select
        *,
        {{ x_safe_divide('buyers', 'customers_of_channel') }} as penetration,
        {{ x_safe_divide('repeat_buyers', 'buyers') }} as repeat_buyer_rate,
        {{ x_safe_divide('returned_units', 'units') }} as unit_return_rate,
        case
            when gross_revenue > 0
                then {{ x_safe_divide('refunded_amount', 'gross_revenue') }}
        end as money_return_rate,
        {{ x_safe_divide('shared_revenue', 'revenue_of_channel') }} as revenue_share,
        {{ x_safe_divide('revenue_so_far', 'revenue_of_channel') }} as cumulative_revenue_share,
        case
            when net_revenue <= 0 then 'C'
            when revenue_so_far <= {{ to_money(var('abc_a_max_share')) }} * revenue_of_channel
                then 'A'
            when revenue_so_far - net_revenue
                < {{ to_money(var('abc_a_max_share')) }} * revenue_of_channel
                then 'A'
            when revenue_so_far <= {{ to_money(var('abc_b_max_share')) }} * revenue_of_channel
                then 'B'
            else 'C'
        end as abc_class,
        case
            when previous_units > 0
                then {{ x_safe_divide('recent_units - previous_units', 'previous_units') }}
        end as units_trend,
        case
            when recent_units = 0 then 'falling'
            when recent_units + previous_units < {{ var('product_trend_min_units') }} then 'steady'
            when previous_units = 0 then 'rising'
            when {{ x_safe_divide('recent_units', 'previous_units') }}
                >= {{ 1 + var('product_growth_min_rate') }}
                then 'rising'
            when {{ x_safe_divide('recent_units', 'previous_units') }}
                <= {{ 1 - var('product_decline_min_rate') }}
                then 'falling'
            else 'steady'
        end as trend,
        {{ x_date_diff('day', 'first_sold_date', as_of()) }} < {{ var('product_new_days') }} as is_new,
        {%- for category in ['card', 'bank', 'promotional', 'other'] %}
        {{ x_safe_divide(category ~ '_orders', 'orders') }} as {{ category }}_payment_share,
        {%- endfor %}
        {{ x_safe_divide('promotional_units', 'units') }} as promotional_dependency
    from ranked

),

classified as (

    select
        *,
        case
            when trend = 'falling' then 'Declining'
            when abc_class != 'A' then 'Problem'
            when unit_return_rate >= {{ var('product_high_return_rate') }} then 'Problem'
            when trend = 'rising' then 'Star'
            else 'Cash Cow'
        end as product_status,
        case
            when is_new then 'New'
            when trend = 'rising' then 'Growth'
            when trend = 'falling' then 'Declining'
            else 'Mature'
        end as product_lifecycle
    from measured

),

decided as (

    select
        *,
        case
            when unit_return_rate >= {{ var('product_high_return_rate') }} then 'fix_returns'
            when is_new then 'introduce'
            when trend = 'falling' and abc_class = 'A' then 'win_back_demand'
            when trend = 'falling' then 'phase_out'
            when promotional_dependency >= {{ var('product_high_promotional_dependency') }}
                then 'wean_off_discounts'
            when product_status = 'Star' then 'invest'
            when product_status = 'Cash Cow' then 'defend'
            when trend = 'rising' then 'test_more'
            else 'bundle'
        end as recommended_action
    from classified

),

final as (

    select
        decided.product_key,
        decided.channel,
        articles.product_name,
        articles.brand,
        articles.category,
        articles.form,
        articles.line,
        reporting_currency.currency,

        -- how much
        decided.units,
        decided.returned_units,
        decided.orders,
        decided.goods_amount,
        decided.gross_revenue,
        decided.refunded_amount,
        decided.net_revenue,
        decided.revenue_share,
        decided.cumulative_revenue_share,
        decided.revenue_rank,

        -- by whom
        decided.buyers,
        decided.repeat_buyers,
        decided.customers_acquired,
        decided.penetration,
        decided.repeat_buyer_rate,

        -- how
        decided.unit_return_rate,
        decided.money_return_rate,
        decided.card_payment_share,
        decided.bank_payment_share,
        decided.promotional_payment_share,
        decided.other_payment_share,
        decided.promotional_dependency,

        -- what it is
        decided.recent_units,
        decided.previous_units,
        decided.units_trend,
        decided.abc_class,
        decided.product_status,
        decided.product_lifecycle,

        -- what to do
        partners.best_partner_product_key,
        partners.best_partner_product_name,
        partners.best_partner_support,
        partners.best_partner_confidence,
        partners.best_partner_lift,
        partners.cross_sell_partners,
        decided.recommended_action,
        product_actions.recommendation,
        decided.is_sold_recently,
        decided.first_sold_date,
        decided.last_sold_date
    from decided
    inner join articles
        on decided.product_key = articles.product_key
    inner join product_actions
        on decided.recommended_action = product_actions.recommended_action
    left join partners
        on decided.channel = partners.channel
        and decided.product_key = partners.product_key
    cross join reporting_currency

)

select * from final

-- Each order that counts, shared among the channels of its path. An order without a known path has one assumed channel.
{{ warehouse_layout(partition_by='order_month', data_type='date', cluster_by=['order_key']) }}

with

customer_activity as (

    select * from {{ ref('stg_customer_activity') }}

),

reporting_currency as (

    select * from {{ ref('stg_reporting_currency') }}

),

paths as (

    select * from {{ ref('int_conversion__paths') }}
    where is_converting

),

credits as (

    select * from {{ ref('int_conversion__credits') }}

),

channel_set_credits as (

    select * from {{ ref('stg_attribution__channel_set_credits') }}

),

-- Numbered here, where there are fewest rows.
numbered_credits as (

    select
        *,
        row_number() over (partition by path_key order by channel) as channel_number
    from credits

),

-- Without a path in the shop there is nothing to compute; otherwise the data-driven models wait for their asset.
computed as (

    select
        case
            when (select count(*) from channel_set_credits) > 0 or (select count(*) from paths) = 0
                then 1
        end as assumed_credit

),

conversions as (

    select
        customer_activity.order_key,
        customer_activity.customer_id,
        customer_activity.channel as sales_channel,
        customer_activity.order_date,
        customer_activity.order_number_of_customer = 1 as is_first_order,
        case
            when customer_activity.currency = reporting_currency.currency
                then customer_activity.net_amount
        end as order_revenue,
        paths.path_key,
        paths.channels,
        -- what an order itself suggests where nothing else is known
        case
            when customer_activity.is_promotional then 'assumed_promotional_campaign'
            when {{ x_isodow('customer_activity.order_date') }} >= 6 then 'assumed_social'
            when customer_activity.currency = reporting_currency.currency
                and customer_activity.net_amount >= {{ var('attribution_high_value_min_amount') }}
                then 'assumed_email'
            else 'assumed_organic'
        end as assumed_channel
    from customer_activity
    cross join reporting_currency
    left join paths
        on customer_activity.customer_id = paths.visitor_key
        and customer_activity.ordered_at = paths.conversion_at

),

final as (

    select
        conversions.order_key || '/' || coalesce(credits.channel, conversions.assumed_channel) as credit_key,
        conversions.order_key,
        conversions.customer_id,
        conversions.sales_channel,
        coalesce(credits.channel, conversions.assumed_channel) as channel,
        coalesce(credits.channel_number, 1) as channel_number,
        coalesce(credits.contacts, 0) as contacts,
        conversions.order_revenue,
        {%- for model in attribution_models() %}
        case
            when conversions.path_key is null
                then {{ 'computed.assumed_credit' if model in ('markov', 'shapley') else 1 }}
            else {{ 'channel_set_credits' if model in ('markov', 'shapley') else 'credits' }}.{{ model }}_credit
        end as {{ model }}_credit,
        {%- endfor %}
        conversions.is_first_order,
        conversions.path_key is null as is_assumed,
        {{ x_date_trunc('month', 'conversions.order_date') }} as order_month,
        conversions.order_date
    from conversions
    cross join computed
    left join numbered_credits as credits
        on conversions.path_key = credits.path_key
    left join channel_set_credits
        on conversions.channels = channel_set_credits.channels
        and credits.channel = channel_set_credits.channel

)

select * from final

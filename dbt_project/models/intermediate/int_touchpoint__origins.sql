-- Every source, medium and campaign that a contact came from, and the channel that the rules put it in.
{{ warehouse_layout(cluster_by=['source', 'medium']) }}

with

sessions as (

    select * from {{ ref('stg_ga4__sessions') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

touchpoints as (

    select * from {{ ref('stg_marketing__touchpoints') }}

),

channel_rules as (

    select * from {{ ref('channel_rules') }}

),

origins as (

    select
        coalesce(source, '') as source,
        coalesce(medium, '') as medium,
        coalesce(campaign, '') as campaign
    from sessions

    union distinct

    select
        acquisition_source as source,
        coalesce(acquisition_medium, '') as medium,
        coalesce(acquisition_campaign, '') as campaign
    from orders
    where acquisition_source is not null

    union distinct

    select
        coalesce(source, '') as source,
        coalesce(medium, '') as medium,
        coalesce(campaign, '') as campaign
    from touchpoints
    where channel is null

    union distinct

    select
        'klaviyo' as source,
        medium,
        '' as campaign
    from (
        select 'email' as medium
        union all
        select 'sms' as medium
    ) as klaviyo_messages

),

ranked as (

    select
        origins.source,
        origins.medium,
        origins.campaign,
        channel_rules.channel,
        row_number() over (
            partition by origins.source, origins.medium, origins.campaign
            order by channel_rules.priority
        ) as precedence
    from origins
    left join channel_rules
        on origins.source like coalesce(channel_rules.source, '')
        and origins.medium like coalesce(channel_rules.medium, '')
        and origins.campaign like channel_rules.campaign

),

final as (

    select
        source,
        medium,
        campaign,
        coalesce(channel, 'other') as channel
    from ranked
    where precedence = 1

)

select * from final

-- Every contact of a person with a marketing channel: clicks in Klaviyo's messages, visits, landing pages of orders
-- that analytics did not see, coupon codes given out in one channel, and what the shop has recorded itself.
-- precedence orders contacts of one instant: a click leads to a visit, a visit to an order.
{{ warehouse_layout(partition_by='touched_at', cluster_by=['visitor_key']) }}

with

sessions as (

    select * from {{ ref('int_touchpoint__sessions') }}

),

events as (

    select * from {{ ref('stg_klaviyo__events') }}
    where metric_name in ('Clicked Email', 'Clicked SMS')

),

touchpoints as (

    select * from {{ ref('stg_marketing__touchpoints') }}

),

orders as (

    select * from {{ ref('stg_orders') }}
    where is_counted

),

orders_customers as (

    select * from {{ ref('orders_customers') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

customer_emails as (

    select * from {{ ref('customer_emails') }}

),

origins as (

    select * from {{ ref('int_touchpoint__origins') }}

),

coupon_channels as (

    select * from {{ ref('coupon_channels') }}

),

clicks as (

    select
        'click:' || events.event_id as contact_key,
        coalesce(customer_ids.customer_id, 'profile:' || events.profile_id) as visitor_key,
        'click' as contact_type,
        1 as precedence,
        0 as position,
        cast(null as {{ type_text() }}) as channel,
        'klaviyo' as source,
        case when events.metric_name = 'Clicked SMS' then 'sms' else 'email' end as medium,
        '' as campaign,
        coalesce(events.campaign_id, events.flow_id, events.message_id) as message,
        events.event_at as touched_at
    from events
    left join customer_ids
        on 'klaviyo:' || events.profile_id = customer_ids.record_key

),

visits as (

    select
        'visit:' || session_key as contact_key,
        visitor_key,
        'visit' as contact_type,
        2 as precedence,
        0 as position,
        cast(null as {{ type_text() }}) as channel,
        coalesce(source, '') as source,
        coalesce(medium, '') as medium,
        coalesce(campaign, '') as campaign,
        campaign as message,
        started_at as touched_at
    from sessions

),

orders_seen as (

    select distinct order_key from sessions
    where order_key is not null

),

landings as (

    select
        'landing:' || orders.order_key as contact_key,
        orders_customers.customer_id as visitor_key,
        'landing' as contact_type,
        3 as precedence,
        0 as position,
        cast(null as {{ type_text() }}) as channel,
        orders.acquisition_source as source,
        coalesce(orders.acquisition_medium, '') as medium,
        coalesce(orders.acquisition_campaign, '') as campaign,
        orders.acquisition_campaign as message,
        orders.ordered_at as touched_at
    from orders
    inner join orders_customers
        on orders.order_key = orders_customers.order_key
    left join orders_seen
        on orders.order_key = orders_seen.order_key
    where orders.acquisition_source is not null
        and orders_seen.order_key is null

),

coupons as (

    select
        'coupon:' || orders.order_key as contact_key,
        min(orders_customers.customer_id) as visitor_key,
        'coupon' as contact_type,
        4 as precedence,
        0 as position,
        min(coupon_channels.channel) as channel,
        '' as source,
        '' as medium,
        '' as campaign,
        min(lower(orders.coupon_code)) as message,
        min(orders.ordered_at) as touched_at
    from orders
    inner join orders_customers
        on orders.order_key = orders_customers.order_key
    inner join coupon_channels
        on lower(orders.coupon_code) like coupon_channels.code_pattern
    group by orders.order_key

),

-- where two customers share an address, it names neither
known_by_email as (

    select
        email,
        min(customer_id) as customer_id
    from customer_emails
    group by email
    having count(*) = 1

),

-- An address names a customer as it does in identity; who is nobody's customer is known by what was recorded.
recorded as (

    select
        'recorded:' || {{ x_md5("concat(
            coalesce(touchpoints.source_customer_id, ''), '|',
            coalesce(touchpoints.email, ''), '|',
            coalesce(touchpoints.visitor_id, ''), '|',
            " ~ epoch_text('touchpoints.touched_at') ~ ", '|',
            coalesce(cast(touchpoints.position as " ~ type_text() ~ "), ''), '|',
            coalesce(touchpoints.channel, ''), '|',
            coalesce(touchpoints.source, ''), '|',
            coalesce(touchpoints.medium, ''), '|',
            coalesce(touchpoints.campaign, '')
        )") }} as contact_key,
        coalesce(
            by_id.customer_id,
            by_email.customer_id,
            'visitor:' || touchpoints.visitor_id,
            'visitor:' || touchpoints.source_customer_id,
            'visitor:' || {{ x_md5('touchpoints.email') }}
        ) as visitor_key,
        'recorded' as contact_type,
        2 as precedence,
        coalesce(touchpoints.position, 0) as position,
        touchpoints.channel,
        coalesce(touchpoints.source, '') as source,
        coalesce(touchpoints.medium, '') as medium,
        coalesce(touchpoints.campaign, '') as campaign,
        touchpoints.campaign as message,
        touchpoints.touched_at
    from touchpoints
    left join customer_ids as by_id
        on case
            when touchpoints.source_customer_id like '%:%' then touchpoints.source_customer_id
            else 'webshop:' || touchpoints.source_customer_id
        end = by_id.record_key
    left join known_by_email as by_email
        on touchpoints.email = by_email.email
    where coalesce(touchpoints.source_customer_id, touchpoints.email, touchpoints.visitor_id) is not null

),

contacts as (

    select * from clicks
    union all
    select * from visits
    union all
    select * from landings
    union all
    select * from coupons
    union all
    select distinct * from recorded

),

final as (

    select
        contacts.contact_key,
        contacts.visitor_key,
        contacts.contact_type,
        coalesce(contacts.channel, origins.channel, 'other') as channel,
        contacts.message,
        contacts.precedence,
        contacts.position,
        contacts.touched_at
    from contacts
    left join origins
        on contacts.channel is null
        and contacts.source = origins.source
        and contacts.medium = origins.medium
        and contacts.campaign = origins.campaign

)

select * from final

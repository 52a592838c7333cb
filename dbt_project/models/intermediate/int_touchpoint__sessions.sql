-- Visits of the web shop and whose they were: the buyer's, the member's who was signed in, else that of the only
-- customer who was ever known on the device; all others stay with the device.
{{ warehouse_layout(partition_by='started_at', cluster_by=['visitor_key']) }}

{%- set channels = var('attribution_ga4_channels') %}

with

sessions as (

    select * from {{ ref('stg_ga4__sessions') }}

),

orders as (

    select * from {{ ref('stg_orders') }}
    where channel in ('{{ channels | join("', '") }}')

),

orders_customers as (

    select * from {{ ref('orders_customers') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

-- Two shops may give one number; the first of the named ones is meant.
ranked_orders as (

    select
        ltrim(orders.order_number, '#') as order_number,
        orders.order_key,
        orders_customers.customer_id,
        row_number() over (
            partition by ltrim(orders.order_number, '#')
            order by
                case orders.channel
                    {%- for channel in channels %}
                    when '{{ channel }}' then {{ loop.index }}
                    {%- endfor %}
                end,
                orders.order_key
        ) as precedence
    from orders
    inner join orders_customers
        on orders.order_key = orders_customers.order_key

),

buyers as (

    select * from ranked_orders
    where precedence = 1

),

members as (

    select
        user_id,
        {{ x_min_by('customer_id', 'precedence') }} as customer_id
    from (
        {%- for channel in channels %}
        select
            substr(record_key, {{ channel | length + 2 }}) as user_id,
            customer_id,
            {{ loop.index }} as precedence
        from customer_ids
        where record_key like '{{ channel }}:%'
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ) as accounts
    group by user_id

),

named as (

    select
        sessions.session_key,
        sessions.user_pseudo_id,
        sessions.started_at,
        sessions.source,
        sessions.medium,
        sessions.campaign,
        buyers.order_key,
        coalesce(buyers.customer_id, members.customer_id) as customer_id
    from sessions
    left join buyers
        on ltrim(sessions.transaction_id, '#') = buyers.order_number
    left join members
        on sessions.user_id = members.user_id

),

with_devices as (

    select
        *,
        min(customer_id) over (partition by user_pseudo_id) as first_customer_id,
        max(customer_id) over (partition by user_pseudo_id) as last_customer_id
    from named

),

final as (

    select
        session_key,
        coalesce(
            customer_id,
            case when first_customer_id = last_customer_id then first_customer_id end,
            'device:' || user_pseudo_id
        ) as visitor_key,
        order_key,
        source,
        medium,
        campaign,
        customer_id is not null or coalesce(first_customer_id = last_customer_id, false)
            as is_customer,
        started_at
    from with_devices

)

select * from final

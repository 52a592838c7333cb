-- What a session did on one day of the shop's calendar. Google rewrites whole days, so a day is
-- replaced as a whole; sessions that run past midnight are put together by readers.
{{ incremental_window(
    key='session_day_key', column='session_date', data_type='date', lookback='ga4_events',
    in_shop_time=true
) }}
{{ warehouse_layout(partition_by='session_date', data_type='date', cluster_by=['session_key']) }}

{%- set start = window_start() %}

with

events as (

    select
        *,
        user_pseudo_id || '.' || session_id as session_key,
        {{ local_date('event_at') }} as session_date
    from {{ ref('stg_ga4__events') }}
    where session_id is not null
        {%- if start %}
        -- the property's calendar may be a day apart from the shop's
        and event_date >= '{{ (modules.datetime.datetime.strptime(start, "%Y-%m-%d")
            - modules.datetime.timedelta(days=1)).strftime("%Y%m%d") }}'
        {%- endif %}
        and user_pseudo_id is not null

),

ranked as (

    select
        *,
        row_number() over (
            partition by session_key, session_date
            order by event_at, event_name, source, medium, campaign
        ) as precedence
    from events
    where {{ from_day_on('session_date', start, 'date') }}

),

final as (

    select
        session_key || '.' || {{ x_fmt_date('session_date', '%Y%m%d') }} as session_day_key,
        session_key,
        min(user_pseudo_id) as user_pseudo_id,
        max(user_id) as user_id,
        max(case when precedence = 1 then source end) as first_source,
        max(case when precedence = 1 then medium end) as first_medium,
        max(case when precedence = 1 then campaign end) as first_campaign,
        max(transaction_id) as transaction_id,
        '{{ var("shop_timezone") }}' as time_zone,
        {{ x_count_if("event_name = 'page_view'") }} as page_views,
        count(*) as events,
        session_date,
        min(event_at) as first_event_at,
        max(event_at) as last_event_at
    from ranked
    group by session_key, session_date

)

select * from final

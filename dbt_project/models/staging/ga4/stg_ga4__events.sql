with

source as (

    select
        *,
        {{ x_from_epoch_us('event_timestamp') }} as event_at
    from {{ raw('ga4', 'events') }}

),

final as (

    select
        event_at,
        replace(event_date, '-', '') as event_date,
        event_name,
        user_id,
        user_pseudo_id,
        {{ ga4_param('event_params', 'ga_session_id', 'int_value') }} as session_id,
        lower(coalesce(
            {{ x_json('collected_traffic_source', '$.manual_source') }},
            {{ x_json('traffic_source', '$.source') }}
        )) as source,
        lower(coalesce(
            {{ x_json('collected_traffic_source', '$.manual_medium') }},
            {{ x_json('traffic_source', '$.medium') }}
        )) as medium,
        lower(coalesce(
            {{ x_json('collected_traffic_source', '$.manual_campaign_name') }},
            {{ x_json('traffic_source', '$.name') }}
        )) as campaign,
        {{ x_json('ecommerce', '$.transaction_id') }} as transaction_id,
        {{ money(x_json('ecommerce', '$.purchase_revenue')) }} as revenue,
        {{ ga4_param('event_params', 'page_location', 'string_value') }} as page_location
    from source
    where event_at <= {{ as_of_end() }}

)

select * from final

-- Parcels, tickets and e-mails of all customers are those that the carriers, the support and Klaviyo know, each once.
with

known_records as (

    select record_key from {{ ref('customer_ids') }}

),

klaviyo_profiles as (

    select profiles.profile_id
    from {{ ref('stg_klaviyo__profiles') }} as profiles
    inner join known_records
        on concat('klaviyo:', profiles.profile_id) = known_records.record_key

),

known as (

    select
        'parcels' as kind,
        count(order_key) as found
    from {{ ref('int_shipment__parcels') }}

    union all

    select
        'tickets' as kind,
        count(*) as found
    from {{ ref('stg_zendesk__tickets') }} as tickets
    inner join known_records
        on concat('zendesk:', tickets.requester_id) = known_records.record_key
    where not tickets.is_deleted
        and not tickets.is_merged

    union all

    select
        'emails' as kind,
        count(*) as found
    from {{ ref('stg_klaviyo__events') }} as events
    inner join klaviyo_profiles
        on events.profile_id = klaviyo_profiles.profile_id
    where events.metric_name = 'Received Email'

),

counted as (

    select
        'parcels' as kind,
        coalesce(sum(total_shipments), 0) as counted
    from {{ ref('int_customer__shipment_metrics') }}

    union all

    select
        'tickets' as kind,
        coalesce(sum(total_tickets), 0) as counted
    from {{ ref('int_customer__support_metrics') }}

    union all

    select
        'emails' as kind,
        coalesce(sum(emails_received), 0) as counted
    from {{ ref('int_customer__email_engagement') }}

)

select
    known.kind,
    known.found,
    counted.counted
from known
inner join counted
    on known.kind = counted.kind
where known.found != counted.counted

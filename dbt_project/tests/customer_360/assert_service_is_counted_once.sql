-- Parcels, tickets and e-mails of all customers are those that the carriers, the support and Klaviyo know, each once.
with

known_records as (

    select record_key from {{ ref('customer_ids') }}

),

klaviyo_profiles as (

    select profile_id
    from {{ ref('stg_klaviyo__profiles') }}
    where concat('klaviyo:', profile_id) in (select record_key from known_records)

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
    from {{ ref('stg_zendesk__tickets') }}
    where not is_deleted
        and not is_merged
        and concat('zendesk:', requester_id) in (select record_key from known_records)

    union all

    select
        'emails' as kind,
        count(*) as found
    from {{ ref('stg_klaviyo__events') }}
    where metric_name = 'Received Email'
        and profile_id in (select profile_id from klaviyo_profiles)

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

{{ warehouse_layout(cluster_by=['customer_id']) }}

{%- set email_totals = {
    'emails_received': 'received', 'emails_opened': 'opened', 'emails_clicked': 'clicked',
    'emails_bounced': 'bounced', 'email_unsubscribes': 'unsubscribed',
    'email_spam_complaints': 'marked_as_spam', 'recent_received': 'recent_received',
    'recent_opened': 'recent_opened', 'recent_clicked': 'recent_clicked',
} %}
with

events as (

    select * from {{ ref('stg_klaviyo__events') }}

),

profiles as (

    select * from {{ ref('stg_klaviyo__profiles') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

-- Per profile first: the joins then see a million rows instead of twenty.
email_counts as (

    select
        profile_id,
        count(case when metric_name = 'Received Email' then 1 end) as received,
        count(case when metric_name = 'Opened Email' then 1 end) as opened,
        count(case when metric_name = 'Clicked Email' then 1 end) as clicked,
        count(case when metric_name = 'Bounced Email' then 1 end) as bounced,
        count(case when metric_name = 'Unsubscribed' then 1 end) as unsubscribed,
        count(case when metric_name = 'Marked Email as Spam' then 1 end) as marked_as_spam,
        count(case when metric_name = 'Received Email' and is_recent then 1 end) as recent_received,
        count(case when metric_name = 'Opened Email' and is_recent then 1 end) as recent_opened,
        count(case when metric_name = 'Clicked Email' and is_recent then 1 end) as recent_clicked,
        max(case when metric_name = 'Received Email' then event_at end) as last_received_at,
        max(case when metric_name = 'Opened Email' then event_at end) as last_opened_at,
        max(case when metric_name = 'Clicked Email' then event_at end) as last_clicked_at
    from (
        select
            profile_id,
            metric_name,
            event_at,
            event_at > {{ x_ts_add(as_of_end(), -24 * var('email_engagement_days')) }} as is_recent
        from events
        where metric_name in (
                'Received Email', 'Opened Email', 'Clicked Email', 'Bounced Email', 'Unsubscribed',
                'Marked Email as Spam'
            )
    ) as email_events
    group by 1

),

-- A person with several profiles has given one answer: the most restrictive one.
totals as (

    select
        customer_ids.customer_id,
        count(*) as klaviyo_profiles,
        {{ x_any("profiles.email_consent = 'unsubscribed'") }} as is_unsubscribed,
        {{ x_any("profiles.email_consent = 'subscribed'") }} as is_subscribed,
        {{ x_any('profiles.is_suppressed') }} as is_suppressed,
        min(profiles.suppression_reason) as suppression_reason,
        {{ x_any('profiles.can_receive_email') }} as can_receive_email,
        {%- for total, counted in email_totals.items() %}
        cast(coalesce(sum(email_counts.{{ counted }}), 0) as {{ type_integer() }}) as {{ total }},
        {%- endfor %}
        max(email_counts.last_received_at) as last_email_received_at,
        max(email_counts.last_opened_at) as last_email_opened_at,
        max(email_counts.last_clicked_at) as last_email_clicked_at
    from profiles
    inner join customer_ids
        on concat('klaviyo:', profiles.profile_id) = customer_ids.record_key
    left join email_counts
        on profiles.profile_id = email_counts.profile_id
    group by 1

),

rated as (

    select
        *,
        least({{ x_safe_divide('emails_opened', 'emails_received') }}, 1) as raw_open_rate,
        least({{ x_safe_divide('emails_clicked', 'emails_received') }}, 1) as raw_click_rate
    from totals

),

final as (

    select
        customer_id,
        case
            when is_unsubscribed then 'unsubscribed'
            when is_subscribed then 'subscribed'
            else 'never_subscribed'
        end as email_consent,
        case when is_suppressed then suppression_reason end as suppression_reason,
        klaviyo_profiles,
        emails_received,
        emails_opened,
        emails_clicked,
        emails_bounced,
        email_unsubscribes,
        email_spam_complaints,
        round(case when emails_received > 0 then raw_open_rate end, 4) as email_open_rate,
        round(case when emails_received > 0 then raw_click_rate end, 4) as email_click_rate,
        recent_received,
        recent_opened,
        recent_clicked,
        coalesce(is_suppressed, false) as is_email_suppressed,
        -- Klaviyo would write to people who never answered; a shop needs their yes.
        coalesce(is_subscribed and not is_unsubscribed and not is_suppressed, false)
        and coalesce(can_receive_email, false) as can_receive_email,
        last_email_received_at,
        last_email_opened_at,
        last_email_clicked_at
    from rated

)

select * from final

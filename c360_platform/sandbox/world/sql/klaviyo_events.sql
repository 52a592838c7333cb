-- Two years of e-mail events and placed orders, and with them the finished profiles and what is
-- predicted of them. Temporary tables in the columns of the sandbox's schema.

create temp table kl_metric as
select
    id,
    name,
    json_object(
        'object', 'integration',
        'id', case name when 'Placed Order' then '0eMvjm' else '0rG4eQ' end,
        'key', case name when 'Placed Order' then 'shopify' else 'klaviyo' end,
        'name', case name when 'Placed Order' then 'Shopify' else 'Klaviyo' end,
        'category', case name when 'Placed Order' then 'eCommerce' else 'Internal' end
    )::varchar as integration,
    epoch_us(world_end() - interval 1200 days) as created_at,
    epoch_us(world_end() - interval 1200 days) as updated_at,
from (
    values
    ('RcvdEm', 'Received Email'), ('OpndEm', 'Opened Email'), ('ClckEm', 'Clicked Email'),
    ('BncdEm', 'Bounced Email'), ('UnsbEm', 'Unsubscribed'), ('SpamEm', 'Marked Email as Spam'),
    ('PlcdOr', 'Placed Order')
) as t (id, name);

-- Campaigns go out on a weekly grid counted backwards from the end; a subscriber gets some of those
-- between opting in and leaving. Opens of privacy proxies come within a minute and mean nothing.
create temp table klaviyo_mail as
with periods as (
    select
        person_id,
        profile_id,
        mail_interest,
        chance('privacy proxy', person_id, 0.22) as has_proxy,
        ceil(date_diff('hour', coalesce(stopped_at, world_end()), world_end()) / 168.0)::bigint
            as newest_week,
        least(104, date_diff('hour', opted_in_at, world_end()) // 168)::bigint as oldest_week,
        opted_in_at,
    from (
        select
            *,
            case
                when suppression_reason = 'UNSUBSCRIBE' then left_at
                when suppression_reason is not null then trouble_at
            end as stopped_at,
        from klaviyo_member
        where consent <> 'NEVER_SUBSCRIBED'
    )
),

sizes as (
    select
        *,
        least(
            oldest_week - newest_week,
            1 + floor(13 * pow(uniform('mails', person_id), 1.6))
        )::bigint as mails,
    from periods
    where oldest_week > newest_week
),

mails as (
    select
        *,
        unnest(range(mails)) as n,
    from sizes
),

weeks as (
    select
        *,
        newest_week + floor(
            (n + uniform('week', person_id * 16 + n)) * ((oldest_week - newest_week) // mails)
        )::bigint as week,
    from mails
),

sent as (
    select
        *,
        person_id * 128 + week as mail_key,
        world_end() - to_days(7 * week + 2)
            + to_seconds(whole('send', person_id * 128 + week, 28800, 32400))
            as received_at,
    from weeks
)

select
    *,
    case
        when has_proxy then received_at + to_seconds(whole('proxy', mail_key, 2, 59))
        when chance('open', mail_key, 0.08 + 0.55 * mail_interest)
            then received_at + hours('open', mail_key, 0.05, 60)
    end as opened_at,
    case
        when opened_at is not null
            and chance('click', mail_key, 0.01 + 0.3 * mail_interest * mail_interest)
            then greatest(opened_at, received_at + hours('open', mail_key, 0.05, 60)) + to_seconds(
                whole('click', mail_key, 5, 600)
            )
    end as clicked_at,
from sent;

create or replace temp macro campaign_properties(week, extra) as concat(
    '{"Subject":"Neu in Woche ', week, '","Campaign Name":"Newsletter ',
    strftime(world_end() - to_days(7 * week + 2), '%G-W%V'), '","$message":"01CMPGN',
        lpad((week)::varchar, 4, '0'),
    '"', extra, '}'
);

create temp table klaviyo_event as
with mail_events as (
    select
        profile_id,
        'week ' || week as unique_id,
        unnest([
            {
                event_key: mail_key * 8,
                metric_id: 'RcvdEm',
                occurred_at: received_at,
                properties: campaign_properties(week, ''),
            },
            {
                event_key: mail_key * 8 + 1,
                metric_id: 'OpndEm',
                occurred_at: opened_at,
                properties: campaign_properties(week, ''),
            },
            {
                event_key: mail_key * 8 + 2,
                metric_id: 'ClckEm',
                occurred_at: clicked_at,
                properties: campaign_properties(week, ',"URL":"https://shop.example.com/neu"'),
            },
        ], recursive := true),
    from klaviyo_mail
),

-- The first mail of the welcome flow, and how some subscriptions ended.
consent_events as (
    select
        profile_id,
        'consent' as unique_id,
        unnest([
            {
                event_key: (person_id * 128 + 120) * 8,
                metric_id: 'RcvdEm',
                occurred_at: opted_in_at + interval 5 minutes,
                properties: '{"Subject":"Willkommen","$flow":"WlcmFl","$message":"WlcmM1"}',
            },
            {
                event_key: (person_id * 128 + 121) * 8,
                metric_id: 'UnsbEm',
                occurred_at: case when suppression_reason = 'UNSUBSCRIBE' then left_at end,
                properties: '{"method":"Email Link","$message":"01CMPGN0000"}',
            },
            {
                event_key: (person_id * 128 + 122) * 8,
                metric_id: 'BncdEm',
                occurred_at: case when suppression_reason = 'HARD_BOUNCE' then trouble_at end,
                properties: '{"Bounce Type":"Hard","$message":"01CMPGN0000"}',
            },
            {
                event_key: (person_id * 128 + 123) * 8,
                metric_id: 'SpamEm',
                occurred_at: case when suppression_reason = 'SPAM_COMPLAINT' then trouble_at end,
                properties: '{"$message":"01CMPGN0000"}',
            },
        ], recursive := true),
    from klaviyo_member
    where consent <> 'NEVER_SUBSCRIBED'
),

-- Keys above those of any mail.
order_events as (
    select
        klaviyo_member.profile_id,
        shopify_order.order_id as unique_id,
        8192000000 + shopify_order.order_key * 8 as event_key,
        'PlcdOr' as metric_id,
        shopify_order.ordered_at + interval 3 seconds as occurred_at,
        concat(
            '{"OrderId":"', shopify_order.order_id,
            '","Source Name":"', shopify_order.source_name, '"}'
        ) as properties,
        shopify_order.total_cents as cents,
    from shopify_order
    inner join klaviyo_member using (person_id)
    where not shopify_order.is_test and shopify_order.bought_as <> 'nobody'
        and shopify_order.ordered_at >= world_end() - interval 730 days
        and shopify_order.ordered_at >= klaviyo_member.joined_at
)

select * from mail_events
union all by name
select * from consent_events
union all by name
select * from order_events;

create temp table kl_event as
select
    -- Eleven characters in the order of the keys, so that they are inserted in order.
    to_base(event_key * 10000019 + whole('event id', event_key, 0, 9999999), 36, 11) as id,
    concat_ws(
        '-', hash_text[1:8], hash_text[9:12], '4' || hash_text[14:16], '8' || hash_text[18:20],
        hash_text[21:32]
    ) as uuid,
    profile_id,
    metric_id,
    unique_id,
    epoch(occurred_at)::bigint as occurred_at,
    epoch_us(occurred_at) as received_at,
    properties,
    cents / 100.0 as value,
    case when cents is not null then 'EUR' end as value_currency,
    0 as backfill,
from (
    select
        *,
        md5(concat(getvariable('seed'), ' event ', event_key)) as hash_text,
    from klaviyo_event
)
where occurred_at < world_end() - interval 3 hours;

create temp table kl_profile as
with last_events as (
    select
        profile_id,
        max(occurred_at) * 1000000 as last_event_at,
    from kl_event
    group by profile_id
)

select
    member.profile_id as id,
    member.profile_email as email,
    case
        when member.has_only_phone
            or (member.can_have_phone and chance('klaviyo phone', member.person_id, 0.3))
            then member.phone
    end as phone_number,
    null::varchar as external_id,
    member.first_name,
    case
        when not member.is_sign_up or chance('full name', member.person_id, 0.4)
            then member.last_name
    end
        as last_name,
    member.company as organization,
    case member.language
        when 'de' then 'de-DE'
        when 'en' then 'en-GB'
        else member.language
    end as locale,
    null::varchar as title,
    null::varchar as image,
    case
        when member.is_sign_up then '{}'
        else json_object(
            'address1', case when chance('klaviyo street', member.person_id, 0.5) then member.street end,
            'city', member.city, 'zip', member.postal_code, 'country',
            case member.country_code
                when 'DE' then 'Germany' when 'AT' then 'Austria' when 'CH' then 'Switzerland'
                when 'NL' then 'Netherlands' else 'Luxembourg'
            end,
            'timezone', 'Europe/Berlin'
        )::varchar
    end as location,
    json_object(
        'Signup Source',
        pick(['Popup', 'Footer', 'Checkout', 'Gewinnspiel'], 'signup source', member.person_id)
    )::varchar as properties,
    member.consent as email_consent,
    case member.consent
        when 'SUBSCRIBED' then epoch_us(member.opted_in_at)
        when 'UNSUBSCRIBED' then epoch_us(member.left_at)
    end as email_consent_at,
    case
        when member.suppression_reason is null then '[]'
        else concat(
            '[{"reason":"', member.suppression_reason, '","timestamp":"',
            strftime(
                case member.suppression_reason
                    when 'UNSUBSCRIBE' then member.left_at
                    else member.trouble_at
                end,
                '%Y-%m-%dT%H:%M:%S.%f+00:00'
            ),
            '"}]'
        )
    end as email_suppressions,
    epoch_us(member.joined_at) as created_at,
    epoch_us(greatest(
        member.joined_at, case when member.consent <> 'NEVER_SUBSCRIBED' then member.opted_in_at end
    )) as updated_at,
    last_events.last_event_at,
from klaviyo_member as member
left join last_events using (profile_id);

-- Plain formulas over the orders that Klaviyo has seen: who buys at intervals goes on doing so, and
-- is the likelier gone the longer that is exceeded. Who bought once is expected at the interval of
-- everybody else, without a date. Nobody without orders has a row.
create temp table kl_prediction as
with orders as (
    select
        profile_id,
        count(*) as orders,
        sum(value) as revenue,
        max(occurred_at) as last_order,
        case when count(*) > 1 then (max(occurred_at) - min(occurred_at)) / 86400.0 / (count(*) - 1) end
            as average_days,
    from kl_event
    where metric_id = 'PlcdOr'
    group by profile_id
),

typical as (select coalesce(median(average_days), 90) as days from orders),

intervals as (
    select
        orders.*,
        greatest(coalesce(average_days, typical.days), 1) as interval_days,
        (epoch(world_end()) - last_order) / 86400.0 as days_since,
    from orders
    cross join typical
),

predicted as (
    select
        *,
        revenue / orders as order_value,
        1 - exp(-days_since / (2 * interval_days)) as churn,
        365 / interval_days * exp(-days_since / (2 * interval_days)) as next_orders,
    from intervals
)

select
    predicted.profile_id,
    json_object(
        'historic_number_of_orders', orders,
        'predicted_number_of_orders', round(next_orders, 2),
        'average_days_between_orders', round(average_days, 1),
        'average_order_value', round(order_value, 2),
        'historic_clv', round(revenue, 2),
        'predicted_clv', round(next_orders * order_value, 2),
        'total_clv', round(revenue + next_orders * order_value, 2),
        'churn_probability', round(churn, 4),
        'expected_date_of_next_order', case
            when average_days is not null
                then strftime(
                    to_timestamp(last_order + (interval_days * 86400)::bigint),
                    '%Y-%m-%dT%H:%M:%S+00:00'
                )
        end,
        'ranked_channel_affinity', case
            when profile.email_consent = 'SUBSCRIBED' and profile.phone_number is not null
                then ['email', 'sms']
            when profile.email is null then ['sms']
            else ['email']
        end
    )::varchar as body,
from predicted
inner join kl_profile as profile on profile.id = predicted.profile_id;

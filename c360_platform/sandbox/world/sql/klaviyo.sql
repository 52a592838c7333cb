-- Klaviyo as it is when the platform is first connected: profiles with consent and suppressions, marketing's own
-- lists, two years of e-mail events and placed orders. Temporary tables in the columns of the sandbox's schema.

create or replace temp macro micros(instant) as epoch_us(instant);

create temp table kl_metric as
select
    id,
    name,
    case name
        when 'Placed Order'
            then '{"object":"integration","id":"0eMvjm","key":"shopify","name":"Shopify","category":"eCommerce"}'
        else '{"object":"integration","id":"0rG4eQ","key":"klaviyo","name":"Klaviyo","category":"Internal"}'
    end as integration,
    micros(world_end() - interval 1200 days) as created_at,
    micros(world_end() - interval 1200 days) as updated_at,
from (
    values
    ('RcvdEm', 'Received Email'), ('OpndEm', 'Opened Email'), ('ClckEm', 'Clicked Email'),
    ('BncdEm', 'Bounced Email'), ('UnsbEm', 'Unsubscribed'), ('SpamEm', 'Marked Email as Spam'),
    ('PlcdOr', 'Placed Order')
) as t (id, name);

-- Shopify and the web shop sync their customers; everybody whom no other source knows signed up for the newsletter.
create temp table klaviyo_member as
with shop_records as (
    select person_id, created_at from shopify_customer where not is_placeholder_email(written_email)
    union all
    select person_id, created_at from webshop_customer
),

known as (
    select
        person_id,
        min(created_at) as known_since,
    from shop_records
    group by person_id
),

elsewhere as (
    select person_id from crm_contact
    union
    select person_id from zendesk_user
),

members as (
    select
        person.*,
        known.known_since,
        coalesce(
            known.known_since + interval 3 minutes,
            moment(
                cast(world_end() as date) - person.since_days::integer, 'newsletter sign up', person.person_id
            )
        ) as joined_at,
        uniform('newsletter', person.person_id) as consent_draw,
        -- A form of the newsletter also reaches people who have not bought here.
        known.person_id is null as is_sign_up,
    from person
    left join known using (person_id)
    left join elsewhere using (person_id)
    where
        -- The firm's mailbox is one profile.
        not (person.is_at_firm and person.person_id % 300 = 8)
        and case
            when known.person_id is not null then chance('klaviyo', person.person_id, 0.9)
            when person.is_buyer then chance('klaviyo', person.person_id, 0.06)
            else elsewhere.person_id is null or chance('klaviyo', person.person_id, 0.5)
        end
),

decided as (
    select
        *,
        case
            when is_sign_up and consent_draw >= 0.53 then chance('double opt in', person_id, 0.85)
            else consent_draw < 0.53 or chance('klaviyo form', person_id, 0.08)
        end as has_subscribed,
        joined_at + to_minutes(whole('opt in', person_id, 1, 2000)) as opted_in_at,
        uniform('mail trouble', person_id) as trouble,
        head_id = person_id and phone is not null and country_code = 'DE' as can_have_phone,
        (
            can_have_phone and not is_sign_up and chance('no mailbox at klaviyo', person_id, 0.01)
        ) as has_only_phone,
    from members
)

select
    *,
    case
        when has_only_phone or not has_subscribed or opted_in_at >= world_end() - interval 4 hours
            then 'NEVER_SUBSCRIBED'
        when consent_draw >= 0.45 and consent_draw < 0.53
            and left_at < world_end() - interval 4 hours then 'UNSUBSCRIBED'
        else 'SUBSCRIBED'
    end as consent,
    case
        when has_only_phone or consent = 'NEVER_SUBSCRIBED' then null
        when consent = 'UNSUBSCRIBED' then 'UNSUBSCRIBE'
        when trouble < 0.015 and trouble_at < world_end() - interval 4 hours then 'HARD_BOUNCE'
        when trouble < 0.018 and trouble_at < world_end() - interval 4 hours then 'SPAM_REPORT'
        when trouble < 0.024 and trouble_at < world_end() - interval 4 hours then 'USER_SUPPRESSED'
    end as suppression_reason,
    -- In the order of people, like the events below: SQLite inserts in order many times faster.
    '01J8' || to_base(person_id, 16, 6)
        || upper(left(md5(concat(getvariable('seed'), ' profile ', person_id)), 16)) as profile_id,
    case
        when has_only_phone then null
        when former_email is not null and joined_at < email_changed_at and chance('stale profile', person_id, 0.4)
            then former_email
        else email
    end as profile_email,
from (
    select
        *,
        opted_in_at + hours('unsubscribe', person_id, 200, 14000) as left_at,
        opted_in_at + hours('trouble', person_id, 100, 9000) as trouble_at,
    from decided
);

create temp table kl_list as
select
    id,
    name,
    process as opt_in_process,
    micros(world_end() - interval 1150 days) as created_at,
    micros(world_end() - interval 1150 days) as updated_at,
from (values ('NwsLt1', 'Newsletter', 'double_opt_in'), ('GvAwy2', 'Gewinnspiel', 'single_opt_in'))
    as t (id, name, process);

create temp table kl_list_member as
select 'NwsLt1' as list_id, profile_id, micros(opted_in_at) as joined_at
from klaviyo_member
where consent = 'SUBSCRIBED'
union all
select 'GvAwy2', profile_id, micros(joined_at + interval 2 minutes)
from klaviyo_member
where chance('giveaway', person_id, 0.05) and joined_at < world_end() - interval 3 minutes;

-- Events -------------------------------------------------------------------------------------------------------

-- Campaigns go out on a weekly grid counted backwards from the end; a subscriber gets some of those between opting
-- in and leaving. Opens of privacy proxies come within a minute and mean nothing.
create temp table klaviyo_mail as
with periods as (
    select
        person_id,
        profile_id,
        mail_interest,
        chance('privacy proxy', person_id, 0.22) as has_proxy,
        ceil(date_diff('hour', coalesce(stopped_at, world_end()), world_end()) / 168.0)::bigint as newest_week,
        least(104, date_diff('hour', opted_in_at, world_end()) // 168)::bigint as oldest_week,
        opted_in_at,
    from (
        select
            *,
            case suppression_reason when 'UNSUBSCRIBE' then left_at when null then null else trouble_at end
                as stopped_at,
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
        world_end() - to_days(7 * week + 2) + to_seconds(whole('send', person_id * 128 + week, 28800, 32400))
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
        when opened_at is not null and chance('click', mail_key, 0.01 + 0.3 * mail_interest * mail_interest)
            then greatest(opened_at, received_at + hours('open', mail_key, 0.05, 60)) + to_seconds(
                whole('click', mail_key, 5, 600)
            )
    end as clicked_at,
from sent;

create or replace temp macro campaign_properties(week, extra) as concat(
    '{"Subject":"Neu in Woche ', week, '","Campaign Name":"Newsletter ',
    strftime(world_end() - to_days(7 * week + 2), '%G-W%V'), '","$message":"01CMPGN', lpad((week)::varchar, 4, '0'),
    '"', extra, '}'
);

create temp table klaviyo_event as
select
    mail_key * 8 as event_key, profile_id, 'RcvdEm' as metric_id, 'week ' || week as unique_id,
    received_at as occurred_at, campaign_properties(week, '') as properties, null::bigint as cents,
from klaviyo_mail
union all
select mail_key * 8 + 1, profile_id, 'OpndEm', 'week ' || week, opened_at, campaign_properties(week, ''), null
from klaviyo_mail
where opened_at is not null
union all
select mail_key * 8 + 2, profile_id, 'ClckEm', 'week ' || week, clicked_at,
    campaign_properties(week, ',"URL":"https://shop.example.com/neu?utm_source=klaviyo&utm_medium=email"'), null
from klaviyo_mail
where clicked_at is not null
union all
-- The first mail of the welcome flow.
select (person_id * 128 + 120) * 8, profile_id, 'RcvdEm', 'welcome', opted_in_at + interval 5 minutes,
    '{"Subject":"Willkommen","$flow":"WlcmFl","$message":"WlcmM1"}', null
from klaviyo_member
where consent <> 'NEVER_SUBSCRIBED'
union all
select (person_id * 128 + 121) * 8, profile_id, 'UnsbEm', 'unsubscribed', left_at,
    '{"method":"Email Link","$message":"01CMPGN0000"}', null
from klaviyo_member
where suppression_reason = 'UNSUBSCRIBE'
union all
select (person_id * 128 + 122) * 8, profile_id, 'BncdEm', 'bounced', trouble_at,
    '{"Bounce Type":"Hard","$message":"01CMPGN0000"}', null
from klaviyo_member
where suppression_reason = 'HARD_BOUNCE'
union all
select (person_id * 128 + 123) * 8, profile_id, 'SpamEm', 'spam', trouble_at,
    '{"$message":"01CMPGN0000"}', null
from klaviyo_member
where suppression_reason = 'SPAM_REPORT'
union all
-- Keys above those of any mail.
select
    8192000000 + shopify_order.order_key * 8, klaviyo_member.profile_id, 'PlcdOr', shopify_order.order_id,
    shopify_order.ordered_at + interval 3 seconds,
    concat('{"OrderId":"', shopify_order.order_id, '","Source Name":"', shopify_order.source_name, '"}'),
    shopify_order.total_cents,
from shopify_order
inner join klaviyo_member using (person_id)
where not shopify_order.is_test and shopify_order.bought_as <> 'nobody'
    and shopify_order.ordered_at >= world_end() - interval 730 days
    and shopify_order.ordered_at >= klaviyo_member.joined_at;

create temp table kl_event as
select
    -- Eleven characters in the order of the keys, so that they are inserted in order.
    to_base(event_key * 10000019 + whole('event id', event_key, 0, 9999999), 36, 11) as id,
    left(hash_text, 8) || '-' || hash_text[9:12] || '-4' || hash_text[14:16] || '-8' || hash_text[18:20] || '-'
        || hash_text[21:32] as uuid,
    profile_id,
    metric_id,
    unique_id,
    epoch(occurred_at)::bigint as occurred_at,
    micros(occurred_at) as received_at,
    properties,
    cents / 100.0 as value,
    case when cents is not null then 'EUR' end as value_currency,
    0 as backfill,
from (select *, md5(concat(getvariable('seed'), ' event ', event_key)) as hash_text from klaviyo_event)
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
        when member.has_only_phone or (member.can_have_phone and chance('klaviyo phone', member.person_id, 0.3))
            then member.phone
    end as phone_number,
    null::varchar as external_id,
    member.first_name,
    case when not member.is_sign_up or chance('full name', member.person_id, 0.4) then member.last_name end
        as last_name,
    member.company as organization,
    case member.language when 'de' then 'de-DE' when 'en' then 'en-GB' else member.language end as locale,
    null::varchar as title,
    null::varchar as image,
    case
        when member.is_sign_up then '{}'
        else json_object(
            'city', member.city, 'zip', member.postal_code, 'country',
            case member.country_code
                when 'DE' then 'Germany' when 'AT' then 'Austria' when 'CH' then 'Switzerland'
                when 'NL' then 'Netherlands' else 'Luxembourg'
            end,
            'timezone', 'Europe/Berlin'
        )::varchar
    end as location,
    json_object(
        'Signup Source', pick(['Popup', 'Footer', 'Checkout', 'Gewinnspiel'], 'signup source', member.person_id)
    )::varchar as properties,
    member.consent as email_consent,
    case member.consent
        when 'SUBSCRIBED' then micros(member.opted_in_at)
        when 'UNSUBSCRIBED' then micros(member.left_at)
    end as email_consent_at,
    case
        when member.suppression_reason is null then '[]'
        else concat(
            '[{"reason":"', member.suppression_reason, '","timestamp":"',
            strftime(
                case member.suppression_reason when 'UNSUBSCRIBE' then member.left_at else member.trouble_at end,
                '%Y-%m-%dT%H:%M:%S.%f+00:00'
            ),
            '"}]'
        )
    end as email_suppressions,
    micros(member.joined_at) as created_at,
    micros(greatest(
        member.joined_at, case when member.consent <> 'NEVER_SUBSCRIBED' then member.opted_in_at end
    )) as updated_at,
    last_events.last_event_at,
from klaviyo_member as member
left join last_events using (profile_id);

-- Truth --------------------------------------------------------------------------------------------------------

insert into world.records
select 'klaviyo', 'profiles', profile_id, person_id from klaviyo_member;

insert into world.defects
select 'klaviyo', 'profiles', profile_id, unnest(list_filter([
    case consent when 'UNSUBSCRIBED' then 'unsubscribed' when 'NEVER_SUBSCRIBED' then 'never_subscribed' end,
    case when suppression_reason is not null then 'suppressed' end,
    case when profile_email = former_email then 'former_email' end,
    case when has_only_phone then 'no_email' end,
    case when is_at_firm then 'role_mailbox' end,
], lambda defect: defect is not null))
from klaviyo_member;

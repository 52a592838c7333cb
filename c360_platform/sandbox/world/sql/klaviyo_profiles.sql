-- Klaviyo as it is when the platform is first connected: profiles with consent and suppressions,
-- and marketing's own lists. Temporary tables in the columns of the sandbox's schema.

-- Shopify and the web shop sync their customers; everybody whom no other source knows signed up for
-- the newsletter.
create temp table klaviyo_member as
with shop_records as (
    select person_id, created_at, written_phone
    from shopify_customer
    where not is_placeholder_email(written_email)
    union all
    select person_id, created_at, written_phone from webshop_customer
),

known as (
    select
        person_id,
        min(created_at) as known_since,
        -- The shops hand on the phones that they know.
        bool_or(written_phone is not null and not is_placeholder_phone(written_phone)) as gave_phone,
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
        coalesce(known.gave_phone, elsewhere.person_id is null) as can_give_phone,
        coalesce(
            known.known_since + interval 3 minutes,
            moment(
                cast(world_end() as date) - person.since_days::integer,
                'newsletter sign up',
                person.person_id
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
        (
            can_give_phone and head_id = person_id and phone is not null and country_code = 'DE'
        ) as can_have_phone,
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
        when trouble < 0.018 and trouble_at < world_end() - interval 4 hours then 'SPAM_COMPLAINT'
        when trouble < 0.024 and trouble_at < world_end() - interval 4 hours then 'USER_SUPPRESSED'
    end as suppression_reason,
    -- In the order of people, like the events below: SQLite inserts in order many times faster.
    '01J8' || to_base(person_id, 16, 6)
        || upper(left(md5(concat(getvariable('seed'), ' profile ', person_id)), 16)) as profile_id,
    case
        when has_only_phone then null
        when former_email is not null and joined_at < email_changed_at
            and chance('stale profile', person_id, 0.4)
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
    epoch_us(world_end() - interval 1150 days) as created_at,
    epoch_us(world_end() - interval 1150 days) as updated_at,
from (values ('NwsLt1', 'Newsletter', 'double_opt_in'), ('GvAwy2', 'Gewinnspiel', 'single_opt_in'))
    as t (id, name, process);

create temp table kl_list_member as
select 'NwsLt1' as list_id, profile_id, epoch_us(opted_in_at) as joined_at
from klaviyo_member
where consent = 'SUBSCRIBED'
union all
select 'GvAwy2', profile_id, epoch_us(joined_at + interval 2 minutes)
from klaviyo_member
where chance('giveaway', person_id, 0.05) and joined_at < world_end() - interval 3 minutes;


-- Truth -------------------------------------------------------------------------------------------

insert into world.records
select 'klaviyo', 'profiles', profile_id, person_id from klaviyo_member;

insert into world.defects
select 'klaviyo', 'profiles', profile_id, unnest(list_filter([
    case consent
        when 'UNSUBSCRIBED' then 'unsubscribed'
        when 'NEVER_SUBSCRIBED' then 'never_subscribed'
    end,
    case when suppression_reason is not null then 'suppressed' end,
    case when profile_email = former_email then 'former_email' end,
    case when has_only_phone then 'no_email' end,
    case when is_at_firm then 'role_mailbox' end,
], lambda defect: defect is not null))
from klaviyo_member;

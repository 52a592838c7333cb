-- Visits of the web shop as Google Analytics exports them: the last fourteen months, nested fields
-- as JSON text. Before an order come one to three sessions; strangers look around without signing
-- in; bots load forty pages.

create schema if not exists ga4;

create or replace temp macro device_of(person_id, number) as
    whole('device a', (person_id) * 2 + (number), 100000000, 2147483647) || '.'
    || whole('device b', (person_id) * 2 + (number), 1500000000, 1699999999);

create temp table ga4_session as
with purchases as (
    select
        *,
        unnest(range(1 + whole('sessions', order_key, 0, 2))) as before,
    from webshop_order
    where not is_test
),

visits as (
    select
        order_key * 4 + before as session_key,
        person_id,
        user_id,
        case when before = 0 then reference end as transaction_id,
        case when before = 0 then total_cents end as cents,
        ordered_at - case
            when before = 0 then to_minutes(whole('browse', order_key, 4, 25))
            else to_hours(whole('days before', order_key * 4 + before, 10, 400))
        end as started_at,
        false as is_bot,
    from purchases
    union all
    -- Members who never ordered; negative keys would not draw, so each kind has a range of its own.
    select
        4000000000 + webshop_customer.person_id,
        webshop_customer.person_id,
        webshop_customer.customer_id,
        null,
        null,
        webshop_customer.created_at + interval 1 minute,
        false,
    from webshop_customer
    anti join webshop_order using (person_id)
    union all
    select
        5000000000 + n,
        null,
        null,
        null,
        null,
        moment(cast(world_end() as date) - whole('stranger', n, 1, 420)::integer, 'stranger', n),
        chance('bot', n, 0.04),
    from range(getvariable('customers')::bigint // 4) as strangers (n)
)

select
    session_key,
    person_id,
    transaction_id,
    cents,
    started_at,
    is_bot,
    case
        when transaction_id is not null or chance('signed in', session_key, 0.5) then user_id
    end as user_id,
    case
        when person_id is null then device_of(3000000000 + session_key % 1000000000, 0)
        else device_of(person_id, chance('second device', session_key, 0.15)::int)
    end as device_id,
    case
        when is_bot then '(direct)/(none)/'
        else pick([
            'google/cpc/brand', 'google/cpc/generic', 'google/organic/', 'google/organic/',
            'instagram/social/story', 'klaviyo/email/weekly', 'klaviyo/email/winback',
            '(direct)/(none)/', '(direct)/(none)/'
        ], 'session source', session_key)
    end as origin,
    pick([
        'mobile/iOS', 'mobile/Android', 'mobile/iOS', 'desktop/Windows', 'desktop/Macintosh',
        'tablet/iOS'
    ], 'machine', coalesce(person_id, session_key)) as machine,
from visits
where started_at >= world_end() - interval 426 days
    and started_at < world_end() - interval 40 minutes;

create table ga4.events as
with first_touches as (
    select
        device_id,
        min(started_at) as first_touched_at,
        arg_min(origin, (started_at, session_key)) as first_origin,
    from ga4_session
    group by device_id
),

steps as (
    select
        ga4_session.*,
        unnest(
            ['session_start', 'page_view']
            || case
                when is_bot then list_transform(range(38), lambda n: 'page_view')
                else ['page_view', 'view_item'][1:whole('depth', session_key, 0, 2)::integer]
            end
            || case
                when transaction_id is not null then ['add_to_cart', 'begin_checkout', 'purchase']
                else []
            end
        ) as event_name,
        unnest(range(45)) as step,
    from ga4_session
)

select
    strftime(local_time(happened_at), '%Y%m%d') as event_date,
    epoch_us(happened_at) as event_timestamp,
    steps.event_name,
    steps.user_id,
    steps.device_id as user_pseudo_id,
    epoch_us(first_touches.first_touched_at) as user_first_touch_timestamp,
    concat(
        '[{"key":"ga_session_id","value":{"int_value":', epoch(steps.started_at)::bigint,
        '}},{"key":"page_location","value":{"string_value":"https://shop.example.com/',
        case event_name
            when 'view_item' then 'products/' || whole('seen product', session_key, 0, 44)
            when 'add_to_cart' then 'cart'
            when 'begin_checkout' then 'checkout'
            when 'purchase' then 'thank-you'
            else pick(['', 'collections/energy', 'collections/sleep', 'pages/faq'], 'page',
                session_key * 45 + step)
        end,
        '"}},{"key":"engagement_time_msec","value":{"int_value":',
        case
            when is_bot then 1
            else whole('engaged', session_key * 45 + step, 300, 60000)
        end, '}}]'
    ) as event_params,
    concat(
        '{"name":', coalesce('"' || nullif(split_part(first_origin, '/', 3), '') || '"', 'null'),
        ',"medium":"', split_part(first_origin, '/', 2), '","source":"',
            split_part(first_origin, '/', 1), '"}'
    ) as traffic_source,
    case
        when step < 2 and origin not like '(direct)%' then concat(
            '{"manual_source":"', split_part(origin, '/', 1), '","manual_medium":"',
                split_part(origin, '/', 2),
            '","manual_campaign_name":',
            coalesce('"' || nullif(split_part(origin, '/', 3), '') || '"', 'null'), ',"gclid":',
            case
                when origin like 'google/cpc%' then '"test' || session_key || '"'
                else 'null'
            end, '}'
        )
    end as collected_traffic_source,
    concat(
        '{"category":"', split_part(machine, '/', 1), '","operating_system":"',
            split_part(machine, '/', 2), '"}'
    ) as device,
    case
        when is_bot then '{"country":"United States","city":"Ashburn"}'
        else '{"country":"Germany","city":"' || coalesce(person.city, 'Berlin') || '"}'
    end as geo,
    case
        when event_name = 'purchase' then concat(
            '{"transaction_id":"', transaction_id, '","purchase_revenue":', euros(cents), '}'
        )
    end as ecommerce,
from (
    select
        * replace (
            started_at + case when is_bot then to_milliseconds(step * 120)
                else to_seconds(step * 25) end
            as happened_at
        ),
    from (select *, started_at as happened_at from steps where event_name is not null)
) as steps
inner join first_touches using (device_id)
left join person using (person_id);

-- Truth -------------------------------------------------------------------------------------------

insert into world.records
select distinct 'ga4', 'device', device_id, person_id
from ga4_session
where person_id is not null;

insert into world.defects
select distinct 'ga4', 'device', device_id, 'bot'
from ga4_session
where is_bot;

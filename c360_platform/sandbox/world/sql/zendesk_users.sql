-- Zendesk as it is when the platform is first connected: users and organisations. Temporary tables
-- in the columns of the sandbox's schema; bodies are what the API answers.

-- People with trouble write more often. Some write twice under two addresses, some through Amazon's
-- relay.
create temp table zendesk_user as
with troubled as (
    select distinct cart.person_id
    from parcel
    inner join cart using (order_key)
    where parcel.failed_at < world_end()
),

askers as (
    select
        person.*,
        unnest(range(case
            when coalesce(person.former_email, person.second_email) is not null
                and chance('zendesk twice', person.person_id, 0.4) then 2
            else 1
        end)) as copy,
        amazon_alias.alias,
    from person
    left join troubled using (person_id)
    left join (select distinct person_id, alias from amazon_order where alias is not null)
        as amazon_alias
        using (person_id)
    where chance(
        'zendesk', person.person_id,
        case
            when troubled.person_id is not null then 0.4
            when person.is_buyer then 0.09
            else 0.04
        end
    )
        and not (person.is_at_firm and person.person_id % 300 = 8)
),

drawn as (
    select
        *,
        person_id * 2 + copy as draw_id,
        least(
            moment(
                cast(world_end() as date)
                - greatest(1, since_days - whole('first question', person_id, 0, 200))::integer,
                'first question', person_id * 2 + copy
            ),
            world_end() - interval 2 hours
        ) as created_at,
    from askers
)

select
    row_number() over (order by created_at, draw_id) + 370000000000 as user_id,
    *,
    case
        when alias is not null and copy = 0 and chance('writes by relay', draw_id, 0.6) then alias
        when copy = 0 and chance('calls only', draw_id, 0.03) then null
        when copy = 0 then email
        else coalesce(former_email, second_email)
    end as user_email,
    case
        when user_email is null
            then coalesce(phone, '+493023125' || lpad((person_id % 1000)::varchar, 3, '0'))
        when chance('zendesk phone', draw_id, 0.25) then phone
    end as user_phone,
    not is_at_firm and chance('zendesk deleted', draw_id, 0.01) as is_deleted,
    case when is_at_firm then 390000000000 + person_id // 300 end as organization_id,
from drawn;

create temp table zd_organization as
with firms as (
    select distinct
        organization_id,
        company,
        split_part(email, '@', 2) as domain,
    from zendesk_user
    where organization_id is not null
    union all
    select *
    from (
        values
        (389999999001, 'Fitnessstudio Muster', 'studio.example.net'),
        (389999999002, 'Apotheke Muster', 'apotheke.example.org'),
        (389999999003, 'Verein Muster', 'verein.example.org')
    ) as t
)

select
    organization_id as id,
    seconds(changed_at) as updated_at,
    json_object(
        'id', organization_id,
        'name', company,
        'external_id', null,
        'domain_names', [domain],
        'details', null,
        'notes', null,
        'group_id', null,
        'shared_tickets', false,
        'shared_comments', false,
        'tags', ['b2b'],
        'organization_fields', map {'discount': 'none'},
        'created_at', iso_seconds(world_end() - interval 1000 days),
        'updated_at', iso_seconds(changed_at),
        'deleted_at', case when organization_id = 389999999003 then iso_seconds(changed_at) end
    )::varchar as body,
from (
    select
        *,
        world_end() - to_days(whole('firm', organization_id, 100, 900)) as changed_at,
    from firms
);

create temp table zendesk_agent as
select
    360000000000 + n as user_id,
    'Service ' || n as name,
    'service' || n || '@team.example.com' as email,
    case n when 1 then 'admin' else 'agent' end as role,
from range(1, 6) as numbers (n);

create temp table zd_user as
with people as (
    select
        user_id,
        case when is_deleted then null else user_email end as email,
        written_first_name(first_name, 'zendesk', draw_id) || ' ' || last_name as name,
        user_phone as phone,
        'end-user' as role,
        case language when 'de' then 'de' when 'en' then 'en-GB' else language end as locale,
        organization_id,
        is_deleted,
        created_at,
        least(created_at + hours('zendesk edit', draw_id, 0, 4000), world_end() - interval 1 hour)
            as updated_at,
    from zendesk_user
    union all
    select
        user_id, email, name, null, role, 'de', null, false, world_end() - interval 1100 days,
        world_end() - to_days(200 + user_id % 10),
    from zendesk_agent
)

select
    user_id as id,
    seconds(updated_at) as updated_at,
    json_object(
        'id', user_id,
        'url', concat('https://shop.example.com/api/v2/users/', user_id, '.json'),
        'name', name,
        'email', email,
        'phone', phone,
        'role', role,
        'locale', locale,
        'time_zone', 'Berlin',
        'iana_time_zone', 'Europe/Berlin',
        'external_id', null,
        'organization_id', organization_id,
        'active', not is_deleted,
        'verified', email is not null,
        'suspended', false,
        'permanently_deleted', is_deleted,
        'tags', []::varchar[],
        'user_fields', map {'tier': case user_id % 4 when 0 then 'gold' end},
        'created_at', iso_seconds(created_at),
        'updated_at', iso_seconds(updated_at)
    )::varchar as body,
from people;

-- The names behind ids in tickets, users and organisations.
create temp table zd_object as
with named (collection, id, members) as (
    values
    ('ticket_fields', 27642, json_object('type', 'text', 'title', 'Topic')),
    ('groups', 380000000001, json_object('name', 'Service', 'default', true, 'deleted', false)),
    ('brands', 370000000001, json_object('name', 'Shop', 'active', true, 'default', true)),
    ('user_fields', 27700, json_object('type', 'text', 'key', 'tier', 'title', 'Tier')),
    ('organization_fields', 27800, json_object('type', 'text', 'key', 'discount', 'title', 'Discount'))
)

select
    collection,
    id,
    json_merge_patch(members, json_object(
        'id', id,
        'created_at', iso_seconds(world_end() - interval 1100 days),
        'updated_at', iso_seconds(world_end() - interval 1100 days)
    ))::varchar as body,
from named;

-- Truth -------------------------------------------------------------------------------------------

insert into world.records
select 'zendesk', 'users', user_id::varchar, person_id
from zendesk_user;

insert into world.defects
select 'zendesk', 'users', user_id::varchar, unnest(list_filter([
    case when user_email = alias then 'relay_email' end,
    case when user_email is null then 'no_email' end,
    case when copy = 1 then 'second_mailbox' end,
    case when is_at_firm then 'role_mailbox' end,
    case when is_deleted then 'deleted' end,
], lambda defect: defect is not null))
from zendesk_user;

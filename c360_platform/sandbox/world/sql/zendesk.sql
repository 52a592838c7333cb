-- Zendesk as it is when the platform is first connected: users, organisations, tickets with their metric sets, ratings
-- in the legacy form until a switch 200 days ago and as survey responses since. Temporary tables in the columns of the
-- sandbox's schema; bodies are what the API answers.

create or replace temp macro iso_seconds(instant) as strftime(instant, '%Y-%m-%dT%H:%M:%SZ');
create or replace temp macro seconds(instant) as epoch(instant)::bigint;
create or replace temp macro csat_switch() as world_end() - interval 200 days;

-- Users --------------------------------------------------------------------------------------------------------

-- People with trouble write more often. Some write twice under two addresses, some through Amazon's relay.
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
    left join (select distinct person_id, alias from amazon_order where alias is not null) as amazon_alias
        using (person_id)
    where chance(
        'zendesk', person.person_id,
        case when troubled.person_id is not null then 0.4 when person.is_buyer then 0.09 else 0.04 end
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
        when alias is not null and copy = 0 and chance('writes by relay', draw_id, 0.3) then alias
        when copy = 0 and chance('calls only', draw_id, 0.03) then null
        when copy = 0 then email
        else coalesce(former_email, second_email)
    end as user_email,
    case
        when user_email is null then coalesce(phone, '+493023125' || lpad((person_id % 1000)::varchar, 3, '0'))
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
from (select *, world_end() - to_days(whole('firm', organization_id, 100, 900)) as changed_at from firms);

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
        least(created_at + hours('zendesk edit', draw_id, 0, 4000), world_end() - interval 1 hour) as updated_at,
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

-- Tickets ------------------------------------------------------------------------------------------------------

create temp table zendesk_ticket as
with asked as (
    select
        zendesk_user.*,
        unnest(range(least(6, floor(pow(1 - uniform('questions', draw_id), -0.6)))::bigint)) as n,
    from zendesk_user
),

opened as (
    select
        draw_id * 8 + n as ticket_key,
        user_id,
        person_id,
        organization_id,
        n,
        -- The first question makes the user; later ones come any time after.
        case
            when n = 0 then created_at + interval 1 second
            else created_at + to_seconds(floor(
                uniform('asked', draw_id * 8 + n) * epoch(world_end() - interval 1 hour - created_at)
            )::bigint)
        end as opened_at,
        pick([
            'lieferung', 'lieferung', 'retoure', 'produkt', 'produkt', 'rechnung', 'konto', 'abo'
        ], 'topic', draw_id * 8 + n) as topic,
        whole('first reply', draw_id * 8 + n, 4, 240)
            * case when chance('slow reply', draw_id * 8 + n, 0.2) then 12 else 1 end as reply_minutes,
        whole('effort', draw_id * 8 + n, 5, 2600) as effort_minutes,
        chance('reopened', draw_id * 8 + n, 0.08) as is_reopened,
        chance('merged', draw_id * 8 + n, 0.03) as is_merged,
        chance('deleted ticket', draw_id * 8 + n, 0.015) as is_deleted,
        chance('never solved', draw_id * 8 + n, 0.01) as is_stuck,
        360000000001 + whole('agent', draw_id * 8 + n, 0, 4) as agent_id,
    from asked
),

planned as (
    select
        *,
        opened_at + to_minutes(reply_minutes) as reply_at,
        opened_at + to_minutes(reply_minutes + effort_minutes)
            + case when is_reopened then interval 2 days else interval 0 day end as solve_at,
    from opened
),

happened as (
    select
        *,
        case when reply_at < world_end() then reply_at end as replied_at,
        case when solve_at < world_end() and not is_stuck then solve_at end as solved_at,
    from planned
)

select
    row_number() over (order by opened_at, ticket_key) as ticket_id,
    *,
    case
        when is_deleted and solved_at is not null then 'deleted'
        when is_merged and solved_at is not null then 'closed'
        when solved_at < world_end() - interval 28 days then 'closed'
        when solved_at is not null then 'solved'
        when replied_at is null then 'new'
        when chance('on hold', ticket_key, 0.1) then 'hold'
        when chance('waiting', ticket_key, 0.4) then 'pending'
        else 'open'
    end as status,
    greatest(opened_at, replied_at, solved_at) as changed_at,
    -- Closing after 28 days is the system's doing: it moves generated_timestamp, not updated_at.
    case
        when solved_at < world_end() - interval 28 days then solved_at + interval 28 days
        else changed_at
    end as generated_at,
    case
        when solved_at is null or is_merged or status = 'deleted' then null
        when solved_at < csat_switch() then 'legacy'
        when chance('survey answered', ticket_key, 0.5) then 'survey'
    end as csat_form,
    solved_at + to_minutes(whole('rating', ticket_key, 5, 2000)) as rated_at,
    -- Slow answers are rated worse.
    case
        when uniform('mood', ticket_key) < case when reply_minutes > 1000 then 0.35 else 0.08 end then 1
        when uniform('mood', ticket_key) < case when reply_minutes > 1000 then 0.50 else 0.15 end then 2
        when uniform('mood', ticket_key) < case when reply_minutes > 1000 then 0.65 else 0.25 end then 3
        when uniform('mood', ticket_key) < 0.60 then 4
        else 5
    end as stars,
    chance('comments', ticket_key, 0.35) as has_comment,
from happened;

create or replace temp macro minutes_json(value) as
    struct_pack(calendar := value, business := (value * 0.4)::bigint);

create temp table zendesk_rating as
select
    *,
    case
        when chance('rated', ticket_key, 0.35) and rated_at < world_end()
            then case when stars >= 3 then 'good' else 'bad' end
        else 'offered'
    end as score,
from zendesk_ticket
where csat_form = 'legacy' and chance('asked to rate', ticket_key, 0.8);

create temp table zd_ticket as
select
    ticket.ticket_id as id,
    seconds(ticket.generated_at) as generated_at,
    seconds(ticket.changed_at) as updated_at,
    json_object(
        'id', ticket.ticket_id,
        'external_id', null,
        'via', struct_pack(
            channel := case ticket.ticket_key % 4 when 0 then 'web' when 1 then 'chat' else 'email' end,
            source := struct_pack(rel := null::varchar)
        ),
        'created_at', iso_seconds(ticket.opened_at),
        'updated_at', iso_seconds(ticket.changed_at),
        'type', 'question',
        'subject', 'Frage zu ' || ticket.topic,
        'raw_subject', 'Frage zu ' || ticket.topic,
        'description', 'Guten Tag, ich habe eine Frage zum Thema ' || ticket.topic || '.',
        'priority', pick(['normal', 'normal', 'normal', 'high', 'low', 'urgent'], 'priority', ticket.ticket_key),
        'status', ticket.status,
        'recipient', null,
        'requester_id', ticket.user_id,
        'submitter_id', ticket.user_id,
        'assignee_id', case when ticket.replied_at is not null then ticket.agent_id end,
        'organization_id', ticket.organization_id,
        'group_id', 380000000001,
        'collaborator_ids', []::bigint[],
        'follower_ids', []::bigint[],
        'email_cc_ids', []::bigint[],
        'problem_id', null,
        'has_incidents', false,
        'is_public', true,
        'due_at', null,
        'tags', case when ticket.is_merged and ticket.status = 'closed' then [ticket.topic, 'closed_by_merge']
            else [ticket.topic] end,
        'custom_fields', [struct_pack(id := 27642, value := ticket.topic)],
        'satisfaction_rating', struct_pack(score := coalesce(zendesk_rating.score, 'unoffered')),
        'custom_status_id', 1,
        'ticket_form_id', null,
        'brand_id', 370000000001
    )::varchar as body,
    json_object(
        'id', ticket.ticket_id + 500000000000,
        'ticket_id', ticket.ticket_id,
        'created_at', iso_seconds(ticket.opened_at),
        'updated_at', iso_seconds(ticket.changed_at),
        'group_stations', 1,
        'assignee_stations', case when ticket.replied_at is null then 0 else 1 + ticket.is_reopened::int end,
        'reopens', case when ticket.solved_at is null then 0 else ticket.is_reopened::int end,
        'replies', case
            when ticket.replied_at is null then 0
            when ticket.solved_at is null then 1
            else 1 + ticket.effort_minutes // 900 + ticket.is_reopened::int
        end,
        'initially_assigned_at', iso_seconds(ticket.replied_at),
        'assigned_at', iso_seconds(ticket.replied_at),
        'solved_at', iso_seconds(ticket.solved_at),
        'status_updated_at', iso_seconds(ticket.changed_at),
        'requester_updated_at', iso_seconds(ticket.opened_at),
        'assignee_updated_at', iso_seconds(ticket.replied_at),
        'latest_comment_added_at', iso_seconds(coalesce(ticket.replied_at, ticket.opened_at)),
        'custom_status_updated_at', iso_seconds(ticket.changed_at),
        'reply_time_in_minutes', minutes_json(
            case when ticket.replied_at is not null then ticket.reply_minutes end
        ),
        'first_resolution_time_in_minutes', minutes_json(
            case when ticket.solved_at is not null then ticket.reply_minutes + ticket.effort_minutes end
        ),
        'full_resolution_time_in_minutes', minutes_json(
            case when ticket.solved_at is not null then date_diff('minute', ticket.opened_at, ticket.solved_at) end
        ),
        'agent_wait_time_in_minutes', minutes_json(
            case when ticket.solved_at is not null then ticket.effort_minutes // 2 end
        ),
        'requester_wait_time_in_minutes', minutes_json(
            case when ticket.solved_at is not null then ticket.reply_minutes + ticket.effort_minutes // 2 end
        ),
        'on_hold_time_in_minutes', minutes_json(0::bigint)
    )::varchar as metric_set,
from zendesk_ticket as ticket
left join zendesk_rating using (ticket_id);

-- Ratings ------------------------------------------------------------------------------------------------------

create temp table zd_satisfaction_rating as
select
    ticket_id + 600000000000 as id,
    epoch_us(offered_at) as created_at,
    epoch_us(answered_at) as updated_at,
    json_object(
        'id', ticket_id + 600000000000,
        'url', concat('https://shop.example.com/api/v2/satisfaction_ratings/', ticket_id + 600000000000, '.json'),
        'ticket_id', ticket_id,
        'requester_id', user_id,
        'assignee_id', agent_id,
        'group_id', 380000000001,
        'score', score,
        'comment', case when score <> 'offered' and has_comment
            then case score when 'good' then 'Danke, alles geklärt.' else 'Das hat zu lange gedauert.' end end,
        'reason', 'No reason provided',
        'reason_id', 1000,
        'reason_code', 100,
        'created_at', iso_seconds(offered_at),
        'updated_at', iso_seconds(answered_at)
    )::varchar as body,
from (
    select
        *,
        solved_at + interval 1 minute as offered_at,
        case when score = 'offered' then offered_at else rated_at end as answered_at,
    from zendesk_rating
);

create temp table zd_survey_response as
select
    response_id as id,
    epoch_us(rated_at) as created_at,
    epoch_us(rated_at) as updated_at,
    json_object(
        'id', response_id,
        'responder_id', user_id,
        'expires_at', iso_seconds(rated_at + interval 28 days),
        'subject_zrns', ['zen:ticket:' || ticket_id],
        'subjects', [struct_pack(id := ticket_id::varchar, type := 'ticket', zrn := 'zen:ticket:' || ticket_id)],
        'survey', struct_pack(id := '01MSTRSRVEY000000000000001', version := 1, state := 'enabled'),
        'answers', [
            json_object(
                'type', 'rating_scale',
                'rating', stars,
                'rating_category', case when stars >= 4 then 'good' else 'bad' end,
                'question', struct_pack(
                    id := '01MSTRQSTN0000000000000001', type := 'rating_scale', alias := 'customer satisfaction',
                    sub_type := 'customer_satisfaction'
                ),
                'created_at', iso_seconds(rated_at),
                'updated_at', iso_seconds(rated_at)
            ),
            json_object(
                'type', case when has_comment then 'open_ended' else 'skipped' end,
                'value', case when has_comment
                    then case when stars >= 4 then 'Danke, alles geklärt.' else 'Das hat zu lange gedauert.' end end,
                'question', struct_pack(
                    id := '01MSTRQSTN0000000000000002', type := 'open_ended', alias := 'comment',
                    sub_type := null::varchar
                ),
                'created_at', iso_seconds(rated_at),
                'updated_at', iso_seconds(rated_at)
            )
        ]
    )::varchar as body,
from (
    select
        *,
        '01' || upper(left(md5(concat(getvariable('seed'), ' survey ', ticket_key)), 24)) as response_id,
    from zendesk_ticket
    where csat_form = 'survey' and rated_at < world_end()
);

-- Events: every ticket is created and, if it was, answered -----------------------------------------------------

create temp table zd_ticket_event as
with changes as (
    select ticket_id, ticket_id * 2 as id, opened_at as changed_at, user_id as author_id, 'Frage' as word
    from zendesk_ticket
    union all
    select ticket_id, ticket_id * 2 + 1, replied_at, agent_id, 'Antwort'
    from zendesk_ticket
    where replied_at is not null
)

select
    id,
    ticket_id,
    epoch_us(changed_at) as occurred_at,
    json_object(
        'id', id,
        'ticket_id', ticket_id,
        'timestamp', seconds(changed_at),
        'created_at', iso_seconds(changed_at),
        'updater_id', author_id,
        'via', 'Mail',
        'system', map {}::map(varchar, varchar),
        'event_type', 'Audit',
        'child_events', [json_object(
            'id', id + 700000000000,
            'event_type', 'Comment',
            'type', 'Comment',
            'public', true,
            'body', word,
            'html_body', '<p>' || word || '</p>',
            'author_id', author_id,
            'attachments', []::varchar[],
            'audit_id', id,
            'created_at', iso_seconds(changed_at),
            'via', struct_pack(channel := 'email')
        )]
    )::varchar as body,
from changes;

create temp table zd_ticket_metric_event as
with changes as (
    select ticket_id, ticket_id * 2 as id, opened_at as changed_at, 'activate' as type
    from zendesk_ticket
    union all
    select ticket_id, ticket_id * 2 + 1, replied_at, 'fulfill'
    from zendesk_ticket
    where replied_at is not null
)

select
    id,
    ticket_id,
    epoch_us(changed_at) as occurred_at,
    json_object(
        'id', id, 'ticket_id', ticket_id, 'metric', 'reply_time', 'instance_id', 1, 'type', type,
        'time', iso_seconds(changed_at)
    )::varchar as body,
from changes;

-- Truth --------------------------------------------------------------------------------------------------------

insert into world.records
select 'zendesk', 'users', user_id::varchar, person_id from zendesk_user
union all
select 'zendesk', 'tickets', ticket_id::varchar, person_id from zendesk_ticket;

insert into world.defects
select 'zendesk', 'users', user_id::varchar, unnest(list_filter([
    case when user_email = alias then 'relay_email' end,
    case when user_email is null then 'no_email' end,
    case when copy = 1 then 'second_mailbox' end,
    case when is_at_firm then 'role_mailbox' end,
    case when is_deleted then 'deleted' end,
], lambda defect: defect is not null))
from zendesk_user;

insert into world.defects
select 'zendesk', 'tickets', ticket_id::varchar, case when status = 'deleted' then 'deleted' else 'merged' end
from zendesk_ticket
where status = 'deleted' or (is_merged and status = 'closed');

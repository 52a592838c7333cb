-- Tickets with their metric sets and satisfaction, in the legacy form until a switch 200 days ago,
-- by survey since. Some deleted tickets are scrubbed: Zendesk keeps the row, not what was said.

create or replace temp macro csat_switch() as world_end() - interval 200 days;

create temp table zendesk_ticket as
with asked as (
    select
        *,
        unnest(range(least(6, floor(pow(1 - uniform('questions', draw_id), -0.6)))::bigint)) as n,
        draw_id * 8 + n as ticket_key,
    from zendesk_user
),

opened as (
    select
        ticket_key,
        user_id,
        person_id,
        organization_id,
        -- The first question makes the user; later ones come any time after.
        created_at + to_seconds(
            case
                when n = 0 then 1
                else floor(
                    uniform('asked', ticket_key)
                    * epoch(world_end() - interval 1 hour - created_at)
                )::bigint
            end
        ) as opened_at,
        pick(
            ['lieferung', 'lieferung', 'retoure', 'produkt', 'produkt', 'rechnung', 'konto', 'abo'],
            'topic',
            ticket_key
        ) as topic,
        whole('first reply', ticket_key, 4, 240)
            * case when chance('slow reply', ticket_key, 0.2) then 12 else 1 end as reply_minutes,
        whole('effort', ticket_key, 5, 2600) as effort_minutes,
        chance('reopened', ticket_key, 0.08) as is_reopened,
        chance('merged', ticket_key, 0.03) as is_merged,
        chance('deleted ticket', ticket_key, 0.015) as is_deleted,
        chance('never solved', ticket_key, 0.01) as is_stuck,
        360000000001 + whole('agent', ticket_key, 0, 4) as agent_id,
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
    uniform('mood', ticket_key) - case when reply_minutes > 1000 then 0.27 else 0 end as mood,
    case
        when mood < 0.08 then 1
        when mood < 0.15 then 2
        when mood < 0.25 then 3
        when mood < 0.60 then 4
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
            channel := case ticket.ticket_key % 4
                when 0 then 'web'
                when 1 then 'chat'
                else 'email'
            end,
            source := struct_pack(rel := null::varchar)
        ),
        'created_at', iso_seconds(ticket.opened_at),
        'updated_at', iso_seconds(ticket.changed_at),
        'type', 'question',
        'subject', case when is_scrubbed then 'SCRUBBED' else 'Frage zu ' || ticket.topic end,
        'raw_subject', case when is_scrubbed then 'SCRUBBED' else 'Frage zu ' || ticket.topic end,
        'description', case
            when is_scrubbed then 'SCRUBBED'
            else 'Guten Tag, ich habe eine Frage zum Thema ' || ticket.topic || '.'
        end,
        'priority', pick(
            ['normal', 'normal', 'normal', 'high', 'low', 'urgent'], 'priority', ticket.ticket_key
        ),
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
        'tags', case
            when ticket.is_merged and ticket.status = 'closed'
                then [ticket.topic, 'closed_by_merge']
            else [ticket.topic]
        end,
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
        'assignee_stations', case
            when ticket.replied_at is null then 0
            else 1 + ticket.is_reopened::int
        end,
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
            case
                when ticket.solved_at is not null then ticket.reply_minutes + ticket.effort_minutes
            end
        ),
        'full_resolution_time_in_minutes', minutes_json(
            case
                when ticket.solved_at is not null
                    then date_diff('minute', ticket.opened_at, ticket.solved_at)
            end
        ),
        'agent_wait_time_in_minutes', minutes_json(
            case when ticket.solved_at is not null then ticket.effort_minutes // 2 end
        ),
        'requester_wait_time_in_minutes', minutes_json(
            case
                when ticket.solved_at is not null
                    then ticket.reply_minutes + ticket.effort_minutes // 2
            end
        ),
        'on_hold_time_in_minutes', minutes_json(0::bigint)
    )::varchar as metric_set,
from (
    select *, status = 'deleted' and chance('scrubbed', ticket_key, 0.3) as is_scrubbed
    from zendesk_ticket
) as ticket
left join zendesk_rating using (ticket_id);

insert into world.records
select 'zendesk', 'tickets', ticket_id::varchar, person_id
from zendesk_ticket;

insert into world.defects
select
    'zendesk',
    'tickets',
    ticket_id::varchar,
    case when status = 'deleted' then 'deleted' else 'merged' end,
from zendesk_ticket
where status = 'deleted' or (is_merged and status = 'closed');

-- What follows from tickets: legacy ratings, survey responses, ticket events and metric events.

create temp table zd_satisfaction_rating as
select
    ticket_id + 600000000000 as id,
    epoch_us(offered_at) as created_at,
    epoch_us(answered_at) as updated_at,
    json_object(
        'id', ticket_id + 600000000000,
        'url', concat(
            'https://shop.example.com/api/v2/satisfaction_ratings/',
            ticket_id + 600000000000,
            '.json'
        ),
        'ticket_id', ticket_id,
        'requester_id', user_id,
        'assignee_id', agent_id,
        'group_id', 380000000001,
        'score', score,
        'comment', case
            when not has_comment then null
            when score = 'good' then 'Danke, alles geklärt.'
            when score = 'bad' then 'Das hat zu lange gedauert.'
        end,
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
        'subjects', [struct_pack(
            id := ticket_id::varchar, type := 'ticket', zrn := 'zen:ticket:' || ticket_id
        )],
        'survey', struct_pack(id := '01MSTRSRVEY000000000000001', version := 1, state := 'enabled'),
        'answers', [
            json_object(
                'type', 'rating_scale',
                'rating', stars,
                'rating_category', case when stars >= 4 then 'good' else 'bad' end,
                'question', struct_pack(
                    id := '01MSTRQSTN0000000000000001',
                    type := 'rating_scale',
                    alias := 'customer satisfaction',
                    sub_type := 'customer_satisfaction'
                ),
                'created_at', iso_seconds(rated_at),
                'updated_at', iso_seconds(rated_at)
            ),
            json_object(
                'type', case when has_comment then 'open_ended' else 'skipped' end,
                'value', case
                    when not has_comment then null
                    when stars >= 4 then 'Danke, alles geklärt.'
                    else 'Das hat zu lange gedauert.'
                end,
                'question', struct_pack(
                    id := '01MSTRQSTN0000000000000002',
                    type := 'open_ended',
                    alias := 'comment',
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
        '01' || upper(left(md5(concat(getvariable('seed'), ' survey ', ticket_key)), 24))
            as response_id,
    from zendesk_ticket
    where csat_form = 'survey' and rated_at < world_end()
);

-- Every ticket is created and, if it was, answered.

create temp table zd_ticket_event as
with changes as (
    select
        ticket_id,
        ticket_id * 2 as id,
        opened_at as changed_at,
        user_id as author_id,
        'Frage' as word,
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

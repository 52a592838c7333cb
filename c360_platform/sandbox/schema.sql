-- State of the sandbox, one SQLite file. Times are integers: *_at in microseconds since 1970 UTC unless said.
-- JSON columns hold text. The world generator writes these tables directly, the HTTP handlers read and write them.

create table if not exists setting (key text primary key, value text not null) without rowid;

-- Klaviyo ------------------------------------------------------------------------------------------------------------
create table if not exists kl_profile (
    id text primary key,
    email text unique,
    phone_number text unique,
    external_id text unique,
    first_name text, last_name text, organization text, locale text, title text, image text,
    location text not null default '{}',
    properties text not null default '{}',
    email_consent text not null default 'NEVER_SUBSCRIBED',   -- SUBSCRIBED | UNSUBSCRIBED | NEVER_SUBSCRIBED
    email_consent_at integer,
    email_suppressions text not null default '[]',            -- [{"reason": ..., "timestamp": ISO}]
    created_at integer not null,
    updated_at integer not null,
    last_event_at integer
) without rowid;
create index if not exists kl_profile_updated on kl_profile (updated_at, id);
create index if not exists kl_profile_created on kl_profile (created_at, id);

create table if not exists kl_list (
    id text primary key, name text not null, opt_in_process text not null default 'double_opt_in',
    created_at integer not null, updated_at integer not null
) without rowid;

create table if not exists kl_list_member (
    list_id text not null, profile_id text not null, joined_at integer not null,
    primary key (list_id, profile_id)
) without rowid;
create index if not exists kl_list_member_joined on kl_list_member (list_id, joined_at, profile_id);
create index if not exists kl_list_member_profile on kl_list_member (profile_id);

create table if not exists kl_metric (
    id text primary key, name text not null unique, integration text not null default '{}',
    created_at integer not null, updated_at integer not null
) without rowid;

create table if not exists kl_event (
    id text primary key, uuid text not null,
    profile_id text not null, metric_id text not null,
    unique_id text not null,              -- defaults to the event's second
    occurred_at integer not null,         -- whole seconds since 1970, as Klaviyo truncates
    received_at integer not null,
    properties text not null default '{}',
    value real, value_currency text,
    backfill integer not null default 0,
    unique (profile_id, metric_id, unique_id)
) without rowid;
create index if not exists kl_event_time on kl_event (occurred_at, id);
create index if not exists kl_event_metric on kl_event (metric_id, occurred_at, id);

create table if not exists kl_import_job (
    id text primary key, status text not null,
    created_at integer not null, started_at integer, completed_at integer, expires_at integer not null,
    total_count integer not null default 0, completed_count integer not null default 0,
    failed_count integer not null default 0,
    list_ids text not null default '[]', body blob           -- body is dropped once the job is complete
) without rowid;
create table if not exists kl_import_error (
    job_id text not null, position integer not null, body text not null,
    primary key (job_id, position)
) without rowid;
create table if not exists kl_import_profile (
    job_id text not null, position integer not null, profile_id text not null,
    primary key (job_id, position)
) without rowid;
create index if not exists kl_import_job_waiting on kl_import_job (created_at)
where status in ('queued', 'processing');
create table if not exists kl_import_fate (               -- jobs that do not end as jobs do
    job_id text primary key,
    fate text not null,                   -- queued | processing (for ever) | cancelled | slow
    delay_us integer not null default 0   -- of a slow one
) without rowid;

-- What is accepted and waits for its time, and what is recorded but not readable yet.
create table if not exists kl_pending (
    id integer primary key, kind text not null, due_at integer not null, asked_at integer not null,
    body text not null
);
create table if not exists kl_hidden (
    kind text not null, id text not null, until_at integer not null,        -- event | metric
    primary key (kind, id)
) without rowid;

create table if not exists kl_profile_alias (             -- ids of merged profiles
    source_id text primary key, profile_id text not null, until_at integer not null
) without rowid;
create table if not exists kl_prediction (                -- predictive_analytics as the API answers it
    profile_id text primary key, body text not null
) without rowid;
create table if not exists kl_list_suppression (
    profile_id text not null, list_id text not null, reason text not null, created_at integer not null,
    primary key (profile_id, list_id)
) without rowid;
create table if not exists kl_sms_consent (
    profile_id text not null, kind text not null,         -- marketing | transactional
    consent text not null, consented_at integer not null,
    primary key (profile_id, kind)
) without rowid;
create table if not exists kl_suppression_job (
    id text primary key, kind text not null,              -- create | delete
    status text not null, created_at integer not null, completed_at integer,
    total_count integer not null default 0, completed_count integer not null default 0,
    skipped_count integer not null default 0, list_id text, segment_id text
) without rowid;

create table if not exists kl_segment (
    id text primary key, name text not null, definition text not null,
    is_active integer not null default 1, is_starred integer not null default 0,
    created_at integer not null, updated_at integer not null,
    due_at integer not null                               -- when its members are worked out again
) without rowid;
create table if not exists kl_segment_member (
    segment_id text not null, profile_id text not null, joined_at integer not null,
    primary key (segment_id, profile_id)
) without rowid;
create index if not exists kl_segment_member_joined on kl_segment_member (segment_id, joined_at, profile_id);
create index if not exists kl_segment_member_profile on kl_segment_member (profile_id);

create table if not exists kl_flow (
    id text primary key, name text not null, status text not null, archived integer not null default 0,
    trigger_type text not null, trigger_id text, definition text not null,  -- without its actions
    created_at integer not null, updated_at integer not null
) without rowid;
create table if not exists kl_flow_action (
    id text primary key, flow_id text not null, position integer not null, definition text not null,
    created_at integer not null, updated_at integer not null
) without rowid;

create table if not exists kl_tag_group (
    id text primary key, name text not null, exclusive integer not null default 0,
    is_default integer not null default 0
) without rowid;
create table if not exists kl_tag (
    id text primary key, name text not null, group_id text not null
) without rowid;
create table if not exists kl_tagging (
    tag_id text not null, kind text not null, resource_id text not null,    -- list | segment | flow
    primary key (tag_id, kind, resource_id)
) without rowid;

-- Zendesk: bodies are the JSON that the API answers -------------------------------------------------------------------
create table if not exists zd_ticket (
    id integer primary key,
    generated_at integer not null,        -- whole seconds; moves with every change, system changes included
    updated_at integer not null,          -- whole seconds; moves with changes by people
    body text not null,                   -- without generated_timestamp and metric_set
    metric_set text not null default '{}'
);
create index if not exists zd_ticket_generated on zd_ticket (generated_at, id);
create table if not exists zd_user (
    id integer primary key, updated_at integer not null, body text not null          -- whole seconds
);
create index if not exists zd_user_updated on zd_user (updated_at, id);
create table if not exists zd_organization (
    id integer primary key, updated_at integer not null, body text not null          -- whole seconds
);
create index if not exists zd_organization_updated on zd_organization (updated_at, id);
create table if not exists zd_satisfaction_rating (
    id integer primary key, created_at integer not null, updated_at integer not null, body text not null
);
create index if not exists zd_satisfaction_rating_created on zd_satisfaction_rating (created_at / 1000000, id);
create table if not exists zd_survey_response (
    id text primary key, created_at integer not null, updated_at integer not null, body text not null
) without rowid;
create table if not exists zd_ticket_event (
    id integer primary key, ticket_id integer not null, occurred_at integer not null, body text not null
);
create index if not exists zd_ticket_event_time on zd_ticket_event (occurred_at / 1000000, id);
create index if not exists zd_ticket_event_ticket on zd_ticket_event (ticket_id, id);
create table if not exists zd_ticket_metric_event (
    id integer primary key, ticket_id integer not null, occurred_at integer not null, body text not null
);
create index if not exists zd_ticket_metric_event_time on zd_ticket_metric_event (occurred_at / 1000000, id);
create table if not exists zd_object (               -- short lists: ticket_fields, groups, brands, …
    collection text not null, id integer not null, body text not null,
    primary key (collection, id)
) without rowid;

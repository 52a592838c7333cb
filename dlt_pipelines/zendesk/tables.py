"""Zendesk's raw tables: their columns, keys, and what each column says about a person.

Belongs here: one struct per table, as Zendesk names its fields. Does not belong here: the answers around the
rows (`answers`). Documented fields that no column holds are `ignored`, among them `fields`, which repeats
`custom_fields`; anything else that Zendesk sends is kept in `extra_fields`.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final

import msgspec

from dlt_pipelines.records import Record
from dlt_pipelines.tables import NULL, Identifier, Json, Table
from dlt_pipelines.zendesk.personal_data import COLUMNS


class Ticket(Record, gc=False):
    """A row of `tickets`."""

    ignored: ClassVar[frozenset[str]] = frozenset(
        {
            *("url", "raw_subject", "recipient", "fields", "metric_set", "problem_id", "has_incidents"),
            *("collaborator_ids", "follower_ids", "email_cc_ids", "followup_ids", "sharing_agreement_ids"),
            *("custom_status_id", "ticket_form_id", "forum_topic_id", "encoded_id", "from_messaging_channel"),
            *("allow_channelback", "allow_attachments", "result_type", "support_type", "group_name"),
        }
    )

    id: Identifier
    created_at: datetime | None = None
    updated_at: datetime | None = None
    generated_timestamp: int | None = None
    status: str | None = None
    priority: str | None = None
    type: str | None = None
    subject: str | None = None
    description: str | None = None
    requester_id: Identifier | None = None
    submitter_id: Identifier | None = None
    assignee_id: Identifier | None = None
    organization_id: Identifier | None = None
    group_id: Identifier | None = None
    brand_id: Identifier | None = None
    external_id: Identifier | None = None
    is_public: bool | None = None
    due_at: datetime | None = None
    via: Json = NULL
    tags: Json = NULL
    custom_fields: Json = NULL
    satisfaction_rating: Json = NULL


class TicketMetric(Record, gc=False):
    """A row of `ticket_metrics`: what the export calls a ticket's metric set."""

    ignored: ClassVar[frozenset[str]] = frozenset(
        {
            *("url", "status_updated_at", "requester_updated_at", "assignee_updated_at"),
            *("latest_comment_added_at", "custom_status_updated_at", "reply_time_in_seconds"),
        }
    )

    id: Identifier
    ticket_id: Identifier
    reopens: int | None = None
    replies: int | None = None
    assignee_stations: int | None = None
    group_stations: int | None = None
    initially_assigned_at: datetime | None = None
    assigned_at: datetime | None = None
    solved_at: datetime | None = None
    reply_time_in_minutes: Json = NULL
    first_resolution_time_in_minutes: Json = NULL
    full_resolution_time_in_minutes: Json = NULL
    agent_wait_time_in_minutes: Json = NULL
    requester_wait_time_in_minutes: Json = NULL
    on_hold_time_in_minutes: Json = NULL
    created_at: datetime | None = None
    updated_at: datetime | None = None


class User(Record, gc=False):
    """A row of `users`."""

    ignored: ClassVar[frozenset[str]] = frozenset(
        {
            *("url", "iana_time_zone", "alias", "signature", "details", "notes", "photo", "locale_id"),
            *("last_login_at", "role_type", "custom_role_id", "moderator", "ticket_restriction"),
            *("only_private_comments", "restricted_agent", "default_group_id", "report_csv", "chat_only"),
            *("shared", "shared_agent", "shared_phone_number", "two_factor_auth_enabled", "remote_photo_url"),
        }
    )

    id: Identifier
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    role: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    external_id: Identifier | None = None
    organization_id: Identifier | None = None
    active: bool | None = None
    verified: bool | None = None
    suspended: bool | None = None
    permanently_deleted: bool | None = None
    tags: Json = NULL
    user_fields: Json = NULL
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Organization(Record, gc=False):
    """A row of `organizations`."""

    ignored: ClassVar[frozenset[str]] = frozenset(
        {"url", "details", "notes", "group_id", "shared_tickets", "shared_comments"}
    )

    id: Identifier
    name: str | None = None
    external_id: Identifier | None = None
    domain_names: Json = NULL
    tags: Json = NULL
    organization_fields: Json = NULL
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


class SatisfactionRating(Record, gc=False):
    """A row of `satisfaction_ratings`."""

    ignored: ClassVar[frozenset[str]] = frozenset({"url", "group_id", "reason_id", "reason_code"})

    id: Identifier
    ticket_id: Identifier | None = None
    requester_id: Identifier | None = None
    assignee_id: Identifier | None = None
    score: str | None = None
    comment: str | None = None
    reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class CsatSurveyResponse(msgspec.Struct, gc=False):
    """A row of `csat_survey_responses`."""

    id: Identifier
    ticket_id: Identifier
    requester_id: Identifier | None = None
    rating: int | None = None
    comment: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class TicketEvent(Record, gc=False):
    """A row of `ticket_events`: one change of a ticket, with everything that it changed."""

    id: Identifier
    ticket_id: Identifier | None = None
    occurred_timestamp: int | None = msgspec.field(name="timestamp", default=None)
    created_at: datetime | None = None
    updater_id: Identifier | None = None
    event_type: str | None = None
    via: Json = NULL
    system: Json = NULL
    child_events: Json = NULL

    ignored: ClassVar[frozenset[str]] = frozenset({"url", "via_reference_id", "updater", "merged_ticket_ids"})


class TicketMetricEvent(Record, gc=False):
    """A row of `ticket_metric_events`: a clock of a ticket that starts, stops or breaches."""

    id: Identifier
    ticket_id: Identifier | None = None
    metric: str | None = None
    instance_id: int | None = None
    type: str | None = None
    occurred_at: datetime | None = msgspec.field(name="time", default=None)
    is_deleted: bool | None = msgspec.field(name="deleted", default=None)
    status: Json = NULL
    sla: Json = NULL

    ignored: ClassVar[frozenset[str]] = frozenset({"url", "group_sla"})


class TicketField(Record, gc=False):
    """A row of `ticket_fields`: the names behind the ids in `custom_fields`."""

    id: Identifier
    type: str | None = None
    title: str | None = None
    active: bool | None = None
    removable: bool | None = None
    custom_field_options: Json = NULL
    created_at: datetime | None = None
    updated_at: datetime | None = None

    ignored: ClassVar[frozenset[str]] = frozenset(
        {
            *(
                "url",
                "raw_title",
                "description",
                "raw_description",
                "position",
                "key",
                "tag",
                "agent_can_edit",
            ),
            *(
                "required",
                "collapsed_for_agents",
                "regexp_for_validation",
                "title_in_portal",
                "creator_user_id",
            ),
            *("raw_title_in_portal", "visible_in_portal", "editable_in_portal", "required_in_portal"),
            *(
                "agent_description",
                "system_field_options",
                "sub_type_id",
                "custom_statuses",
                "creator_app_name",
            ),
            *("owner_client_id", "relationship_target_type", "relationship_filter"),
        }
    )


TICKETS: Final = Table(
    "tickets", Ticket, ("id",), COLUMNS, newest_by="generated_timestamp", cluster_by=("requester_id",)
)
TICKET_METRICS: Final = Table(
    "ticket_metrics", TicketMetric, ("id",), COLUMNS, newest_by="updated_at", cluster_by=("ticket_id",)
)
USERS: Final = Table("users", User, ("id",), COLUMNS, newest_by="updated_at", cluster_by=("id",))
ORGANIZATIONS: Final = Table("organizations", Organization, ("id",), COLUMNS, newest_by="updated_at")
SATISFACTION_RATINGS: Final = Table(
    "satisfaction_ratings", SatisfactionRating, ("id",), COLUMNS, newest_by="updated_at"
)
CSAT_SURVEY_RESPONSES: Final = Table(
    "csat_survey_responses", CsatSurveyResponse, ("id",), COLUMNS, newest_by="updated_at"
)


TICKET_EVENTS: Final = Table(
    "ticket_events", TicketEvent, ("id",), COLUMNS, newest_by="occurred_timestamp", cluster_by=("ticket_id",)
)
TICKET_METRIC_EVENTS: Final = Table(
    "ticket_metric_events",
    TicketMetricEvent,
    ("id",),
    COLUMNS,
    newest_by="occurred_at",
    cluster_by=("ticket_id",),
)
TICKET_FIELDS: Final = Table("ticket_fields", TicketField, ("id",), COLUMNS)

MERGED: Final = (
    *(TICKETS, TICKET_METRICS, USERS, ORGANIZATIONS, SATISFACTION_RATINGS, CSAT_SURVEY_RESPONSES),
    *(TICKET_EVENTS, TICKET_METRIC_EVENTS),
)
REPLACED: Final = (TICKET_FIELDS,)
TABLES: Final = (*MERGED, *REPLACED)

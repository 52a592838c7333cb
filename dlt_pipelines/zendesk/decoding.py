"""Zendesk's answers as typed structs, and the raw tables made of them.

Belongs here: columns, envelopes, turning a survey response into a row. Does not belong here: requests.
Fields that no column holds are skipped while decoding, among them `fields`, which repeats `custom_fields`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from dlt_pipelines.tables import NULL, Identifier, Json, Table


class Ticket(msgspec.Struct, gc=False):
    """A row of `tickets`."""

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


class TicketMetric(msgspec.Struct, gc=False):
    """A row of `ticket_metrics`: what the export calls a ticket's metric set."""

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


class User(msgspec.Struct, gc=False):
    """A row of `users`."""

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


class Organization(msgspec.Struct, gc=False):
    """A row of `organizations`."""

    id: Identifier
    name: str | None = None
    external_id: Identifier | None = None
    domain_names: Json = NULL
    tags: Json = NULL
    organization_fields: Json = NULL
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


class SatisfactionRating(msgspec.Struct, gc=False):
    """A row of `satisfaction_ratings`."""

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


TICKETS: Final = Table(
    "tickets", Ticket, ("id",), newest_by="generated_timestamp", cluster_by=("requester_id",)
)
TICKET_METRICS: Final = Table(
    "ticket_metrics", TicketMetric, ("id",), newest_by="updated_at", cluster_by=("ticket_id",)
)
USERS: Final = Table("users", User, ("id",), newest_by="updated_at", cluster_by=("id",))
ORGANIZATIONS: Final = Table("organizations", Organization, ("id",), newest_by="updated_at")
SATISFACTION_RATINGS: Final = Table(
    "satisfaction_ratings", SatisfactionRating, ("id",), newest_by="updated_at"
)
CSAT_SURVEY_RESPONSES: Final = Table(
    "csat_survey_responses", CsatSurveyResponse, ("id",), newest_by="updated_at"
)


class ExportedTicket(Ticket, gc=False):
    """A ticket as the export sends it with `include=metric_sets`."""

    metric_set: TicketMetric | None = None


class TicketPage(msgspec.Struct, rename={"rows": "tickets"}):
    """`/incremental/tickets/cursor.json`."""

    rows: list[ExportedTicket]
    after_cursor: str | None = None
    end_of_stream: bool = False


class UserPage(msgspec.Struct, rename={"rows": "users"}):
    """`/incremental/users/cursor.json`."""

    rows: list[User]
    after_cursor: str | None = None
    end_of_stream: bool = False


class OrganizationPage(msgspec.Struct, rename={"rows": "organizations"}):
    """`/incremental/organizations.json`: time-based, without a cursor."""

    rows: list[Organization]
    end_time: int | None = None
    end_of_stream: bool = False


class Meta(msgspec.Struct):
    """Where a page of cursor pagination ends."""

    has_more: bool = False
    after_cursor: str | None = None


class SatisfactionRatingPage(msgspec.Struct, rename={"rows": "satisfaction_ratings"}):
    """`/satisfaction_ratings.json`."""

    rows: list[SatisfactionRating]
    meta: Meta


class Question(msgspec.Struct, gc=False):
    """The question that an answer answers."""

    type: str | None = None
    sub_type: str | None = None


class Answer(msgspec.Struct, gc=False):
    """One answer of a survey response: `rating_scale`, `open_ended`, `closed_ended` or `skipped`."""

    type: str
    question: Question | None = None
    rating: int | None = None
    value: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class SurveyResponse(msgspec.Struct, gc=False):
    """A survey response as `/guide/survey_responses` lists it."""

    id: str
    responder_id: Identifier | None = None
    subject_zrns: list[str] = []
    answers: list[Answer] = []


class SurveyResponsePage(msgspec.Struct, rename={"rows": "survey_responses"}):
    """`/guide/survey_responses`."""

    rows: list[SurveyResponse]
    meta: Meta


def csat_row(response: SurveyResponse) -> CsatSurveyResponse | None:
    """A survey response as a row; None when it is not about a ticket or nothing was answered.

    The rating is that of the satisfaction question, its comment the first open answer. The response has no
    clock: it was created with its first answer and last changed with its latest.
    """
    ticket_id = next(
        (zrn.rpartition(":")[2] for zrn in response.subject_zrns if zrn.split(":")[-2:-1] == ["ticket"]), None
    )
    answered = [answer for answer in response.answers if answer.type != "skipped"]
    if ticket_id is None or not answered:
        return None
    ratings = [answer for answer in answered if answer.rating is not None]
    satisfaction = [
        answer
        for answer in ratings
        if answer.question and answer.question.sub_type == "customer_satisfaction"
    ]
    created = [answer.created_at for answer in response.answers if answer.created_at]
    updated = [answer.updated_at for answer in response.answers if answer.updated_at]
    return CsatSurveyResponse(
        id=response.id,
        ticket_id=ticket_id,
        requester_id=response.responder_id,
        rating=next((answer.rating for answer in satisfaction or ratings), None),
        comment=next((answer.value for answer in answered if answer.type == "open_ended"), None),
        created_at=min(created, default=None),
        updated_at=max(updated, default=None),
    )

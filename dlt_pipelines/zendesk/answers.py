"""Zendesk's answers: the envelopes around rows, and how a survey response becomes a row.

Belongs here: pages of the three ways through a long answer. Does not belong here: columns (`tables`).
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from dlt_pipelines.records import Record
from dlt_pipelines.tables import Identifier
from dlt_pipelines.zendesk.tables import (
    CsatSurveyResponse,
    Organization,
    SatisfactionRating,
    Ticket,
    TicketEvent,
    TicketField,
    TicketMetric,
    TicketMetricEvent,
    User,
)


class ExportedTicket(Ticket, gc=False):
    """A ticket as the export sends it with `include=metric_sets`."""

    ignored: ClassVar[frozenset[str]] = Ticket.ignored - {"metric_set"}

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


class TicketEventPage(msgspec.Struct, rename={"rows": "ticket_events"}):
    """`/incremental/ticket_events.json`: time-based."""

    rows: list[TicketEvent]
    end_time: int | None = None
    end_of_stream: bool = False


class TicketMetricEventPage(msgspec.Struct, rename={"rows": "ticket_metric_events"}):
    """`/incremental/ticket_metric_events.json`, time-based: the form without `page[size]`."""

    rows: list[TicketMetricEvent]
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


class TicketMetricEventList(msgspec.Struct, rename={"rows": "ticket_metric_events"}):
    """`/incremental/ticket_metric_events.json` with `page[size]`: by cursor."""

    rows: list[TicketMetricEvent]
    meta: Meta


class TicketFieldPage(msgspec.Struct, rename={"rows": "ticket_fields"}):
    """`/ticket_fields.json`."""

    rows: list[TicketField]
    meta: Meta = msgspec.field(default_factory=Meta)


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


class SurveyResponse(Record, gc=False):
    """A survey response as `/guide/survey_responses` lists it.

    Without its answers and what they are about it is no row, so those are required.
    """

    id: str
    subject_zrns: list[str]
    answers: list[Answer]
    responder_id: Identifier | None = None

    ignored: ClassVar[frozenset[str]] = frozenset({"survey", "subjects", "url", "expires_at"})


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

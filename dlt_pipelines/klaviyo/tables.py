"""Klaviyo's raw tables: their columns, keys, and what each column says about a person.

Belongs here: one struct per table. Does not belong here: Klaviyo's answers, which nest what stands flat here
(`answers`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from dlt_pipelines.klaviyo.personal_data import COLUMNS
from dlt_pipelines.tables import NULL, Json, Table


class Profile(msgspec.Struct, gc=False):
    """A row of `profiles`."""

    id: str
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: str | None = None
    title: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    last_event_date: datetime | None = None
    location: Json = NULL
    properties: Json = NULL
    email_marketing_consent: str | None = None
    email_marketing_consent_at: datetime | None = None
    can_receive_email_marketing: bool | None = None
    email_suppressions: Json = NULL
    is_deleted: bool | None = None


class Event(msgspec.Struct, gc=False):
    """A row of `events`."""

    id: str
    uuid: str | None = None
    metric_id: str | None = None
    profile_id: str | None = None
    datetime: datetime | None = None
    event_properties: Json = NULL
    metric_name: str | None = None
    campaign_id: str | None = None
    flow_id: str | None = None


class Metric(msgspec.Struct, gc=False):
    """A row of `metrics`."""

    id: str
    name: str | None = None
    integration: Json = NULL
    created: datetime | None = None
    updated: datetime | None = None


class List(msgspec.Struct, gc=False):
    """A row of `lists`."""

    id: str
    name: str | None = None
    opt_in_process: str | None = None
    created: datetime | None = None
    updated: datetime | None = None


class ListMember(msgspec.Struct, gc=False):
    """A row of `list_members`."""

    list_id: str
    profile_id: str
    joined_group_at: datetime | None = None


class ProfilePrediction(msgspec.Struct, gc=False):
    """A row of `profile_predictions`: what Klaviyo computes about a profile with orders, anew every day."""

    profile_id: str
    historic_clv: float | None = None
    predicted_clv: float | None = None
    total_clv: float | None = None
    historic_number_of_orders: float | None = None
    predicted_number_of_orders: float | None = None
    average_days_between_orders: float | None = None
    average_order_value: float | None = None
    churn_probability: float | None = None
    expected_date_of_next_order: datetime | None = None
    ranked_channel_affinity: Json = NULL
    read_at: datetime | None = None


class Suppression(msgspec.Struct, gc=False):
    """A row of `suppressions`: why somebody gets no e-mail. `list_id` is empty when it is about all lists.

    One that was lifted stays, with the time by which it was.
    """

    profile_id: str
    list_id: str
    reason: str
    email: str | None = None
    suppressed_at: datetime | None = None
    lifted_at: datetime | None = None
    read_at: datetime | None = None


PROFILES: Final = Table("profiles", Profile, ("id",), COLUMNS, newest_by="updated", cluster_by=("id",))
EVENTS: Final = Table(
    "events", Event, ("id",), COLUMNS, partition_by="datetime", cluster_by=("metric_name", "profile_id")
)
METRICS: Final = Table("metrics", Metric, ("id",), COLUMNS)
LISTS: Final = Table("lists", List, ("id",), COLUMNS)
LIST_MEMBERS: Final = Table(
    "list_members", ListMember, ("list_id", "profile_id"), COLUMNS, cluster_by=("list_id",)
)
PROFILE_PREDICTIONS: Final = Table(
    "profile_predictions",
    ProfilePrediction,
    ("profile_id",),
    COLUMNS,
    newest_by="read_at",
    cluster_by=("profile_id",),
)
SUPPRESSIONS: Final = Table(
    "suppressions",
    Suppression,
    ("profile_id", "list_id", "reason"),
    COLUMNS,
    newest_by="read_at",
    cluster_by=("profile_id",),
)

MERGED: Final = (PROFILES, EVENTS, PROFILE_PREDICTIONS, SUPPRESSIONS)
REPLACED: Final = (METRICS, LISTS, LIST_MEMBERS)
TABLES: Final = (*MERGED, *REPLACED)

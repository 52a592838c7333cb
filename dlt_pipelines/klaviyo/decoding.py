"""Klaviyo's JSON:API answers as typed structs, the raw tables, and how one becomes the other.

Belongs here: columns, resources, flattening. Does not belong here: requests. Fields that no column holds are
skipped while decoding. Klaviyo writes some times with a space instead of the T; both are understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import msgspec

from dlt_pipelines.tables import NULL, Json, Table

R = TypeVar("R")


# Rows of the raw tables ------------------------------------------------------------------------------------


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


PROFILES: Final = Table("profiles", Profile, ("id",), newest_by="updated", cluster_by=("id",))
EVENTS: Final = Table(
    "events", Event, ("id",), partition_by="datetime", cluster_by=("metric_name", "profile_id")
)
METRICS: Final = Table("metrics", Metric, ("id",))
LISTS: Final = Table("lists", List, ("id",))
LIST_MEMBERS: Final = Table("list_members", ListMember, ("list_id", "profile_id"), cluster_by=("list_id",))


# Answers ---------------------------------------------------------------------------------------------------


class Links(msgspec.Struct):
    """Where the next page is; null on the last one."""

    next: str | None = None


class Page(msgspec.Struct, Generic[R]):
    """A page of resources."""

    data: list[R]
    links: Links = msgspec.field(default_factory=Links)


class EmailMarketing(msgspec.Struct, gc=False):
    """`subscriptions.email.marketing`."""

    can_receive_email_marketing: bool | None = None
    consent: str | None = None
    consent_timestamp: datetime | None = None
    last_updated: datetime | None = None
    suppression: Json = NULL


class EmailChannel(msgspec.Struct, gc=False):
    """`subscriptions.email`."""

    marketing: EmailMarketing | None = None


class Subscriptions(msgspec.Struct, gc=False):
    """`subscriptions`, which `additional-fields[profile]` asks for."""

    email: EmailChannel | None = None


class ProfileAttributes(msgspec.Struct, gc=False):
    """Attributes of a profile."""

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
    subscriptions: Subscriptions | None = None
    joined_group_at: datetime | None = None


class ProfileResource(msgspec.Struct, gc=False):
    """A profile, also as a member of a list."""

    id: str
    attributes: ProfileAttributes


class ResourceId(msgspec.Struct, gc=False):
    """What a relationship points to."""

    id: str


class Relationship(msgspec.Struct, gc=False):
    """A relationship to one resource."""

    data: ResourceId | None = None


class EventRelationships(msgspec.Struct, gc=False):
    """Whose event it is and of which metric."""

    profile: Relationship | None = None
    metric: Relationship | None = None


class EventAttributes(msgspec.Struct, gc=False):
    """Attributes of an event."""

    datetime: datetime
    uuid: str | None = None
    event_properties: Json = NULL


class EventResource(msgspec.Struct, gc=False):
    """An event."""

    id: str
    attributes: EventAttributes
    relationships: EventRelationships = msgspec.field(default_factory=EventRelationships)


class NamedAttributes(msgspec.Struct, gc=False):
    """Attributes of a metric or a list."""

    name: str | None = None
    integration: Json = NULL
    opt_in_process: str | None = None
    created: datetime | None = None
    updated: datetime | None = None


class NamedResource(msgspec.Struct, gc=False):
    """A metric or a list."""

    id: str
    attributes: NamedAttributes


class _Message(msgspec.Struct, rename={"flow": "$flow", "message": "$message"}):
    """The part of an e-mail event's properties that says which message it is about."""

    flow: Any = None
    message: Any = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)


# From answers to rows --------------------------------------------------------------------------------------


def profile_row(resource: ProfileResource) -> Profile:
    """A profile as a row; without `subscriptions` in the answer the consent columns are null."""
    attributes = resource.attributes
    email = attributes.subscriptions.email if attributes.subscriptions else None
    marketing = (email.marketing if email else None) or EmailMarketing()
    return Profile(
        id=resource.id,
        email=attributes.email,
        phone_number=attributes.phone_number,
        external_id=attributes.external_id,
        first_name=attributes.first_name,
        last_name=attributes.last_name,
        organization=attributes.organization,
        locale=attributes.locale,
        title=attributes.title,
        created=attributes.created,
        updated=attributes.updated,
        last_event_date=attributes.last_event_date,
        location=attributes.location,
        properties=attributes.properties,
        email_marketing_consent=marketing.consent,
        email_marketing_consent_at=marketing.consent_timestamp or marketing.last_updated,
        can_receive_email_marketing=marketing.can_receive_email_marketing,
        email_suppressions=marketing.suppression,
        is_deleted=False,
    )


def event_row(resource: EventResource, metric_names: Mapping[str, str | None]) -> Event:
    """An event as a row.

    `$message` in the properties is a message of a flow when there is a `$flow`, else it is the campaign.
    """
    metric = resource.relationships.metric
    profile = resource.relationships.profile
    metric_id = metric.data.id if metric and metric.data else None
    message = _message(resource.attributes.event_properties)
    return Event(
        id=resource.id,
        uuid=resource.attributes.uuid,
        metric_id=metric_id,
        profile_id=profile.data.id if profile and profile.data else None,
        datetime=resource.attributes.datetime,
        event_properties=resource.attributes.event_properties,
        metric_name=metric_names.get(metric_id) if metric_id else None,
        campaign_id=None if message.flow else _text(message.message),
        flow_id=_text(message.flow),
    )


def metric_row(resource: NamedResource) -> Metric:
    """A metric as a row."""
    attributes = resource.attributes
    return Metric(
        resource.id, attributes.name, attributes.integration, attributes.created, attributes.updated
    )


def list_row(resource: NamedResource) -> List:
    """A list as a row."""
    attributes = resource.attributes
    return List(
        resource.id, attributes.name, attributes.opt_in_process, attributes.created, attributes.updated
    )


def member_row(list_id: str, resource: ProfileResource) -> ListMember:
    """A member of the list as a row."""
    return ListMember(list_id, resource.id, resource.attributes.joined_group_at)


def _message(properties: Json) -> _Message:
    try:
        return _MESSAGE.decode(properties)
    except msgspec.DecodeError:  # null, or a customer's own event with anything in it
        return _Message()


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None

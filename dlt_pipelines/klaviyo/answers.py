"""Klaviyo's JSON:API answers, and how a resource becomes a row.

Belongs here: envelopes, resources, flattening. Does not belong here: columns (`tables`), requests. Klaviyo
writes some times with a space instead of the T; both are understood. Documented fields that no column holds
are `ignored`; anything else among a resource's attributes is kept in `extra_fields`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, TypeVar

import msgspec

from dlt_pipelines.klaviyo import tables
from dlt_pipelines.records import Record
from dlt_pipelines.tables import NULL, Json

R = TypeVar("R")
_JSON_API: Final = frozenset({"type", "links", "relationships"})


class Links(msgspec.Struct):
    """Where the next page is; null on the last one."""

    next: str | None = None


class Page(msgspec.Struct, Generic[R]):
    """A page of resources."""

    data: list[R]
    links: Links = msgspec.field(default_factory=Links)


class SuppressionEntry(msgspec.Struct, gc=False):
    """One entry of `suppression` (all lists) or `list_suppressions` (one list)."""

    reason: str
    timestamp: datetime | None = None
    list_id: str | None = None


class EmailMarketing(msgspec.Struct, gc=False):
    """`subscriptions.email.marketing`."""

    can_receive_email_marketing: bool | None = None
    consent: str | None = None
    consent_timestamp: datetime | None = None
    last_updated: datetime | None = None
    suppression: Json = NULL
    list_suppressions: Json = NULL


class EmailChannel(msgspec.Struct, gc=False):
    """`subscriptions.email`."""

    marketing: EmailMarketing | None = None


class Subscriptions(msgspec.Struct, gc=False):
    """`subscriptions`, which `additional-fields[profile]` asks for."""

    email: EmailChannel | None = None


class ProfileAttributes(Record, gc=False):
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

    ignored: ClassVar[frozenset[str]] = frozenset(
        {"anonymous_id", "whatsapp_bsuid", "image", "predictive_analytics", "joined_group_at"}
    )


class ProfileResource(Record, gc=False):
    """A profile."""

    id: str
    attributes: ProfileAttributes

    ignored: ClassVar[frozenset[str]] = _JSON_API


class ResourceId(msgspec.Struct, gc=False):
    """A resource of which nothing but the id matters, or what a relationship points to."""

    id: str


class MemberAttributes(msgspec.Struct, gc=False):
    """Attributes of a profile as a member of a list."""

    joined_group_at: datetime | None = None


class MemberResource(msgspec.Struct, gc=False):
    """A profile as a member of a list."""

    id: str
    attributes: MemberAttributes


class Relationship(msgspec.Struct, gc=False):
    """A relationship to one resource."""

    data: ResourceId | None = None


class EventRelationships(msgspec.Struct, gc=False):
    """Whose event it is and of which metric."""

    profile: Relationship | None = None
    metric: Relationship | None = None


class EventAttributes(Record, gc=False):
    """Attributes of an event."""

    datetime: datetime
    uuid: str | None = None
    event_properties: Json = NULL

    ignored: ClassVar[frozenset[str]] = frozenset({"timestamp"})


class EventResource(Record, gc=False):
    """An event."""

    id: str
    attributes: EventAttributes
    relationships: EventRelationships = msgspec.field(default_factory=EventRelationships)

    ignored: ClassVar[frozenset[str]] = frozenset({"type", "links"})


class MetricAttributes(Record, gc=False):
    """Attributes of a metric."""

    name: str | None = None
    integration: Json = NULL
    created: datetime | None = None
    updated: datetime | None = None


class MetricResource(Record, gc=False):
    """A metric."""

    id: str
    attributes: MetricAttributes

    ignored: ClassVar[frozenset[str]] = _JSON_API


class ListAttributes(Record, gc=False):
    """Attributes of a list."""

    name: str | None = None
    opt_in_process: str | None = None
    created: datetime | None = None
    updated: datetime | None = None

    ignored: ClassVar[frozenset[str]] = frozenset({"profile_count"})


class ListResource(Record, gc=False):
    """A list."""

    id: str
    attributes: ListAttributes

    ignored: ClassVar[frozenset[str]] = _JSON_API


class PredictiveAnalytics(Record, gc=False):
    """`predictive_analytics`; everything is null for a profile without orders."""

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


class PredictedAttributes(msgspec.Struct, gc=False):
    """A profile's attributes when only what Klaviyo computes is asked for."""

    created: datetime | None = None
    predictive_analytics: PredictiveAnalytics | None = None


class PredictedResource(msgspec.Struct, gc=False):
    """A profile with what Klaviyo computes about it."""

    id: str
    attributes: PredictedAttributes


class _Message(msgspec.Struct, rename={"flow": "$flow", "message": "$message"}):
    """The part of an e-mail event's properties that says which message it is about."""

    flow: Any = None
    message: Any = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_SUPPRESSIONS: Final = msgspec.json.Decoder(list[SuppressionEntry] | None, strict=False)


def profile_row(resource: ProfileResource) -> tables.Profile:
    """A profile as a row; without `subscriptions` in the answer the consent columns are null."""
    attributes = resource.attributes
    marketing = _email_marketing(attributes)
    return tables.Profile(
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


def event_row(resource: EventResource, metric_names: Mapping[str, str | None]) -> tables.Event:
    """An event as a row.

    `$message` in the properties is a message of a flow when there is a `$flow`, else it is the campaign.
    """
    metric = resource.relationships.metric
    profile = resource.relationships.profile
    metric_id = metric.data.id if metric and metric.data else None
    message = _message(resource.attributes.event_properties)
    return tables.Event(
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


def metric_row(resource: MetricResource) -> tables.Metric:
    """A metric as a row."""
    attributes = resource.attributes
    return tables.Metric(
        resource.id, attributes.name, attributes.integration, attributes.created, attributes.updated
    )


def list_row(resource: ListResource) -> tables.List:
    """A list as a row."""
    attributes = resource.attributes
    return tables.List(
        resource.id, attributes.name, attributes.opt_in_process, attributes.created, attributes.updated
    )


def prediction_row(resource: PredictedResource, read_at: datetime) -> tables.ProfilePrediction | None:
    """What Klaviyo computes about a profile as a row; None when it computes nothing."""
    found = resource.attributes.predictive_analytics
    if found is None or found.historic_number_of_orders is None:
        return None
    values = {name: getattr(found, name) for name in PredictiveAnalytics.__struct_fields__}
    return tables.ProfilePrediction(profile_id=resource.id, read_at=read_at, **values)


def suppression_rows(resource: ProfileResource, read_at: datetime) -> Iterator[tables.Suppression]:
    """The suppressions of a profile, those of all lists first. Raises `msgspec.DecodeError`."""
    marketing = _email_marketing(resource.attributes)
    for text in (marketing.suppression, marketing.list_suppressions):
        for entry in _SUPPRESSIONS.decode(text) or ():
            yield tables.Suppression(
                profile_id=resource.id,
                list_id=entry.list_id or "",
                reason=entry.reason,
                email=resource.attributes.email,
                suppressed_at=entry.timestamp,
                read_at=read_at,
            )


def _email_marketing(attributes: ProfileAttributes) -> EmailMarketing:
    email = attributes.subscriptions.email if attributes.subscriptions else None
    return (email.marketing if email else None) or EmailMarketing()


def _message(properties: Json) -> _Message:
    try:
        return _MESSAGE.decode(properties)
    except msgspec.DecodeError:  # null, or a customer's own event with anything in it
        return _Message()


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None

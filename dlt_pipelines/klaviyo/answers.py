"""Klaviyo's JSON:API answers.

Belongs here: envelopes and resources. Does not belong here: columns (`tables`), flattening (`rows`). Klaviyo
writes some times with a space instead of the T; both are understood. Documented fields that no column holds
are `ignored`; anything else among a resource's attributes is kept in `extra_fields`.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Generic, TypeVar

import msgspec

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

"""Resources of Klaviyo's answers as rows of the raw tables.

Belongs here: flattening. Does not belong here: what an answer looks like (`answers`), columns (`tables`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from dlt_pipelines.klaviyo import answers, tables
from dlt_pipelines.tables import Json


class _Message(msgspec.Struct, rename={"flow": "$flow", "message": "$message"}):
    """The part of an e-mail event's properties that says which message it is about."""

    flow: Any = None
    message: Any = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_SUPPRESSIONS: Final = msgspec.json.Decoder(list[answers.SuppressionEntry] | None, strict=False)


def profile_row(resource: answers.ProfileResource) -> tables.Profile:
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


def event_row(resource: answers.EventResource, metric_names: Mapping[str, str | None]) -> tables.Event:
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


def metric_row(resource: answers.MetricResource) -> tables.Metric:
    """A metric as a row."""
    attributes = resource.attributes
    return tables.Metric(
        resource.id, attributes.name, attributes.integration, attributes.created, attributes.updated
    )


def list_row(resource: answers.ListResource) -> tables.List:
    """A list as a row."""
    attributes = resource.attributes
    return tables.List(
        resource.id, attributes.name, attributes.opt_in_process, attributes.created, attributes.updated
    )


def prediction_row(resource: answers.PredictedResource, read_at: datetime) -> tables.ProfilePrediction | None:
    """What Klaviyo computes about a profile as a row; None when it computes nothing."""
    found = resource.attributes.predictive_analytics
    if found is None or found.historic_number_of_orders is None:
        return None
    values = {name: getattr(found, name) for name in answers.PredictiveAnalytics.__struct_fields__}
    return tables.ProfilePrediction(profile_id=resource.id, read_at=read_at, **values)


def suppression_rows(resource: answers.ProfileResource, read_at: datetime) -> Iterator[tables.Suppression]:
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


def suppressions_sent(resource: answers.ProfileResource) -> bytes:
    """What Klaviyo sent of a profile's suppressions, as JSON text."""
    marketing = _email_marketing(resource.attributes)
    return msgspec.json.encode(
        {
            "id": resource.id,
            "suppression": marketing.suppression,
            "list_suppressions": marketing.list_suppressions,
        }
    )


def _email_marketing(attributes: answers.ProfileAttributes) -> answers.EmailMarketing:
    email = attributes.subscriptions.email if attributes.subscriptions else None
    return (email.marketing if email else None) or answers.EmailMarketing()


def _message(properties: Json) -> _Message:
    try:
        return _MESSAGE.decode(properties)
    except msgspec.DecodeError:  # null, or a customer's own event with anything in it
        return _Message()


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None

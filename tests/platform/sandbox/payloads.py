"""Bodies of Klaviyo requests.

Belongs here: what several test modules send. Does not belong here: sending it (`client`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SUBSCRIBE = "profile-subscription-bulk-create-job"
UNSUBSCRIBE = "profile-subscription-bulk-delete-job"
SUPPRESS = "profile-suppression-bulk-create-job"
UNSUPPRESS = "profile-suppression-bulk-delete-job"


def profile(**attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": attributes}}


def row(email: str | None = None, *, meta: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    """One profile of an import."""
    identified = {"email": email, **attributes} if email is not None else attributes
    return {"type": "profile", "attributes": identified, **({"meta": meta} if meta else {})}


def import_job(rows: Iterable[dict[str, Any]], *list_ids: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": list(rows)}},
    }
    if list_ids:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": one} for one in list_ids]}}
    return {"data": data}


def named_list(name: str, opt_in: str = "single_opt_in") -> dict[str, Any]:
    return {"data": {"type": "list", "attributes": {"name": name, "opt_in_process": opt_in}}}


def members(*profile_ids: str) -> dict[str, Any]:
    return {"data": [{"type": "profile", "id": profile_id} for profile_id in profile_ids]}


def _event(metric: str, properties: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    named = {"data": {"type": "metric", "attributes": {"name": metric}}}
    return {"properties": properties, "metric": named, **attributes}


def event(
    email: str, metric: str, properties: dict[str, Any] | None = None, **attributes: Any
) -> dict[str, Any]:
    sent = {**_event(metric, properties or {}, **attributes), "profile": profile(email=email)}
    return {"data": {"type": "event", "attributes": sent}}


def event_entry(email: str, metric: str, *events: dict[str, Any]) -> dict[str, Any]:
    """The entry of one profile in a bulk request; each event is its attributes besides the metric."""
    sent = [
        {"type": "event", "attributes": _event(metric, one.pop("properties", {}), **one)} for one in events
    ]
    attributes = {"profile": profile(email=email), "events": {"data": sent}}
    return {"type": "event-bulk-create", "attributes": attributes}


def event_job(*entries: dict[str, Any]) -> dict[str, Any]:
    attributes = {"events-bulk-create": {"data": list(entries)}}
    return {"data": {"type": "event-bulk-create-job", "attributes": attributes}}


def consent_job(
    kind: str, *emails: str, list_id: str | None = None, historical: bool = False, **marketing: Any
) -> dict[str, Any]:
    """A body for `profile-subscription-bulk-create-job`, `…-delete-job` or `profile-suppression-…`."""
    rows = []
    for email in emails:
        attributes: dict[str, Any] = {"email": email}
        if "subscription" in kind:
            attributes["subscriptions"] = {"email": {"marketing": marketing}}
        rows.append({"type": "profile", "attributes": attributes})
    sent: dict[str, Any] = {"profiles": {"data": rows}}
    if historical:
        sent["historical_import"] = True
    data: dict[str, Any] = {"type": kind, "attributes": sent}
    if list_id is not None:
        data["relationships"] = {"list": {"data": {"type": "list", "id": list_id}}}
    return {"data": data}


def segment(name: str, *groups: list[dict[str, Any]], starred: bool = False) -> dict[str, Any]:
    """A segment whose condition groups are joined by and."""
    definition = {"condition_groups": [{"conditions": conditions} for conditions in groups]}
    attributes = {"name": name, "definition": definition, "is_starred": starred}
    return {"data": {"type": "segment", "attributes": attributes}}


def has_property(name: str, operator: str, value: Any = None, kind: str = "string") -> dict[str, Any]:
    """The condition on a custom property."""
    sent = {"type": kind, "operator": operator}
    if kind != "existence":
        sent["value"] = value
    return {"type": "profile-property", "property": f"properties['{name}']", "filter": sent}


def flow(name: str, trigger: dict[str, Any] | None, *actions: dict[str, Any]) -> dict[str, Any]:
    """A flow of actions, one after the other."""
    named = [{"temporary_id": f"step-{index}", **action} for index, action in enumerate(actions)]
    for action, following in zip(named, [*named[1:], None], strict=True):
        action.setdefault("links", {"next": following and following["temporary_id"]})
    definition = {
        "triggers": [] if trigger is None else [trigger],
        "profile_filter": None,
        "actions": named,
        "entry_action_id": named[0]["temporary_id"] if named else None,
    }
    return {"data": {"type": "flow", "attributes": {"name": name, "definition": definition}}}


def delay(days: int) -> dict[str, Any]:
    data = {"unit": "days", "value": days, "secondary_value": None, "timezone": "profile"}
    return {"type": "time-delay", "data": data}


def send_email(subject: str) -> dict[str, Any]:
    message = {
        "from_email": "hello@shop.example",
        "from_label": "Shop",
        "subject_line": subject,
        "preview_text": "",
        "template_id": None,
        "name": subject,
    }
    return {"type": "send-email", "data": {"message": message, "status": "draft"}}


def merge(destination: str, source: str) -> dict[str, Any]:
    sources = {"data": [{"type": "profile", "id": source}]}
    return {"data": {"type": "profile-merge", "id": destination, "relationships": {"profiles": sources}}}


def deletion(**identifier: str) -> dict[str, Any]:
    """A request to delete the profile with this `id`, `email` or `phone_number`."""
    person: dict[str, Any] = {"type": "profile", "attributes": dict(identifier)}
    if "id" in identifier:
        person = {"type": "profile", "id": identifier["id"], "attributes": {}}
    attributes = {"profile": {"data": person}}
    return {"data": {"type": "data-privacy-deletion-job", "attributes": attributes}}


def named(kind: str, name: str, resource_id: str | None = None, **relations: Any) -> dict[str, Any]:
    """A tag or tag group, new or (with an id) renamed."""
    data: dict[str, Any] = {"type": kind, "attributes": {"name": name}}
    if resource_id is not None:
        data["id"] = resource_id
    if relations:
        data["relationships"] = {
            relation.replace("_", "-"): {"data": identifier} for relation, identifier in relations.items()
        }
    return {"data": data}


def identifiers(kind: str, *ids: str) -> dict[str, Any]:
    return {"data": [{"type": kind, "id": one} for one in ids]}

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

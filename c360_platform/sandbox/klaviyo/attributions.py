"""Attributions: which message an event is credited to.

Belongs here: attributions as `include=attributions` of events gives them. Does not belong here: deciding what
is credited: in the sandbox an event says so itself, in its property `$attribution` (assumed, from events as
they are read back): `{"$attributed_event_id", "$message", "$flow", "$variation"}`, each of them optional.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo.endpoint import Call

_PROPERTY: Final = "$attribution"


def attribution_id(row: sqlite3.Row) -> str | None:
    """The attribution's id, 32 hexadecimal digits that depend on the event alone; None without one."""
    if _PROPERTY not in row["properties"] or not _said(row):
        return None
    return hashlib.blake2b(f"attribution {row['id']}".encode(), digest_size=16).hexdigest()


def attribution_resource(call: Call, row: sqlite3.Row) -> dict[str, Any] | None:
    """The attribution of a row of `kl_event`, or None."""
    found = attribution_id(row)
    if found is None:
        return None
    said = _said(row)
    in_flow = said.get("$flow") is not None
    related = {
        "event": ("event", row["id"]),
        "attributed-event": ("event", said.get("$attributed_event_id")),
        "flow": ("flow", said.get("$flow")),
        "flow-message": ("flow-message", said.get("$message") if in_flow else None),
        "flow-message-variation": ("flow-message", said.get("$variation")),
        "campaign-message": ("campaign-message", None if in_flow else said.get("$message")),
    }
    return {
        "type": "attribution",
        "id": found,
        "relationships": {
            name: {"data": {"type": kind, "id": str(one)}}
            for name, (kind, one) in related.items()
            if one is not None
        },
        "links": {"self": call.link(f"/api/attributions/{found}/")},
    }


def _said(row: sqlite3.Row) -> dict[str, Any]:
    found = orjson.loads(row["properties"]).get(_PROPERTY)
    return found if isinstance(found, dict) else {}

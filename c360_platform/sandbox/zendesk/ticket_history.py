"""The ticket event that a change of a ticket leaves, as the export of ticket events shows it.

Belongs here: what a change is called in history. Does not belong here: the change itself (`changes`), and
reading history (`ticket_events`, `ticket_audits`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Any, Final

import orjson

Fields = dict[str, Any]

_FIRST_CHILD_ID: Final = 800_000_000_000
_MOST_CHILDREN: Final = 100
_TOLD: Final = (
    *("status", "type", "priority", "subject", "tags", "requester_id", "assignee_id", "group_id"),
    *("organization_id", "brand_id", "custom_status_id", "ticket_form_id", "due_at", "is_public"),
)


def record_change(
    connection: Connection,
    now_us: int,
    before: Fields,
    after: Fields,
    *,
    comment: Fields | None = None,
    by_system: bool = False,
) -> None:
    """Add the event of a change that happened at `now_us`; `comment` is one that came with it."""
    event_id: int = connection.execute("select coalesce(max(id), 0) + 1 from zd_ticket_event").fetchone()[0]
    moment = now_us // 1_000_000
    at = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    via = "System" if by_system else "Web form"
    children = [*_changes(before, after), *_comments(comment, event_id, at)]
    for number, child in enumerate(children):
        child |= {"id": _FIRST_CHILD_ID + event_id * _MOST_CHILDREN + number, "via": via}
    event = {
        "id": event_id,
        "ticket_id": after["id"],
        "timestamp": moment,
        "created_at": at,
        "updater_id": -1 if by_system else after.get("assignee_id") or after.get("requester_id"),
        "via": via,
        "system": {},
        "event_type": "Audit",
        "child_events": children,
    }
    connection.execute(
        "insert into zd_ticket_event (id, ticket_id, occurred_at, body) values (?, ?, ?, ?)",
        (event_id, after["id"], now_us, orjson.dumps(event).decode()),
    )


def _changes(before: Fields, after: Fields) -> Iterator[Fields]:
    """A child event for each member that has another value."""
    for name in _TOLD:
        if before.get(name) != after.get(name):
            yield {"event_type": "Change", name: after.get(name), "previous_value": before.get(name)}
    old = {str(value["id"]): value["value"] for value in before.get("custom_fields") or []}
    for value in after.get("custom_fields") or []:
        name = str(value["id"])
        if old.get(name) != value["value"]:
            changed = {"custom_ticket_fields": {name: value["value"]}, "previous_value": old.get(name)}
            yield {"event_type": "Change", **changed}


def _comments(comment: Fields | None, event_id: int, at: str) -> Iterator[Fields]:
    if comment is not None:
        body = str(comment.get("body", ""))
        yield {
            "event_type": "Comment",
            "type": "Comment",
            "public": bool(comment.get("public", True)),
            "body": body,
            "html_body": f"<p>{body}</p>",
            "author_id": comment.get("author_id"),
            "attachments": [],
            "audit_id": event_id,
            "created_at": at,
        }

"""What a new record has where nobody said otherwise: the documented members of each resource.

Belongs here: members and their defaults, and the metric set of a new ticket. Does not belong here: times and
ids, which `changes` gives.
"""

from __future__ import annotations

from typing import Any, Final

_NO_TIMES: Final = {"calendar": None, "business": None}
_DURATIONS: Final = ("reply_time", "first_resolution_time", "full_resolution_time")
_WAITS: Final = ("agent_wait_time", "requester_wait_time", "on_hold_time")

NEW_RECORDS: Final[dict[str, dict[str, Any]]] = {
    "tickets": {
        "external_id": None,
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}},
        "type": "question",
        "subject": "",
        "raw_subject": "",
        "description": "",
        "priority": "normal",
        "status": "new",
        "recipient": None,
        "requester_id": None,
        "submitter_id": None,
        "assignee_id": None,
        "organization_id": None,
        "group_id": None,
        "collaborator_ids": [],
        "follower_ids": [],
        "email_cc_ids": [],
        "problem_id": None,
        "has_incidents": False,
        "is_public": True,
        "due_at": None,
        "tags": [],
        "custom_fields": [],
        "satisfaction_rating": {"score": "unoffered"},
        "custom_status_id": 1,
        "ticket_form_id": None,
        "brand_id": None,
    },
    "users": {
        "name": "",
        "email": None,
        "phone": None,
        "role": "end-user",
        "locale": "en-US",
        "time_zone": "UTC",
        "iana_time_zone": "Etc/UTC",
        "external_id": None,
        "organization_id": None,
        "active": True,
        "verified": False,
        "suspended": False,
        "permanently_deleted": False,
        "tags": [],
        "user_fields": {},
    },
    "organizations": {
        "name": "",
        "external_id": None,
        "domain_names": [],
        "details": None,
        "notes": None,
        "group_id": None,
        "shared_tickets": False,
        "shared_comments": False,
        "tags": [],
        "organization_fields": {},
        "deleted_at": None,
    },
    "satisfaction_ratings": {
        "ticket_id": None,
        "requester_id": None,
        "assignee_id": None,
        "group_id": None,
        "score": "offered",
        "comment": None,
        "reason": "No reason provided",
        "reason_id": 1000,
        "reason_code": 100,
    },
    "ticket_fields": {"type": "text", "title": ""},
}


def new_metric_set(ticket: dict[str, Any]) -> dict[str, Any]:
    """The metric set of a ticket that nobody has worked on."""
    created, updated = ticket["created_at"], ticket["updated_at"]
    return {
        "id": int(ticket["id"]) + 500_000_000_000,
        "ticket_id": ticket["id"],
        "created_at": created,
        "updated_at": updated,
        "group_stations": 0,
        "assignee_stations": 0,
        "reopens": 0,
        "replies": 0,
        "initially_assigned_at": None,
        "assigned_at": None,
        "solved_at": None,
        "status_updated_at": created,
        "requester_updated_at": created,
        "assignee_updated_at": None,
        "latest_comment_added_at": created,
        "custom_status_updated_at": created,
        **{f"{name}_in_minutes": dict(_NO_TIMES) for name in _DURATIONS},
        **{f"{name}_in_minutes": {"calendar": 0, "business": 0} for name in _WAITS},
    }

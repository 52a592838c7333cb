"""What an account has few of and clients read whole: groups, brands, fields, forms, macros, schedules, …

Belongs here: collections of `zd_object`, by list and by id, and tags. Does not belong here: ticket fields,
which every account has some of (`ticket_fields`).

A collection holds what the world or a control order wrote; most are empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.lists import listed
from c360_platform.sandbox.zendesk.positions import Body, Table, body_with_url
from c360_platform.sandbox.zendesk.protocol import get, not_found, path_id

_OBJECTS: Final = Table("zd_object", time=None)
# Path below /api/v2, and the key of the list, which is also the name of the collection; then the key of one.
_COLLECTIONS: Final = (
    ("groups", "groups", "group"),
    ("group_memberships", "group_memberships", "group_membership"),
    ("organization_memberships", "organization_memberships", "organization_membership"),
    ("organization_fields", "organization_fields", "organization_field"),
    ("user_fields", "user_fields", "user_field"),
    ("ticket_forms", "ticket_forms", "ticket_form"),
    ("brands", "brands", "brand"),
    ("macros", "macros", "macro"),
    ("views", "views", "view"),
    ("triggers", "triggers", "trigger"),
    ("automations", "automations", "automation"),
    ("custom_roles", "custom_roles", "custom_role"),
    ("custom_statuses", "custom_statuses", "custom_status"),
    ("activities", "activities", "activity"),
    ("skips", "skips", "skip"),
    ("slas/policies", "sla_policies", "sla_policy"),
    ("business_hours/schedules", "schedules", "schedule"),
    ("routing/attributes", "attributes", "attribute"),
    ("channels/voice/phone_numbers", "phone_numbers", "phone_number"),
)
COLLECTIONS: Final = (*(collection for _, collection, _ in _COLLECTIONS), "ticket_fields")


def routes() -> list[Route]:
    """The list and the single objects of every collection, and `/tags`."""
    found = get("/tags", _tags)
    for path, collection, one in _COLLECTIONS:
        found += get(f"/{path}", _list(path, collection))
        found += get(f"/{path}/{{id:int}}", _one(path, collection, one))
    return found


def _list(path: str, collection: str) -> Callable[[Request], Body]:
    def objects(request: Request) -> Body:
        to_body = body_with_url(request, path)
        return listed(
            request, collection, _OBJECTS, to_body, where="collection = ?", parameters=(collection,)
        )

    return objects


def _one(path: str, collection: str, key: str) -> Callable[[Request], Body]:
    def found(request: Request) -> Body:
        row = request.app.state.store.row(
            "select id, body from zd_object where collection = ? and id = ?", (collection, path_id(request))
        )
        if row is None:
            raise not_found()
        return {key: body_with_url(request, path)(row)}

    return found


def _tags(request: Request) -> Body:
    """Every tag on tickets with its number, the most frequent first, on one page (assumed)."""
    rows = request.app.state.store.rows(
        "select tag.value as name, count(*) as count from zd_ticket, json_each(body, '$.tags') as tag"
        " group by 1 order by 2 desc, 1"
    )
    return {
        "tags": [{"name": row["name"], "count": row["count"]} for row in rows],
        "count": len(rows),
        "next_page": None,
        "previous_page": None,
        "meta": {"has_more": False},
        "links": {"next": None, "prev": None},
    }

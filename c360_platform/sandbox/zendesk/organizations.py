"""Organizations: the time-based export - Zendesk has no cursor export of them - the list, and single ones.

The export contains deleted organizations with `deleted_at`; everywhere else they are gone.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.exports import time_export
from c360_platform.sandbox.zendesk.lists import listed
from c360_platform.sandbox.zendesk.positions import Body, Table, body_with_url
from c360_platform.sandbox.zendesk.protocol import get, not_found, path_id
from c360_platform.sandbox.zendesk.tickets import counted

_EXPORTED: Final = Table("zd_organization", time="updated_at")
_BY_ID: Final = Table("zd_organization", time=None)
_PRESENT: Final = "json_extract(body, '$.deleted_at') is null"


def routes() -> list[Route]:
    """`/incremental/organizations`, `/organizations`, `/organizations/count`, `/organizations/{id}`."""
    return [
        *get("/incremental/organizations", _by_time, export=True),
        *get("/organizations", _list),
        *get("/organizations/count", _count),
        *get("/organizations/{id:int}", _one),
    ]


def _by_time(request: Request) -> Body:
    to_body = body_with_url(request, "organizations")
    return time_export(request, "organizations", _EXPORTED, to_body, recent=True)


def _list(request: Request) -> Body:
    return listed(request, "organizations", _BY_ID, body_with_url(request, "organizations"), where=_PRESENT)


def _count(request: Request) -> Body:
    present = request.app.state.store.value(f"select count(*) from zd_organization where {_PRESENT}")
    return {"count": counted(request, present)}


def _one(request: Request) -> Body:
    row = request.app.state.store.row(
        f"select id, body from zd_organization where id = ? and {_PRESENT}", (path_id(request),)
    )
    if row is None:
        raise not_found()
    return {"organization": body_with_url(request, "organizations")(row)}

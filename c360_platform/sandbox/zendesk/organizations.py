"""Organizations: the time-based export; Zendesk has no cursor export of them.

Deleted organizations are exported with `deleted_at`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.paging import Table, stored_body, time_export
from c360_platform.sandbox.zendesk.protocol import get

_ORGANIZATIONS = Table("zd_organization", time="updated_at")


def routes() -> list[Route]:
    """`/incremental/organizations`."""
    return get("/incremental/organizations", _by_time, export=True)


def _by_time(request: Request) -> dict[str, Any]:
    return time_export(request, "organizations", _ORGANIZATIONS, stored_body)

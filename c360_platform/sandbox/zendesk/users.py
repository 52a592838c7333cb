"""Users: the cursor export and the older time-based export, both ordered by `updated_at`.

Deleted users are exported with `active: false`; scrubbed ones with `permanently_deleted: true`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.paging import Table, cursor_export, stored_body, time_export
from c360_platform.sandbox.zendesk.protocol import get

_USERS = Table("zd_user", time="updated_at")


def routes() -> list[Route]:
    """`/incremental/users/cursor` and `/incremental/users`."""
    return [
        *get("/incremental/users/cursor", _by_cursor, export=True),
        *get("/incremental/users", _by_time, export=True),
    ]


def _by_cursor(request: Request) -> dict[str, Any]:
    return cursor_export(request, "users", _USERS, stored_body)


def _by_time(request: Request) -> dict[str, Any]:
    return time_export(request, "users", _USERS, stored_body)

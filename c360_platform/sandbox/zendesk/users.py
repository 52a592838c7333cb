"""Users: the cursor export and the older time-based export, both by `updated_at`; the list, single ones.

Exports contain deleted users with `active: false`, scrubbed ones with `permanently_deleted: true`. A single
deleted user can still be read; the list and the count leave them out.
"""

from __future__ import annotations

from sqlite3 import Row
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.exports import cursor_export, time_export
from c360_platform.sandbox.zendesk.lists import listed
from c360_platform.sandbox.zendesk.positions import Body, Table, body_with_url, read_body
from c360_platform.sandbox.zendesk.protocol import get, not_found, path_id
from c360_platform.sandbox.zendesk.tickets import counted

_EXPORTED: Final = Table("zd_user", time="updated_at")
_BY_ID: Final = Table("zd_user", time=None)
_ACTIVE: Final = "coalesce(json_extract(body, '$.active'), true)"


def routes() -> list[Route]:
    """Both exports, the list, its count, one user, oneself, and a user's identities."""
    return [
        *get("/incremental/users/cursor", _by_cursor, export=True),
        *get("/incremental/users", _by_time, export=True),
        *get("/users", _list),
        *get("/users/count", _count),
        *get("/users/me", _me),
        *get("/users/{id:int}", _one),
        *get("/users/{id:int}/identities", _identities),
    ]


def _by_cursor(request: Request) -> Body:
    return cursor_export(request, "users", _EXPORTED, body_with_url(request, "users"))


def _by_time(request: Request) -> Body:
    return time_export(request, "users", _EXPORTED, body_with_url(request, "users"))


def _list(request: Request) -> Body:
    return listed(request, "users", _BY_ID, body_with_url(request, "users"), where=_ACTIVE)


def _count(request: Request) -> Body:
    active = request.app.state.store.value(f"select count(*) from zd_user where {_ACTIVE}")
    return {"count": counted(request, active)}


def _me(request: Request) -> Body:
    """The oldest administrator; an account without users answers as Zendesk does to nobody."""
    row = request.app.state.store.row(
        "select id, body from zd_user where json_extract(body, '$.role') = 'admin' order by id limit 1"
    )
    if row is None:
        return {"user": {"id": None, "name": "Anonymous user", "email": "invalid@example.com"}}
    return {"user": body_with_url(request, "users")(row)}


def _one(request: Request) -> Body:
    return {"user": body_with_url(request, "users")(_user(request))}


def _identities(request: Request) -> Body:
    """The user's e-mail as its one identity; the sandbox keeps no others."""
    user = read_body(_user(request))
    email = user.get("email")
    identity = {
        "id": user["id"],
        "user_id": user["id"],
        "type": "email",
        "value": email,
        "primary": True,
        "verified": bool(user.get("verified")),
        "created_at": user.get("created_at"),
        "updated_at": user.get("updated_at"),
    }
    identities = [identity] if email else []
    return {"identities": identities, "count": len(identities), "next_page": None, "previous_page": None}


def _user(request: Request) -> Row:
    row: Row | None = request.app.state.store.row(
        "select id, body from zd_user where id = ?", (path_id(request),)
    )
    if row is None:
        raise not_found()
    return row

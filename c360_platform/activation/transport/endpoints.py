"""The endpoints of Klaviyo that the engine uses: path, limit, scopes, and which answer means success.

Belongs here: what Klaviyo's reference says of an endpoint (revision 2026-10-15). Does not belong here: how
they are used (`client`).

There is none for consent or suppression in here: no sync can subscribe or unsubscribe anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from c360_platform.activation.transport.limits import XL, XS, L, M, Tier

Answer = Literal["resource", "collection", "nothing"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint: what it does in words, its limit, the scopes it needs, the answers that mean success.

    `answer` is what a success holds; one that holds something else was answered by somebody else.
    """

    words: str
    method: str
    path: str
    tier: Tier
    scopes: str
    success: tuple[int, ...]
    answer: Answer = "resource"


IMPORT = Operation(
    "start a profile import",
    "POST",
    "/api/profile-bulk-import-jobs",
    M,
    "profiles:write, lists:write",
    (202,),
)
JOBS = Operation(
    "list profile imports",
    "GET",
    "/api/profile-bulk-import-jobs",
    M,
    "profiles:read, lists:read",
    (200,),
    answer="collection",
)
JOB = Operation(
    "read a profile import",
    "GET",
    "/api/profile-bulk-import-jobs/{id}",
    M,
    "profiles:read, lists:read",
    (200,),
)
JOB_ERRORS = Operation(
    "read the errors of a profile import",
    "GET",
    "/api/profile-bulk-import-jobs/{id}/import-errors",
    M,
    "profiles:read, lists:read",
    (200,),
    answer="collection",
)
PROFILE = Operation("write a profile", "POST", "/api/profile-import", L, "profiles:write", (200, 201))
PROFILES = Operation("find profiles", "GET", "/api/profiles", L, "profiles:read", (200,), answer="collection")
LISTS = Operation("find lists", "GET", "/api/lists", L, "lists:read", (200,), answer="collection")
CREATE_LIST = Operation("create a list", "POST", "/api/lists", M, "lists:write", (201,))
MEMBERS = Operation(
    "read a list's members",
    "GET",
    "/api/lists/{id}/profiles",
    L,
    "lists:read, profiles:read",
    (200,),
    answer="collection",
)
REMOVE = Operation(
    "remove profiles from a list",
    "DELETE",
    "/api/lists/{id}/relationships/profiles",
    M,
    "lists:write, profiles:write",
    (204,),
    answer="nothing",
)
SEND_EVENTS = Operation(
    "send events", "POST", "/api/event-bulk-create-jobs", M, "events:write", (202,), answer="nothing"
)
EVENTS = Operation(
    "read events",
    "GET",
    "/api/events",
    XL,
    "events:read, metrics:read, profiles:read",
    (200,),
    answer="collection",
)
ACCOUNTS = Operation(
    "read the account", "GET", "/api/accounts", XS, "accounts:read", (200,), answer="collection"
)
METRICS = Operation("list metrics", "GET", "/api/metrics", M, "metrics:read", (200,), answer="collection")

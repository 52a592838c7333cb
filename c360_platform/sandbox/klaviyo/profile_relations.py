"""What a profile is related to: its lists and segments, its push tokens and conversations.

Belongs here: the paths below `/api/profiles/{id}/` and what `include` adds to a profile. Does not belong
here: profiles themselves (`profiles`), writing memberships (`lists`, `segment_work`). Push tokens and
conversations are not modelled: every profile has none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final

from c360_platform.sandbox.klaviyo import errors
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.list_resource import list_resource
from c360_platform.sandbox.klaviyo.profile_work import profile_id_of
from c360_platform.sandbox.klaviyo.segment_resource import segment_resource
from c360_platform.sandbox.klaviyo.segment_work import refresh_segments
from c360_platform.sandbox.limits import M, S

GROUPS: Final = ("lists", "segments")
CONTACTS: Final = ("push-tokens", "conversations", "conversation")
_MEMBERS: Final = {
    "lists": "select g.* from kl_list_member as m join kl_list as g on g.id = m.list_id",
    "segments": "select g.* from kl_segment_member as m join kl_segment as g on g.id = m.segment_id",
}
_RESOURCES: Final[dict[str, Callable[[Call, sqlite3.Row], dict[str, Any]]]] = {
    "lists": list_resource,
    "segments": segment_resource,
}


def endpoints() -> list[Endpoint]:
    found = []
    scopes: tuple[str, ...]
    for name in GROUPS:
        scopes = (f"{name}:read", "profiles:read")
        path = f"/api/profiles/{{id}}/{name}"
        ids = f"/api/profiles/{{id}}/relationships/{name}"
        found.append(Endpoint("GET", path, partial(get_groups, name=name), S, scopes))
        found.append(Endpoint("GET", ids, partial(get_group_ids, name=name), S, scopes))
    for name in ("push-tokens", "conversations"):
        is_token = name == "push-tokens"
        scopes = ("profiles:read",) if is_token else ("conversations:read", "profiles:read")
        for prefix in ("", "relationships/"):
            path = f"/api/profiles/{{id}}/{prefix}{name}"
            found.append(Endpoint("GET", path, get_nothing, M if is_token else S, scopes))
    return found


def get_groups(call: Call, name: str) -> Answer:
    rows = _groups(call, existing_profile(call), name)
    return _collection(call, [_RESOURCES[name](call, row) for row in rows])


def get_group_ids(call: Call, name: str) -> Answer:
    rows = _groups(call, existing_profile(call), name)
    return _collection(call, [{"type": name.removesuffix("s"), "id": row["id"]} for row in rows])


def get_nothing(call: Call) -> Answer:
    existing_profile(call)
    return _collection(call, [])


def include_groups(call: Call, profile: dict[str, Any], wanted: Collection[str]) -> list[dict[str, Any]]:
    """Names the groups in the profile's relationships; gives their resources for `included`."""
    included: list[dict[str, Any]] = []
    for name in GROUPS:
        if name in wanted:
            rows = _groups(call, profile["id"], name)
            included += [_RESOURCES[name](call, row) for row in rows]
            identifiers = [{"type": name.removesuffix("s"), "id": row["id"]} for row in rows]
            profile["relationships"][name] = {"data": identifiers, **profile["relationships"][name]}
    return included


def existing_profile(call: Call) -> str:
    """The id of the profile in the path, also by the id of one that was merged into it. Raises a 404."""
    sent = call.path_params["id"]
    profile_id = profile_id_of(call.store, sent, call.clock.now_us())
    if call.store.value("select 1 from kl_profile where id = ?", (profile_id,)) is None:
        raise profile_not_found(sent)
    return profile_id


def profile_not_found(profile_id: str) -> errors.ApiError:
    """404 in the recorded words."""
    return errors.not_found(f"A profile with id {profile_id} does not exist.", "/data/id")


def _groups(call: Call, profile_id: str, name: str) -> list[sqlite3.Row]:
    if name == "segments":
        refresh_segments(call.store, call.clock.now_us())
    return call.store.rows(f"{_MEMBERS[name]} where m.profile_id = ? order by g.id", (profile_id,))


def _collection(call: Call, data: list[dict[str, Any]]) -> Answer:
    return Answer(body={"data": data, "links": {"self": call.self_link(), "next": None, "prev": None}})

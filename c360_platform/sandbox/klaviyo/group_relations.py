"""Tags and flows of lists, segments, metrics and flows: the paths that their links point to.

Belongs here: `/tags` and `/flow-triggers` below a resource, and what `include` adds for them. Does not belong
here: writing tags (`tags`, `tag_groups`) and flows (`flows`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final

from c360_platform.sandbox.klaviyo import errors
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.flow_resource import flow_resource
from c360_platform.sandbox.klaviyo.tag_resource import tag_resource
from c360_platform.sandbox.limits import M, S

GROUP_RELATIONS: Final = ("tags", "flow-triggers")
_RELATIONS: Final = {
    "list": GROUP_RELATIONS,
    "segment": GROUP_RELATIONS,
    "flow": ("tags",),
    "metric": ("flow-triggers",),
}
_TYPES: Final = {"tags": "tag", "flow-triggers": "flow"}
_RESOURCES: Final[dict[str, Callable[[Call, sqlite3.Row], dict[str, Any]]]] = {
    "tags": tag_resource,
    "flow-triggers": flow_resource,
}


def endpoints() -> list[Endpoint]:
    found = []
    for kind, relations in _RELATIONS.items():
        for relation in relations:
            scopes = (f"{kind}s:read", f"{_TYPES[relation]}s:read")
            for prefix, function in (("", get_related), ("relationships/", get_related_ids)):
                path = f"/api/{kind}s/{{id}}/{prefix}{relation}"
                answer = partial(function, kind=kind, relation=relation)
                tier = M if kind == "metric" else S
                found.append(Endpoint("GET", path, answer, tier, scopes))
    return found


def get_related(call: Call, kind: str, relation: str) -> Answer:
    rows = _related(call, kind, _existing(call, kind), relation)
    return _collection(call, [_RESOURCES[relation](call, row) for row in rows])


def get_related_ids(call: Call, kind: str, relation: str) -> Answer:
    rows = _related(call, kind, _existing(call, kind), relation)
    return _collection(call, [{"type": _TYPES[relation], "id": row["id"]} for row in rows])


def include_related(
    call: Call, resources: Sequence[dict[str, Any]], wanted: Collection[str]
) -> list[dict[str, Any]]:
    """Names tags and flows in the resources' relationships; gives their own resources for `included`."""
    included: dict[tuple[str, str], dict[str, Any]] = {}
    for resource in resources:
        for relation in _RELATIONS[resource["type"]]:
            if relation not in wanted:
                continue
            rows = _related(call, resource["type"], resource["id"], relation)
            identifiers = [{"type": _TYPES[relation], "id": row["id"]} for row in rows]
            relations = resource["relationships"]
            relations[relation] = {"data": identifiers, **relations[relation]}
            for row in rows:
                included[relation, row["id"]] = _RESOURCES[relation](call, row)
    return list(included.values())


def _existing(call: Call, kind: str) -> str:
    resource_id = call.path_params["id"]
    if call.store.value(f"select 1 from kl_{kind} where id = ?", (resource_id,)) is None:
        quoted = f"`{resource_id}`" if kind in ("list", "segment") else resource_id
        raise errors.not_found(f"A {kind} with id {quoted} does not exist.")
    return resource_id


def _related(call: Call, kind: str, resource_id: str, relation: str) -> list[sqlite3.Row]:
    if relation == "flow-triggers":
        return call.store.rows("select * from kl_flow where trigger_id = ? order by id", (resource_id,))
    return call.store.rows(
        "select t.* from kl_tagging as g join kl_tag as t on t.id = g.tag_id "
        "where g.kind = ? and g.resource_id = ? order by t.id",
        (kind, resource_id),
    )


def _collection(call: Call, data: list[dict[str, Any]]) -> Answer:
    return Answer(body={"data": data, "links": {"self": call.self_link(), "next": None, "prev": None}})

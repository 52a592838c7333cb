"""Putting tags on lists, segments and flows.

Belongs here: `/api/tags/{id}/relationships/…`. Does not belong here: tags themselves (`tags`), reading the
tags of a resource (`group_relations`).

A resource has at most 100 tags, and one only of an exclusive group. Campaigns are not modelled: no tag is on
one.
"""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

from c360_platform.sandbox.klaviyo import errors
from c360_platform.sandbox.klaviyo.bodies import check_model
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.tags import existing_tag
from c360_platform.sandbox.limits import S

Kind = Literal["list", "segment", "flow"]

MAX_TAGS_OF_RESOURCE: Final = 100
_KINDS: Final[tuple[Kind, ...]] = ("list", "segment", "flow")


def endpoints() -> list[Endpoint]:
    found = []
    for kind in _KINDS:
        path = f"/api/tags/{{id}}/relationships/{kind}s"
        read, write = (f"{kind}s:read", "tags:read"), (f"{kind}s:write", "tags:write")
        found += [
            Endpoint("GET", path, partial(get_tagged, kind=kind), S, read),
            Endpoint("POST", path, partial(tag, kind=kind), S, write),
            Endpoint("DELETE", path, partial(untag, kind=kind), S, write),
        ]
    campaigns = "/api/tags/{id}/relationships/campaigns"
    return [
        *found,
        Endpoint("GET", campaigns, partial(get_tagged, kind="campaign"), S, ("campaigns:read", "tags:read")),
    ]


def get_tagged(call: Call, kind: str) -> Answer:
    rows = call.store.rows(
        "select resource_id from kl_tagging where tag_id = ? and kind = ? order by resource_id",
        (existing_tag(call)["id"], kind),
    )
    data = [{"type": kind, "id": row["resource_id"]} for row in rows]
    return Answer(body={"data": data, "links": {"self": call.self_link(), "next": None, "prev": None}})


def tag(call: Call, kind: Kind) -> Answer:
    """204; putting a tag on something again changes nothing."""
    row = existing_tag(call)
    with call.store.transaction() as connection:
        exclusive = connection.execute(
            "select exclusive from kl_tag_group where id = ?", (row["group_id"],)
        ).fetchone()["exclusive"]
        for resource_id in _ids(call, kind):
            if connection.execute(f"select 1 from kl_{kind} where id = ?", (resource_id,)).fetchone() is None:
                raise errors.not_found(f"A {kind} with id {resource_id} does not exist.")
            others = connection.execute(
                "select t.group_id from kl_tagging as g join kl_tag as t on t.id = g.tag_id "
                "where g.kind = ? and g.resource_id = ? and t.id <> ?",
                (kind, resource_id, row["id"]),
            ).fetchall()
            if len(others) >= MAX_TAGS_OF_RESOURCE:
                detail = f"A {kind} cannot have more than {MAX_TAGS_OF_RESOURCE} tags."
                raise errors.invalid(detail)
            if exclusive and any(other["group_id"] == row["group_id"] for other in others):
                raise errors.invalid(
                    f"The {kind} {resource_id} has a tag of this exclusive tag group already."
                )
            connection.execute(
                "insert or ignore into kl_tagging (tag_id, kind, resource_id) values (?, ?, ?)",
                (row["id"], kind, resource_id),
            )
    return Answer(204)


def untag(call: Call, kind: Kind) -> Answer:
    """204, also for what does not have the tag."""
    tag_id = existing_tag(call)["id"]
    with call.store.transaction() as connection:
        connection.executemany(
            "delete from kl_tagging where tag_id = ? and kind = ? and resource_id = ?",
            [(tag_id, kind, resource_id) for resource_id in _ids(call, kind)],
        )
    return Answer(204)


def _ids(call: Call, kind: Kind) -> list[str]:
    data = check_model(call.body(), f"tag_{kind}_op", f"Tag{kind.title()}Op")["data"]
    return [entry["id"] for entry in data]

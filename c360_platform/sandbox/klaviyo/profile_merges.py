"""Merging one profile into another.

Belongs here: `/api/profile-merge`. Does not belong here: what a merge does to both (`profile_work`), and when
(`lags`).

One source profile is merged into the destination, asynchronously, and deleted. Recorded: 202 with a body that
only identifies the destination (the specification says 201), and the source's id keeps resolving for a while.
"""

from __future__ import annotations

from c360_platform.sandbox.klaviyo import errors, pending_work
from c360_platform.sandbox.klaviyo.bodies import check_model
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.lags import lags_in
from c360_platform.sandbox.klaviyo.profile_work import profile_id_of
from c360_platform.sandbox.limits import M


def endpoints() -> list[Endpoint]:
    return [Endpoint("POST", "/api/profile-merge", merge_profiles, M, ("profiles:write",))]


def merge_profiles(call: Call) -> Answer:
    """202 with the destination's id."""
    data = check_model(call.body(), "profile_merge_query", "ProfileMergeQuery")["data"]
    pointer = "/data/relationships/profiles/data"
    sources = data["relationships"]["profiles"].get("data") or []
    if len(sources) != 1:
        raise errors.invalid(f"Exactly one source profile is required, not {len(sources)}.", pointer)
    now_us, found = call.clock.now_us(), {}
    for name, sent, where in (
        ("profile_id", data["id"], "/data/id"),
        ("source_id", sources[0]["id"], f"{pointer}/0/id"),
    ):
        found[name] = profile_id_of(call.store, sent, now_us)
        if call.store.value("select 1 from kl_profile where id = ?", (found[name],)) is None:
            raise errors.not_found(f"A profile with id {sent} does not exist.", where)
    if found["profile_id"] == found["source_id"]:
        raise errors.invalid("A profile cannot be merged into itself.", f"{pointer}/0/id")
    lags = lags_in(call.store)
    order = {**found, "alias_us": int(lags.merged_ids * 1_000_000)}
    pending_work.accept(call.store, call.clock, "merge", order, lags.merges)
    profile = {
        "type": "profile",
        "id": found["profile_id"],
        "attributes": {},
        "links": {"self": call.link(f"/api/profiles/{found['profile_id']}/")},
    }
    return Answer(202, {"data": profile, "links": {"self": call.self_link()}})

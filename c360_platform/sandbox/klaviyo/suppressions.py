"""Suppression of profiles from e-mail marketing, whatever their consent.

Belongs here: `/api/profile-suppression-bulk-create-jobs` and `-delete-jobs`, posted and read. Does not belong
here: what they do (`consent_work`) and when (`lags`).

A job takes at most 100 e-mails, or the members of one list, or of one segment. Recorded: the answer to the
POST says `processing` with zero counts and a `completed_at`, whatever comes of it; a finished job counts
everybody as skipped. The collection has no page[size] and is sorted by `created`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Literal

from c360_platform.sandbox.klaviyo import errors, ids, pending_work, times
from c360_platform.sandbox.klaviyo.bodies import check_model, is_email, raise_if_any
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.errors import Problem
from c360_platform.sandbox.klaviyo.filters import FilterField, conditions
from c360_platform.sandbox.klaviyo.lags import lags_in
from c360_platform.sandbox.klaviyo.paging import Collection, Fields, read_page
from c360_platform.sandbox.limits import L

Kind = Literal["create", "delete"]

MAX_SUPPRESS: Final = 100
_ROWS: Final = "/data/attributes/profiles/data"
_ATTRIBUTES: Final = (
    *("status", "created_at", "total_count", "completed_count", "completed_at", "skipped_count"),
)
_FILTERS: Final = {
    "status": FilterField(("equals",), "j.status", "enum"),
    "list_id": FilterField(("equals",), "j.list_id"),
    "segment_id": FilterField(("equals",), "j.segment_id"),
}
_JOBS: Final = Collection(
    columns="j.*",
    source="kl_suppression_job as j",
    id_sql="j.id",
    sorts={"created": "j.created_at"},
    default_sort="-created",
    default_size=100,
    max_size=None,
)


def endpoints() -> list[Endpoint]:
    read, found = ("subscriptions:read",), []
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("create", ("profiles:write", "subscriptions:write")),
        ("delete", ("subscriptions:write",)),
    )
    for kind, write in kinds:
        path = f"/api/{_type(kind)}s"
        found += [
            Endpoint("POST", path, partial(post_job, kind=kind), L, write),
            Endpoint("GET", path, partial(get_jobs, kind=kind), L, read),
            Endpoint("GET", f"{path}/{{id}}", partial(get_job, kind=kind), L, read),
        ]
    return found


def post_job(call: Call, kind: Kind) -> Answer:
    """202 with a job. Suppressing (`create`) makes profiles that are missing, lifting (`delete`) does not."""
    model = f"Suppression{kind.title()}JobCreateQuery"
    data = check_model(call.body(), f"suppression_{kind}_job_create_query", model)["data"]
    order = {"job_id": ids.profile_id(call.clock.now_us()), **_targets(call, data)}
    lag = lags_in(call.store).suppressions
    created_us = call.clock.now_us()
    with call.store.transaction() as connection:
        connection.execute(
            "insert into kl_suppression_job (id, kind, status, created_at, list_id, segment_id) "
            "values (?, ?, 'processing', ?, ?, ?)",
            (order["job_id"], kind, created_us, order.get("list_id"), order.get("segment_id")),
        )
        accepted = connection.execute(f"{_JOBS.select} where j.id = ?", (order["job_id"],)).fetchone()
        work = "suppress" if kind == "create" else "unsuppress"
        pending_work.accept(call.store, call.clock, work, order, lag)
    resource = _resource(call, accepted)
    if "completed_at" in resource["attributes"]:
        resource["attributes"]["completed_at"] = times.iso_exact(created_us)
    return Answer(202, {"data": resource, "links": {"self": call.self_link()}})


def get_jobs(call: Call, kind: Kind) -> Answer:
    found = conditions(call.params.get("filter"), _FILTERS)
    found.add("j.kind = ?", kind)
    page = read_page(call, _JOBS, found)
    return Answer(body={"data": [_resource(call, row) for row in page.rows], "links": page.links})


def get_job(call: Call, kind: Kind) -> Answer:
    job_id = call.path_params["id"]
    row = call.store.row(f"{_JOBS.select} where j.id = ? and j.kind = ?", (job_id, kind))
    if row is None:
        raise errors.not_found(f"A {_type(kind)} with id {job_id} does not exist.")
    return Answer(body={"data": _resource(call, row), "links": {"self": call.self_link()}})


def _targets(call: Call, data: Mapping[str, Any]) -> dict[str, Any]:
    """`emails`, `list_id` or `segment_id`, and that exists. Raises a 400 unless there is exactly one."""
    relations = data.get("relationships") or {}
    rows = ((data.get("attributes") or {}).get("profiles") or {}).get("data")
    named = {
        f"{name}_id": relations[name]["data"]["id"]
        for name in ("list", "segment")
        if (relations.get(name) or {}).get("data")
    }
    if len(named) + (rows is not None) != 1:
        raise errors.invalid("Exactly one of profiles, a list or a segment must be given.", "/data")
    for name, group_id in named.items():
        kind = name.removesuffix("_id")
        if call.store.value(f"select 1 from kl_{kind} where id = ?", (group_id,)) is None:
            raise errors.not_found(f"A {kind} with id `{group_id}` does not exist.")
    if rows is None:
        return named
    if not 1 <= len(rows) <= MAX_SUPPRESS:
        detail = f"The number of profiles must be between 1 and {MAX_SUPPRESS}, not {len(rows)}."
        raise errors.invalid(detail, _ROWS)
    emails = [row["attributes"]["email"] for row in rows]
    raise_if_any(
        [
            Problem("Invalid email address", f"{_ROWS}/{index}/attributes/email")
            for index, email in enumerate(emails)
            if not is_email(email)
        ]
    )
    return {"emails": emails}


def _type(kind: str) -> str:
    return f"profile-suppression-bulk-{kind}-job"


def _resource(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    kind = _type(row["kind"])
    fields, link = Fields(call.params, kind, _ATTRIBUTES), call.link(f"/api/{kind}s/{row['id']}/")
    values = {name: times.iso_exact(row[name]) if name.endswith("_at") else row[name] for name in _ATTRIBUTES}
    return {
        "type": kind,
        "id": row["id"],
        "attributes": {name: value for name, value in values.items() if fields.wants(name)},
        "relationships": {
            name: {"links": {"self": f"{link}relationships/{name}/", "related": f"{link}{name}/"}}
            for name in ("lists", "segments")
        },
        "links": {"self": link},
    }

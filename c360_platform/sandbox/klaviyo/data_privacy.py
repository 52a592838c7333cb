"""Requests to delete everything about a person.

Belongs here: `/api/data-privacy-deletion-jobs`. Does not belong here: what goes with a profile
(`profile_work`), and when (`lags`).

Exactly one of `email`, `phone_number` and `id` names the profile. 202 without a body: the deletion is
asynchronous and has no job to poll. Recorded: 404 for who is not known (any more).
"""

from __future__ import annotations

from typing import Any

from c360_platform.sandbox.klaviyo import errors, pending_work
from c360_platform.sandbox.klaviyo.bodies import check_model
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.lags import lags_in
from c360_platform.sandbox.klaviyo.profile_work import profile_id_of
from c360_platform.sandbox.limits import S


def endpoints() -> list[Endpoint]:
    scopes = ("data-privacy:write",)
    return [
        Endpoint("POST", "/api/data-privacy-deletion-jobs", request_profile_deletion, S, scopes),
    ]


def request_profile_deletion(call: Call) -> Answer:
    """202 without a body."""
    model = "DataPrivacyCreateDeletionJobQuery"
    data = check_model(call.body(), "data_privacy_create_deletion_job_query", model)["data"]
    sent = data["attributes"]["profile"]["data"]
    name, value = _identifier(sent)
    if name == "id":
        value = profile_id_of(call.store, value, call.clock.now_us())
    row = call.store.row(f"select id from kl_profile where {name} = ?", (value,))
    if row is None:
        detail = f'No profile with {name} "{value}" found.  The profile may have already been deleted.'
        raise errors.not_found(detail)
    lag = lags_in(call.store).deletions
    pending_work.accept(call.store, call.clock, "delete", {"profile_id": row["id"]}, lag)
    return Answer(202)


def _identifier(sent: dict[str, Any]) -> tuple[str, str]:
    attributes = sent.get("attributes") or {}
    given = {"id": sent.get("id"), **{name: attributes.get(name) for name in ("email", "phone_number")}}
    named = [(name, str(value)) for name, value in given.items() if value]
    if len(named) != 1:
        detail = "Exactly one of 'id', 'email' or 'phone_number' is required."
        raise errors.invalid(detail, "/data/attributes/profile/data")
    name, value = named[0]
    return name, value.lower() if name == "email" else value

"""Consent to e-mail marketing, and suppression.

Belongs here: the subscription and suppression jobs and what they do to consent. Does not belong here:
anything else; no import, event or list membership touches consent.

Side effects as documented ("Collect email and SMS consent via API", "Bulk subscribe profiles"): subscribing
lifts UNSUBSCRIBE, SPAM_REPORT and USER_SUPPRESSED and moves `updated`; unsubscribing does not move it and
shows as a suppression; suppressing leaves consent as it is. SMS, WhatsApp and push are not modelled.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import errors, ids, times
from c360_platform.sandbox.klaviyo.bodies import (
    check_model,
    is_email,
    is_phone,
    raise_if_any,
    unknown_attributes,
)
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.errors import Problem
from c360_platform.sandbox.klaviyo.profile_batch import ConflictError, Identifiers, ProfileBatch
from c360_platform.sandbox.limits import L

MAX_SUBSCRIBE: Final = 1_000
MAX_UNSUBSCRIBE: Final = 100
MAX_SUPPRESS: Final = 100
_LIFTED: Final = ("UNSUBSCRIBE", "SPAM_REPORT", "USER_SUPPRESSED")
_ROWS: Final = "/data/attributes/profiles/data"
_SUBSCRIPTION_FIELDS: Final = ("email", "phone_number", "subscriptions", "age_gated_date_of_birth")


def endpoints() -> list[Endpoint]:
    subscribe, suppress = ("subscriptions:write", "profiles:write"), ("subscriptions:write", "profiles:write")
    lists = ("lists:write",)
    return [
        Endpoint(
            "POST", "/api/profile-subscription-bulk-create-jobs", bulk_subscribe, L, (*lists, *subscribe)
        ),
        Endpoint(
            "POST", "/api/profile-subscription-bulk-delete-jobs", bulk_unsubscribe, L, (*lists, *subscribe)
        ),
        Endpoint("POST", "/api/profile-suppression-bulk-create-jobs", bulk_suppress, L, suppress),
        Endpoint("POST", "/api/profile-suppression-bulk-delete-jobs", bulk_unsuppress, L, suppress),
    ]


def bulk_subscribe(call: Call) -> Answer:
    """202 without a body.

    With a double opt-in list the person must confirm first, so nobody is subscribed here. An unknown e-mail
    without a list becomes no profile (recorded), except with `historical_import`.
    """
    body = check_model(
        call.body(), "subscription_create_job_create_query", "SubscriptionCreateJobCreateQuery"
    )
    data = body["data"]
    historical = bool(data["attributes"].get("historical_import"))
    rows = _rows(data, MAX_SUBSCRIBE)
    now_us = call.clock.now_us()
    raise_if_any(
        [
            problem
            for index, row in enumerate(rows)
            for problem in _problems(row, index, now_us, historical=historical)
        ]
    )
    target = _target_list(call, data)
    confirmed = historical or target is None or target["opt_in_process"] == "single_opt_in"
    with call.store.transaction() as connection:
        for row in rows:
            profile_id = _profile(connection, row, now_us, create=historical or target is not None)
            if profile_id is None or not confirmed or not _consents_to_email(row):
                continue
            consented_at = _consented_at(row)
            connection.execute(
                "update kl_profile set email_consent = 'SUBSCRIBED', email_consent_at = ?, updated_at = ?, "
                "email_suppressions = ? where id = ?",
                (
                    *(consented_at if consented_at is not None else now_us, now_us),
                    *(_without(connection, profile_id, _LIFTED), profile_id),
                ),
            )
            if target is not None:
                connection.execute(
                    "insert or ignore into kl_list_member (list_id, profile_id, joined_at) values (?, ?, ?)",
                    (target["id"], profile_id, now_us),
                )
    return Answer(202)


def bulk_unsubscribe(call: Call) -> Answer:
    """202 without a body. From a list only its members leave it; everybody else is unsubscribed globally."""
    body = check_model(
        call.body(), "subscription_delete_job_create_query", "SubscriptionDeleteJobCreateQuery"
    )
    rows = _rows(body["data"], MAX_UNSUBSCRIBE)
    now_us = call.clock.now_us()
    raise_if_any([problem for index, row in enumerate(rows) for problem in _problems(row, index, now_us)])
    target = _target_list(call, body["data"])
    with call.store.transaction() as connection:
        for row in rows:
            profile_id = _profile(connection, row, now_us, create=True)
            left = 0
            if target is not None:
                left = connection.execute(
                    "delete from kl_list_member where list_id = ? and profile_id = ?",
                    (target["id"], profile_id),
                ).rowcount
            if profile_id is not None and not left:
                connection.execute(
                    "update kl_profile set email_consent = 'UNSUBSCRIBED', email_consent_at = ?, "
                    "email_suppressions = ? where id = ?",
                    (now_us, _with(connection, profile_id, "UNSUBSCRIBE", now_us), profile_id),
                )
    return Answer(202)


def bulk_suppress(call: Call) -> Answer:
    """202 with a job. Suppresses profiles by e-mail, making those that are missing, or a list's members."""
    data = check_model(call.body(), "suppression_create_job_create_query", "SuppressionCreateJobCreateQuery")[
        "data"
    ]
    now_us = call.clock.now_us()
    with call.store.transaction() as connection:
        for profile_id in _suppression_targets(call, connection, data, now_us, create=True):
            connection.execute(
                "update kl_profile set email_suppressions = ? where id = ?",
                (_with(connection, profile_id, "USER_SUPPRESSED", now_us), profile_id),
            )
    return _suppression_job(call, "create", now_us)


def bulk_unsuppress(call: Call) -> Answer:
    """202 with a job. Lifts USER_SUPPRESSED and nothing else."""
    data = check_model(call.body(), "suppression_delete_job_create_query", "SuppressionDeleteJobCreateQuery")[
        "data"
    ]
    now_us = call.clock.now_us()
    with call.store.transaction() as connection:
        for profile_id in _suppression_targets(call, connection, data, now_us, create=False):
            connection.execute(
                "update kl_profile set email_suppressions = ? where id = ?",
                (_without(connection, profile_id, ("USER_SUPPRESSED",)), profile_id),
            )
    return _suppression_job(call, "delete", now_us)


def _rows(data: Mapping[str, Any], most: int) -> Sequence[Mapping[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = (data["attributes"].get("profiles") or {}).get("data") or []
    if not 1 <= len(rows) <= most:
        raise errors.invalid(f"The number of profiles must be between 1 and {most}, not {len(rows)}.", _ROWS)
    return rows


def _problems(row: Mapping[str, Any], index: int, now_us: int, *, historical: bool = False) -> list[Problem]:
    attributes, pointer = row["attributes"], f"{_ROWS}/{index}/attributes"
    problems = unknown_attributes(attributes, _SUBSCRIPTION_FIELDS, "profile", pointer)
    email, phone = attributes.get("email"), attributes.get("phone_number")
    if not (email or phone or row.get("id")):
        problems.append(Problem("One of 'email' or 'phone_number' is required.", pointer))
    if email and not is_email(email):
        problems.append(Problem("Invalid email address", f"{pointer}/email"))
    if phone and not is_phone(phone):
        detail = "Phone number is valid but is not in a supported region for this account."
        problems.append(Problem(detail, f"{pointer}/phone_number"))
    if historical:
        try:
            consented_at = _consented_at(row)
        except ValueError:
            consented_at = None
        if consented_at is None or consented_at > now_us:
            detail = "'consented_at' in the past is required for a historical import."
            problems.append(Problem(detail, f"{pointer}/subscriptions/email/marketing/consented_at"))
    return problems


def _target_list(call: Call, data: Mapping[str, Any]) -> sqlite3.Row | None:
    relation = ((data.get("relationships") or {}).get("list") or {}).get("data")
    if not relation:
        return None
    row = call.store.row("select id, opt_in_process from kl_list where id = ?", (relation["id"],))
    if row is None:
        raise errors.not_found(f"A list with id `{relation['id']}` does not exist.")
    return row


def _email_marketing(row: Mapping[str, Any]) -> Mapping[str, Any]:
    subscriptions = row["attributes"].get("subscriptions") or {}
    found: Mapping[str, Any] = (subscriptions.get("email") or {}).get("marketing") or {}
    return found


def _consents_to_email(row: Mapping[str, Any]) -> bool:
    if not row["attributes"].get("subscriptions"):  # without channels it is the one of the identifier
        return bool(row["attributes"].get("email"))
    return _email_marketing(row).get("consent") == "SUBSCRIBED"


def _consented_at(row: Mapping[str, Any]) -> int | None:
    text = _email_marketing(row).get("consented_at")
    return None if text is None else times.parse(str(text))


def _profile(
    connection: sqlite3.Connection, row: Mapping[str, Any], now_us: int, *, create: bool
) -> str | None:
    """The id of the profile that is meant; None when there is none and none is to be made."""
    attributes = row["attributes"]
    who = Identifiers.of({"attributes": attributes})
    batch = ProfileBatch(connection, now_us)
    batch.load([who])
    try:
        found = batch.find(who)
    except ConflictError:  # the e-mail decides
        found = batch.find(Identifiers(email=who.email))
    if found is None and create and who:
        found = batch.create()
        sent = {name: attributes.get(name) for name in ("email", "phone_number")}
        batch.merge(found, sent, None, clear=False)
        batch.write()
    return None if found is None else found.id


def _suppression_targets(
    call: Call, connection: sqlite3.Connection, data: Mapping[str, Any], now_us: int, *, create: bool
) -> list[str]:
    target = _target_list(call, data)
    if (target is None) is not bool((data.get("attributes") or {}).get("profiles")):
        raise errors.invalid("Exactly one of profiles, a list or a segment must be given.", "/data")
    if target is not None:
        rows = connection.execute("select profile_id from kl_list_member where list_id = ?", (target["id"],))
        return [row["profile_id"] for row in rows]
    sent = _rows(data, MAX_SUPPRESS)
    raise_if_any([problem for index, row in enumerate(sent) for problem in _problems(row, index, now_us)])
    found = [_profile(connection, row, now_us, create=create) for row in sent]
    return [profile_id for profile_id in found if profile_id is not None]


def _suppressions(connection: sqlite3.Connection, profile_id: str) -> list[dict[str, Any]]:
    row = connection.execute(
        "select email_suppressions from kl_profile where id = ?", (profile_id,)
    ).fetchone()
    found: list[dict[str, Any]] = orjson.loads(row[0])
    return found


def _with(connection: sqlite3.Connection, profile_id: str, reason: str, now_us: int) -> str:
    kept = _suppressions(connection, profile_id)
    if all(entry["reason"] != reason for entry in kept):
        kept.append({"reason": reason, "timestamp": times.iso_exact(now_us)})
    return orjson.dumps(kept).decode()


def _without(connection: sqlite3.Connection, profile_id: str, reasons: Sequence[str]) -> str:
    kept = [entry for entry in _suppressions(connection, profile_id) if entry["reason"] not in reasons]
    return orjson.dumps(kept).decode()


def _suppression_job(call: Call, kind: str, now_us: int) -> Answer:
    resource = f"profile-suppression-bulk-{kind}-job"
    job_id = ids.profile_id(now_us)
    link = call.link(f"/api/{resource}s/{job_id}/")
    data = {
        "type": resource,
        "id": job_id,
        "attributes": {  # recorded: "processing" and zeros, although it is done
            "status": "processing",
            "created_at": times.iso_exact(now_us),
            "total_count": 0,
            "completed_count": 0,
            "completed_at": times.iso_exact(now_us),
            "skipped_count": 0,
        },
        "relationships": {
            name: {"links": {"self": f"{link}relationships/{name}/", "related": f"{link}{name}/"}}
            for name in ("lists", "segments")
        },
        "links": {"self": link},
    }
    return Answer(202, {"data": data, "links": {"self": call.self_link()}})

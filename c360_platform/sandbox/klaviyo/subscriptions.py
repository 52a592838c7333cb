"""Consent to marketing: subscribing and unsubscribing profiles.

Belongs here: `/api/profile-subscription-bulk-create-jobs` and `-delete-jobs`, the form of their bodies. Does
not belong here: what they do (`consent_work`) and when (`lags`); suppression (`suppressions`).

Both answer 202 without a body and have no job to poll: the only way to know is to read the profile. The
channels e-mail (marketing) and SMS (marketing, transactional) are modelled; open and click tracking, WhatsApp
and push are accepted and change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from c360_platform.sandbox.klaviyo import errors, pending_work
from c360_platform.sandbox.klaviyo.bodies import (
    check_model,
    is_email,
    is_phone,
    raise_if_any,
    unknown_attributes,
)
from c360_platform.sandbox.klaviyo.consent_work import channels_of, consented_at, find_profile, left_at
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.errors import Problem
from c360_platform.sandbox.klaviyo.lags import lags_in
from c360_platform.sandbox.limits import L

MAX_SUBSCRIBE: Final = 1_000
MAX_UNSUBSCRIBE: Final = 100
_ROWS: Final = "/data/attributes/profiles/data"
_FIELDS: Final = ("email", "phone_number", "subscriptions", "age_gated_date_of_birth")


def endpoints() -> list[Endpoint]:
    scopes = ("lists:write", "subscriptions:write", "profiles:write")
    return [
        Endpoint("POST", "/api/profile-subscription-bulk-create-jobs", bulk_subscribe, L, scopes),
        Endpoint("POST", "/api/profile-subscription-bulk-delete-jobs", bulk_unsubscribe, L, scopes),
    ]


def bulk_subscribe(call: Call) -> Answer:
    """202 without a body; at most 1,000 profiles.

    A historical import needs `consented_at` in the past for every channel, and is refused for who has
    unsubscribed since then.
    """
    body = check_model(
        call.body(), "subscription_create_job_create_query", "SubscriptionCreateJobCreateQuery"
    )
    data = body["data"]
    historical = bool(data["attributes"].get("historical_import"))
    rows = _rows(data, MAX_SUBSCRIBE)
    problems = [problem for index, row in enumerate(rows) for problem in _problems(row, index, "SUBSCRIBED")]
    if historical and not problems:
        problems = [problem for index, row in enumerate(rows) for problem in _historical(call, row, index)]
    raise_if_any(problems)
    order = {"rows": rows, "list_id": _list_id(call, data), "historical": historical}
    pending_work.accept(call.store, call.clock, "subscribe", order, lags_in(call.store).subscriptions)
    return Answer(202)


def bulk_unsubscribe(call: Call) -> Answer:
    """202 without a body; at most 100 profiles. Who is not on the given list is unsubscribed globally."""
    body = check_model(
        call.body(), "subscription_delete_job_create_query", "SubscriptionDeleteJobCreateQuery"
    )
    rows = _rows(body["data"], MAX_UNSUBSCRIBE)
    raise_if_any(
        [problem for index, row in enumerate(rows) for problem in _problems(row, index, "UNSUBSCRIBED")]
    )
    order = {"rows": rows, "list_id": _list_id(call, body["data"])}
    pending_work.accept(call.store, call.clock, "unsubscribe", order, lags_in(call.store).subscriptions)
    return Answer(202)


def _rows(data: Mapping[str, Any], most: int) -> Sequence[Mapping[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = (data["attributes"].get("profiles") or {}).get("data") or []
    if not 1 <= len(rows) <= most:
        raise errors.invalid(f"The number of profiles must be between 1 and {most}, not {len(rows)}.", _ROWS)
    return rows


def _problems(row: Mapping[str, Any], index: int, consent: str) -> list[Problem]:
    attributes, pointer = row["attributes"], f"{_ROWS}/{index}/attributes"
    problems = unknown_attributes(attributes, _FIELDS, "profile", pointer)
    email, phone = attributes.get("email"), attributes.get("phone_number")
    if not (email or phone or row.get("id")):
        problems.append(Problem("One of 'email' or 'phone_number' is required.", pointer))
    if email and not is_email(email):
        problems.append(Problem("Invalid email address", f"{pointer}/email"))
    if phone and not is_phone(phone):
        detail = "Phone number is valid but is not in a supported region for this account."
        problems.append(Problem(detail, f"{pointer}/phone_number"))
    if not row.get("id"):
        for channel, _ in channels_of(row, consent):
            name = "phone_number" if channel == "sms" else "email"
            if not attributes.get(name):
                problems.append(Problem(f"'{name}' is required for the channel '{channel}'.", pointer))
    return problems


def _historical(call: Call, row: Mapping[str, Any], index: int) -> list[Problem]:
    now_us, problems = call.clock.now_us(), []
    for channel, said in channels_of(row, "SUBSCRIBED").items():
        pointer = f"{_ROWS}/{index}/attributes/subscriptions/{channel[0]}/{channel[1]}/consented_at"
        try:
            since = consented_at(said)
        except ValueError:
            since = None
        if since is None or since > now_us:
            detail = "'consented_at' in the past is required for a historical import."
            problems.append(Problem(detail, pointer))
            continue
        with call.store.transaction() as connection:
            profile_id = find_profile(connection, row, now_us, create=False)
            left = None if profile_id is None else left_at(connection, profile_id, channel)
        if left is not None and left > since:
            problems.append(Problem("The profile has unsubscribed after 'consented_at'.", pointer))
    return problems


def _list_id(call: Call, data: Mapping[str, Any]) -> str | None:
    relation = ((data.get("relationships") or {}).get("list") or {}).get("data")
    if not relation:
        return None
    list_id = str(relation["id"])
    if call.store.value("select 1 from kl_list where id = ?", (list_id,)) is None:
        raise errors.not_found(f"A list with id `{list_id}` does not exist.")
    return list_id

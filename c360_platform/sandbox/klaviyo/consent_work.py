"""What subscribing, unsubscribing and suppressing do to a profile.

Belongs here: consent and suppression as they change, for e-mail and SMS. Does not belong here: HTTP and the
form of bodies (`subscriptions`, `suppressions`). Nothing else in the sandbox writes consent.

Side effects as documented ("Collect email and SMS consent via API", "Bulk subscribe profiles") and recorded:
subscribing lifts UNSUBSCRIBE, SPAM_COMPLAINT and USER_SUPPRESSED and moves `updated`; unsubscribing does not
move it and shows as a suppression; suppressing leaves consent as it is. Who unsubscribed less than half an
hour ago is not subscribed again (reported from production; historical imports are exempt, assumed).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import times
from c360_platform.sandbox.klaviyo.profile_batch import ConflictError, Identifiers, ProfileBatch
from c360_platform.sandbox.klaviyo.segment_work import members_of_segment

COOLING_OFF_US: Final = 30 * 60 * 1_000_000
# (channel, kind) as they are nested in `subscriptions`; whatever else a body may hold is not modelled.
CHANNELS: Final = (("email", "marketing"), ("sms", "marketing"), ("sms", "transactional"))
_EMAIL: Final = ("email", "marketing")
# SPAM_REPORT is the documentation's word for what the API answers as SPAM_COMPLAINT.
_LIFTED: Final = ("UNSUBSCRIBE", "SPAM_COMPLAINT", "SPAM_REPORT", "USER_SUPPRESSED")


def channels_of(row: Mapping[str, Any], consent: str) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The channels to which a row gives (or takes) consent, each with what is said about it."""
    subscriptions = row["attributes"].get("subscriptions") or {}
    if not subscriptions:  # without channels it is that of the identifier
        return {_EMAIL: {}} if row["attributes"].get("email") else {}
    found = {}
    for channel, kind in CHANNELS:
        said = (subscriptions.get(channel) or {}).get(kind) or {}
        if said.get("consent") == consent:
            found[channel, kind] = said
    return found


def consented_at(said: Mapping[str, Any]) -> int | None:
    """Microseconds of `consented_at`; None when it is not given. Raises ValueError for what is no time."""
    text = said.get("consented_at")
    return None if text is None else times.parse(str(text))


def left_at(connection: sqlite3.Connection, profile_id: str, channel: tuple[str, str]) -> int | None:
    """When the profile unsubscribed from the channel; None when it did not, or has come back since."""
    if channel != _EMAIL:
        row = connection.execute(
            "select consented_at from kl_sms_consent "
            "where profile_id = ? and kind = ? and consent = 'UNSUBSCRIBED'",
            (profile_id, channel[1]),
        ).fetchone()
        return None if row is None else int(row[0])
    row = connection.execute(
        "select email_consent, email_consent_at, email_suppressions from kl_profile where id = ?",
        (profile_id,),
    ).fetchone()
    if row is None:
        return None
    moments = [
        times.parse(entry["timestamp"])
        for entry in orjson.loads(row["email_suppressions"])
        if entry["reason"] == "UNSUBSCRIBE"
    ]
    if row["email_consent"] == "UNSUBSCRIBED" and row["email_consent_at"] is not None:
        moments.append(row["email_consent_at"])
    return max(moments, default=None)


def find_profile(
    connection: sqlite3.Connection, row: Mapping[str, Any], now_us: int, *, create: bool
) -> str | None:
    """The id of the profile that a row means; None when there is none and none is to be made."""
    attributes = row["attributes"]
    who = Identifiers.of({"id": row.get("id"), "attributes": attributes})
    batch = ProfileBatch(connection, now_us)
    batch.load([who])
    if who.id is not None:
        known = batch.known(who.id)
        return None if known is None else known.id
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


def subscribe(connection: sqlite3.Connection, order: Mapping[str, Any], asked_us: int, at_us: int) -> None:
    """`order`: rows, list_id, historical.

    With a double opt-in list the person must confirm first, so nobody is subscribed here. An unknown e-mail
    without a list becomes no profile (recorded), except with a historical import.
    """
    historical, target = order["historical"], _list(connection, order["list_id"])
    confirmed = historical or target is None or target["opt_in_process"] == "single_opt_in"
    for row in order["rows"]:
        profile_id = find_profile(connection, row, at_us, create=historical or target is not None)
        if profile_id is None or not confirmed:
            continue
        accepted = False
        for channel, said in channels_of(row, "SUBSCRIBED").items():
            left = left_at(connection, profile_id, channel)
            if left is not None and not historical and asked_us - left < COOLING_OFF_US:
                continue
            since = consented_at(said)
            _consent(connection, profile_id, channel, at_us if since is None else since, at_us)
            accepted = True
        if accepted and target is not None:
            connection.execute(
                "insert or ignore into kl_list_member (list_id, profile_id, joined_at) values (?, ?, ?)",
                (target["id"], profile_id, at_us),
            )
            connection.execute(
                "delete from kl_list_suppression where list_id = ? and profile_id = ?",
                (target["id"], profile_id),
            )


def unsubscribe(connection: sqlite3.Connection, order: Mapping[str, Any], _: int, at_us: int) -> None:
    """`order`: rows, list_id. From a list only its members leave it; everybody else is unsubscribed globally.

    Who leaves a list is suppressed for that list (`list_suppressions`); unknown people become profiles.
    """
    target = _list(connection, order["list_id"])
    for row in order["rows"]:
        profile_id = find_profile(connection, row, at_us, create=True)
        if profile_id is None:
            continue
        channels = channels_of(row, "UNSUBSCRIBED")
        if target is not None and _leave(connection, profile_id, target["id"], channels, at_us):
            continue
        for channel in channels:
            if channel == _EMAIL:
                connection.execute(
                    "update kl_profile set email_consent = 'UNSUBSCRIBED', email_consent_at = ?, "
                    "email_suppressions = ? where id = ?",
                    (at_us, _with(connection, profile_id, "UNSUBSCRIBE", at_us), profile_id),
                )
            else:
                _set_sms(connection, profile_id, channel[1], "UNSUBSCRIBED", at_us)


def suppress(connection: sqlite3.Connection, order: Mapping[str, Any], _: int, at_us: int) -> None:
    """`order`: job_id, emails or list_id or segment_id. Profiles that are missing are made.

    Recorded: when a job is done it reports everybody as skipped and nobody as completed.
    """
    targets = _suppression_targets(connection, order, at_us, create=True)
    for profile_id in targets:
        connection.execute(
            "update kl_profile set email_suppressions = ? where id = ?",
            (_with(connection, profile_id, "USER_SUPPRESSED", at_us), profile_id),
        )
    _finish(connection, order, len(targets), at_us)


def unsuppress(connection: sqlite3.Connection, order: Mapping[str, Any], _: int, at_us: int) -> None:
    """`order`: as for `suppress`. Lifts USER_SUPPRESSED and nothing else; nobody is made."""
    targets = _suppression_targets(connection, order, at_us, create=False)
    for profile_id in targets:
        connection.execute(
            "update kl_profile set email_suppressions = ? where id = ?",
            (_without(connection, profile_id, ("USER_SUPPRESSED",)), profile_id),
        )
    _finish(connection, order, max(len(targets), len(order.get("emails") or ())), at_us)


def _consent(
    connection: sqlite3.Connection, profile_id: str, channel: tuple[str, str], since_us: int, at_us: int
) -> None:
    if channel == _EMAIL:
        connection.execute(
            "update kl_profile set email_consent = 'SUBSCRIBED', email_consent_at = ?, "
            "email_suppressions = ? where id = ?",
            (since_us, _without(connection, profile_id, _LIFTED), profile_id),
        )
    else:
        _set_sms(connection, profile_id, channel[1], "SUBSCRIBED", since_us)
    connection.execute("update kl_profile set updated_at = ? where id = ?", (at_us, profile_id))


def _set_sms(connection: sqlite3.Connection, profile_id: str, kind: str, consent: str, since_us: int) -> None:
    connection.execute(
        "insert or replace into kl_sms_consent (profile_id, kind, consent, consented_at) values (?, ?, ?, ?)",
        (profile_id, kind, consent, since_us),
    )


def _leave(
    connection: sqlite3.Connection,
    profile_id: str,
    list_id: str,
    channels: Iterable[tuple[str, str]],
    at_us: int,
) -> bool:
    left = connection.execute(
        "delete from kl_list_member where list_id = ? and profile_id = ?", (list_id, profile_id)
    ).rowcount
    if left and _EMAIL in channels:
        connection.execute(
            "insert or replace into kl_list_suppression (profile_id, list_id, reason, created_at) "
            "values (?, ?, 'UNSUBSCRIBE', ?)",
            (profile_id, list_id, at_us),
        )
    return bool(left)


def _list(connection: sqlite3.Connection, list_id: str | None) -> sqlite3.Row | None:
    found: sqlite3.Row | None = connection.execute(
        "select id, opt_in_process from kl_list where id = ?", (list_id,)
    ).fetchone()
    return found


def _suppression_targets(
    connection: sqlite3.Connection, order: Mapping[str, Any], at_us: int, *, create: bool
) -> list[str]:
    if order.get("list_id") is not None:
        rows = connection.execute(
            "select profile_id from kl_list_member where list_id = ?", (order["list_id"],)
        )
        return [row["profile_id"] for row in rows]
    if order.get("segment_id") is not None:
        return members_of_segment(connection, order["segment_id"], at_us)
    sent = [{"attributes": {"email": email}} for email in order["emails"]]
    found = [find_profile(connection, row, at_us, create=create) for row in sent]
    return [profile_id for profile_id in found if profile_id is not None]


def _finish(connection: sqlite3.Connection, order: Mapping[str, Any], count: int, at_us: int) -> None:
    connection.execute(
        "update kl_suppression_job set status = 'complete', completed_at = ?, total_count = ?, "
        "skipped_count = ? where id = ?",
        (at_us, count, count, order["job_id"]),
    )


def _suppressions(connection: sqlite3.Connection, profile_id: str) -> list[dict[str, Any]]:
    row = connection.execute(
        "select email_suppressions from kl_profile where id = ?", (profile_id,)
    ).fetchone()
    found: list[dict[str, Any]] = [] if row is None else orjson.loads(row[0])
    return found


def _with(connection: sqlite3.Connection, profile_id: str, reason: str, at_us: int) -> str:
    kept = _suppressions(connection, profile_id)
    if all(entry["reason"] != reason for entry in kept):
        kept.append({"reason": reason, "timestamp": times.iso_exact(at_us)})
    return orjson.dumps(kept).decode()


def _without(connection: sqlite3.Connection, profile_id: str, reasons: Sequence[str]) -> str:
    kept = [entry for entry in _suppressions(connection, profile_id) if entry["reason"] not in reasons]
    return orjson.dumps(kept).decode()

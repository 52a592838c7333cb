"""How profiles end: merged into another one, or deleted on request.

Belongs here: what becomes of everything that hangs on a profile. Does not belong here: HTTP
(`profile_merges`, `data_privacy`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import times
from c360_platform.sandbox.store import Store

_KEYS: Final = ("email", "phone_number", "external_id")
_TEXTS: Final = ("first_name", "last_name", "organization", "locale", "title", "image")
# What belongs to one profile, at most once for each of something else.
_GROUPS: Final = ("kl_list_member", "kl_segment_member", "kl_list_suppression", "kl_sms_consent")


def merge(connection: sqlite3.Connection, order: Mapping[str, Any], _: int, at_us: int) -> None:
    """`order`: source_id, profile_id, alias_us. Merges the source into the profile and deletes the source.

    The destination keeps what it has and takes the rest from the source: identifiers, fields and properties
    that it lacks, memberships, suppressions; events are re-homed and keep their ids, except where the
    destination has the same event already. Consent is the destination's unless it never had any (assumed: the
    documentation leaves it open). The source's id leads to the destination for `alias_us`.
    """
    source_id, target_id = order["source_id"], order["profile_id"]
    source = connection.execute("select * from kl_profile where id = ?", (source_id,)).fetchone()
    target = connection.execute("select * from kl_profile where id = ?", (target_id,)).fetchone()
    if source is None or target is None:  # deleted while the merge waited
        return
    merged = {name: target[name] or source[name] for name in (*_KEYS, *_TEXTS)}
    for name in ("location", "properties"):
        parts = {**orjson.loads(source[name]), **_set_only(orjson.loads(target[name]))}
        merged[name] = orjson.dumps(parts).decode()
    consent = source if target["email_consent"] == "NEVER_SUBSCRIBED" else target
    merged["email_consent"], merged["email_consent_at"] = (
        consent["email_consent"],
        consent["email_consent_at"],
    )
    merged["email_suppressions"] = _joined(target["email_suppressions"], source["email_suppressions"])
    merged["last_event_at"] = max(source["last_event_at"] or 0, target["last_event_at"] or 0) or None
    merged["updated_at"] = at_us
    for table in _GROUPS:
        connection.execute(
            f"update or ignore {table} set profile_id = ? where profile_id = ?", (target_id, source_id)
        )
        connection.execute(f"delete from {table} where profile_id = ?", (source_id,))
    connection.execute(
        "update or ignore kl_event set profile_id = ? where profile_id = ?", (target_id, source_id)
    )
    connection.execute(
        "update or ignore kl_prediction set profile_id = ? where profile_id = ?", (target_id, source_id)
    )
    delete(connection, {"profile_id": source_id}, at_us, at_us)
    connection.execute(
        f"update kl_profile set {', '.join(f'{name} = ?' for name in merged)} where id = ?",
        (*merged.values(), target_id),
    )
    connection.execute(
        "update kl_profile_alias set profile_id = ? where profile_id = ?", (target_id, source_id)
    )
    connection.execute(
        "insert or replace into kl_profile_alias (source_id, profile_id, until_at) values (?, ?, ?)",
        (source_id, target_id, at_us + order["alias_us"]),
    )


def delete(connection: sqlite3.Connection, order: Mapping[str, Any], _: int, __: int) -> None:
    """`order`: profile_id. The profile, its events and its memberships go; metrics stay."""
    profile_id = order["profile_id"]
    connection.execute(
        "delete from kl_hidden where kind = 'event' and id in (select id from kl_event where profile_id = ?)",
        (profile_id,),
    )
    for table in ("kl_event", "kl_prediction", *_GROUPS):
        connection.execute(f"delete from {table} where profile_id = ?", (profile_id,))
    connection.execute("delete from kl_profile where id = ?", (profile_id,))


def profile_id_of(store: Store, profile_id: str, now_us: int) -> str:
    """The id itself, or for the id of a merged profile that of the profile it became."""
    became = store.value(
        "select profile_id from kl_profile_alias where source_id = ? and until_at > ?", (profile_id, now_us)
    )
    return profile_id if became is None else str(became)


def _set_only(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None}


def _joined(first: str, second: str) -> str:
    """Both lists of suppressions; of the same reason the older one."""
    found: dict[str, dict[str, Any]] = {}
    for entry in (*orjson.loads(first), *orjson.loads(second)):
        known = found.get(entry["reason"])
        if known is None or times.parse(entry["timestamp"]) < times.parse(known["timestamp"]):
            found[entry["reason"]] = entry
    return orjson.dumps(list(found.values())).decode()

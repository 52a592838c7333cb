"""Who is in a segment.

Belongs here: working members out when they are asked for. Does not belong here: what a definition means
(`segment_definition`), HTTP (`segments`).

Nothing runs in the background: members are worked out when somebody asks and the lag since the last time has
passed. With a lag of 0 they are always right; with one, a new segment is empty and changes show late, as
recorded from a live account (about nine minutes).
"""

from __future__ import annotations

import sqlite3

import orjson

from c360_platform.sandbox.klaviyo.lags import lags_in
from c360_platform.sandbox.klaviyo.segment_definition import condition_of, groups_in
from c360_platform.sandbox.store import Store


def refresh_segments(store: Store, now_us: int, segment_id: str | None = None) -> None:
    """Work out the members of one segment or of all whose time has come; inactive ones keep theirs."""
    due = store.rows(
        "select id from kl_segment where is_active and due_at <= ? and id = coalesce(?, id)",
        (now_us, segment_id),
    )
    if not due:
        return
    next_us = now_us + int(lags_in(store).segment_members * 1_000_000)
    with store.transaction() as connection:
        seen: set[str] = set()
        for row in due:
            _refresh(connection, row["id"], now_us, next_us, seen)


def members_of_segment(connection: sqlite3.Connection, segment_id: str, now_us: int) -> list[str]:
    """Profile ids of the members as far as they are worked out or due."""
    _refresh(connection, segment_id, now_us, now_us, set())
    rows = connection.execute("select profile_id from kl_segment_member where segment_id = ?", (segment_id,))
    return [found["profile_id"] for found in rows]


def _refresh(
    connection: sqlite3.Connection, segment_id: str, now_us: int, next_us: int, seen: set[str]
) -> None:
    """One segment if it is due, after the segments that its definition names; `seen` ends circles."""
    row = connection.execute(
        "select definition from kl_segment where id = ? and is_active and due_at <= ?", (segment_id, now_us)
    ).fetchone()
    if row is None or segment_id in seen:
        return
    seen.add(segment_id)
    definition = orjson.loads(row["definition"])
    for group_id in groups_in(definition):
        _refresh(connection, group_id, now_us, next_us, seen)
    condition = condition_of(definition, now_us)
    matching = f"select p.id from kl_profile as p where {condition.text}"
    connection.execute(
        f"delete from kl_segment_member where segment_id = ? and profile_id not in ({matching})",
        (segment_id, *condition.parameters),
    )
    connection.execute(
        "insert or ignore into kl_segment_member (segment_id, profile_id, joined_at) "
        f"select ?, id, ? from ({matching})",
        (segment_id, now_us, *condition.parameters),
    )
    connection.execute("update kl_segment set due_at = ? where id = ?", (next_us, segment_id))

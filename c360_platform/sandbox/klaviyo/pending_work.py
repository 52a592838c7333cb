"""Work that Klaviyo accepts now and does later: consent, suppression, merges, deletions.

Belongs here: waiting until it is due, and which function does which kind. Does not belong here: what the work
is (`consent_work`, `profile_work`), bulk imports (`import_work`), how long it takes (`lags`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.klaviyo import consent_work, profile_work
from c360_platform.sandbox.store import Store

# (connection, body, microsecond of the request, microsecond of the work)
Work = Callable[[sqlite3.Connection, Mapping[str, Any], int, int], None]

_KINDS: Final[Mapping[str, Work]] = {
    "subscribe": consent_work.subscribe,
    "unsubscribe": consent_work.unsubscribe,
    "suppress": consent_work.suppress,
    "unsuppress": consent_work.unsuppress,
    "merge": profile_work.merge,
    "delete": profile_work.delete,
}


def accept(store: Store, clock: Clock, kind: str, body: Mapping[str, Any], lag_seconds: float) -> None:
    """Do the work after `lag_seconds`; without a lag now, so that the answer comes after it."""
    now_us = clock.now_us()
    with store.transaction() as connection:
        if lag_seconds <= 0:
            _KINDS[kind](connection, body, now_us, now_us)
        else:
            connection.execute(
                "insert into kl_pending (kind, due_at, asked_at, body) values (?, ?, ?, ?)",
                (kind, now_us + int(lag_seconds * 1_000_000), now_us, orjson.dumps(body).decode()),
            )


def work_off(store: Store, clock: Clock, *, everything: bool = False) -> None:
    """Do what is due by the clock, in the order in which it is; with `everything`, the rest too."""
    now_us = clock.now_us()
    due = "select id from kl_pending where due_at <= ? or ? order by due_at, id"
    for waiting in store.rows(due, (now_us, everything)):
        with store.transaction() as connection:
            row = connection.execute("select * from kl_pending where id = ?", (waiting["id"],)).fetchone()
            if row is None:  # another thread was faster
                continue
            at_us = min(row["due_at"], now_us)
            _KINDS[row["kind"]](connection, orjson.loads(row["body"]), row["asked_at"], at_us)
            connection.execute("delete from kl_pending where id = ?", (row["id"],))

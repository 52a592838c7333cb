"""What an account may still ask of Klaviyo: one count for every process of this machine that uses it.

Belongs here: who was granted a request, who waits in which lane, pauses. Does not belong here: the numbers
(`limits`) and requests (`connection`).

Klaviyo counts per account and endpoint in fixed windows of a second and a minute. We do not know when its
windows begin, so ours slide: what holds in every sliding window holds in every fixed one.

Nobody reserves a moment ahead. A request is granted now or its caller waits, leaving word for a few seconds
at a time; it goes when there is room for it and for everybody who waits before it, in a higher lane or longer
in its own. So no lane is held up by a lower one, and a process that dies holds up nobody for long.

The count is a small SQLite file, or kept in this process when there is no path or the file cannot be used.
Its times are those of the machine's monotonic clock, which all processes share and a reboot sets back. It
names accounts by a hash, never by the key.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args
from uuid import uuid4

from c360_platform.activation.transport.limits import LONGEST_WINDOW, XL, Tier

Lane = Literal["events", "profiles", "lists", "ingest"]
"""Who goes first, the most urgent one first: a customer waits for a parcel, nobody for a list."""

# Requests may travel at different speeds: what left a second apart can arrive closer together.
_MARGIN_SECONDS = 0.02
# A caller asks again at the latest after a nap, and is thought dead when it has not for so long.
_NAP_SECONDS, _LEASE_SECONDS = 2.0, 4.0
_BUSY_SECONDS = 10.0
_TABLES = """
create table if not exists grants (
    bucket text, number integer, at real, primary key (bucket, number)
) without rowid;
create table if not exists pauses (bucket text primary key, until real) without rowid;
create table if not exists waiters (
    bucket text, rank integer, since real, caller text, until real, primary key (bucket, rank, since, caller)
) without rowid;
"""

T = TypeVar("T")
Clock = Callable[[], float]
Place = tuple[int, float, str]
"""Where somebody waits: the rank of the lane, since when, a name that nobody else has."""
logger = logging.getLogger(__name__)


class Budget:
    """The count in one file, or in memory without a path. Thread-safe."""

    def __init__(self, path: Path | None = None, *, clock: Clock = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._inherited: list[sqlite3.Connection | None] = []

    def reserve(self, bucket: str, tier: Tier, place: Place) -> float:
        """0 and the request is counted, or the seconds after which to ask again with the same `place`."""
        return self._change(lambda sql: _Bucket(sql, bucket, self._clock()).reserve(tier, place))

    def pause(self, bucket: str, seconds: float) -> None:
        """Nobody before so many seconds from now, of which a minute counts: no window lasts longer."""
        self._change(lambda sql: _Bucket(sql, bucket, self._clock()).pause(seconds))

    def leave(self, bucket: str, place: Place) -> None:
        """The caller waits no longer."""
        self._change(lambda sql: _Bucket(sql, bucket, self._clock()).leave(place))

    def now(self) -> float:
        return self._clock()

    def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._process != os.getpid():
            # SQLite's connections must not be used, nor closed, on the other side of a fork.
            self._inherited.append(self._connection)
            self._process, self._connection, self._lock = os.getpid(), None, threading.Lock()
        with self._lock:
            try:
                return self._transaction(work)
            except (sqlite3.Error, OSError) as error:
                if self._path is None:
                    raise
                logger.warning(
                    "%s cannot be used (%s): Klaviyo's limits are kept within this process alone; "
                    "remove the file if it is broken",
                    self._path,
                    error,
                )
                if self._connection is not None:
                    with suppress(sqlite3.Error):
                        self._connection.close()
                self._path, self._connection = None, None
                return self._transaction(work)

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = _open(self._path)
        connection = self._connection
        connection.execute("begin immediate")
        try:
            result = work(connection)
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return result


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    # What a loss of power spoils is a minute's count. A killed process spoils nothing: its journal stays.
    connection.execute("pragma synchronous = off")
    connection.execute("pragma journal_mode = persist")
    connection.executescript(f"begin immediate; {_TABLES} commit;")
    return connection


@dataclass(frozen=True, slots=True)
class _Bucket:
    """One endpoint of one account at the moment `now`, inside a transaction."""

    sql: sqlite3.Connection
    name: str
    now: float

    def reserve(self, tier: Tier, place: Place) -> float:
        latest, paused = self._latest()
        moment = max(self.now, paused)
        number = latest + 1 + self._waiting_before(place)
        for count, seconds in tier.windows:
            moment = max(moment, self._room(latest, number - count, count, seconds + _MARGIN_SECONDS))
        if moment > self.now:
            self._wait(place)
            return min(moment - self.now, _NAP_SECONDS)
        self.sql.execute("insert into grants values (?, ?, ?)", (self.name, latest + 1, self.now))
        self.sql.execute(
            "delete from grants where bucket = ? and number <= ?",
            (self.name, latest + 1 - max(tier.steady, XL.steady)),
        )
        self.leave(place)
        return 0.0

    def pause(self, seconds: float) -> None:
        self.sql.execute(
            "insert into pauses values (?, ?) "
            "on conflict (bucket) do update set until = max(until, excluded.until)",
            (self.name, self.now + min(max(seconds, 0.0), LONGEST_WINDOW)),
        )

    def leave(self, place: Place) -> None:
        self.sql.execute(
            "delete from waiters where bucket = ? and rank = ? and since = ? and caller = ?",
            (self.name, *place),
        )

    def _latest(self) -> tuple[int, float]:
        """The number of the latest grant and the end of the pause; nothing of before the machine's start."""
        number, at = self.sql.execute(
            "select number, at from grants where bucket = ? order by number desc limit 1", (self.name,)
        ).fetchone() or (0, self.now)
        (paused,) = self.sql.execute(
            "select until from pauses where bucket = ?", (self.name,)
        ).fetchone() or (self.now,)
        if at <= self.now and paused <= self.now + LONGEST_WINDOW:
            return number, paused
        for table in ("grants", "pauses", "waiters"):
            self.sql.execute(f"delete from {table} where bucket = ?", (self.name,))
        return 0, self.now

    def _waiting_before(self, place: Place) -> int:
        (count,) = self.sql.execute(
            "select count(*) from waiters "
            "where bucket = ? and until > ? and (rank, since, caller) < (?, ?, ?)",
            (self.name, self.now, *place),
        ).fetchone()
        return int(count)

    def _wait(self, place: Place) -> None:
        self.sql.execute("delete from waiters where bucket = ? and until <= ?", (self.name, self.now))
        self.sql.execute(
            "insert into waiters values (?, ?, ?, ?, ?) on conflict do update set until = excluded.until",
            (self.name, *place, self.now + _LEASE_SECONDS),
        )

    def _room(self, latest: int, number: int, count: int, span: float) -> float:
        """When the grant `number`, which may be still to come, is `span` seconds old.

        Those to come are thought as close together as a window of `count` in each span allows.
        """
        rounds = max(0, -((latest - number) // count))
        (at,) = self.sql.execute(
            "select at from grants where bucket = ? and number = ?", (self.name, number - rounds * count)
        ).fetchone() or (-math.inf,)
        return max(at + span, self.now) + rounds * span if rounds else float(at + span)


class Limiter:
    """One caller's way to one endpoint in one lane. Not thread-safe: every request has its own."""

    def __init__(self, budget: Budget, bucket: str, tier: Tier, lane: Lane) -> None:
        self._budget = budget
        self._bucket = bucket
        self._tier = tier
        self._rank = get_args(Lane).index(lane)
        self._place: Place | None = None

    def reserve(self) -> float:
        """0 and the request may leave at once, or the seconds after which to ask again."""
        place = self._place or (self._rank, self._budget.now(), uuid4().hex)
        pause = self._budget.reserve(self._bucket, self._tier, place)
        self._place = place if pause > 0 else None
        return pause

    def pause(self, seconds: float) -> None:
        """Nobody, in no process, before so many seconds: Klaviyo said so."""
        self._budget.pause(self._bucket, seconds)

    def leave(self) -> None:
        """Wait no longer; whoever waits behind moves up at once."""
        if self._place is not None:
            self._budget.leave(self._bucket, self._place)
            self._place = None


class AccountBudget:
    """The budget as one account has it: its limiters, by endpoint such as `GET /api/lists/{id}/profiles`."""

    def __init__(self, budget: Budget, base_url: str, api_key: str) -> None:
        self._budget = budget
        self._account = hashlib.sha256(f"{base_url.rstrip('/')}\n{api_key}".encode()).hexdigest()

    def limiter(self, endpoint: str, tier: Tier, lane: Lane) -> Limiter:
        return Limiter(self._budget, f"{self._account} {endpoint}", tier, lane)


_budgets: dict[Path | None, Budget] = {}
_budgets_lock = threading.Lock()


def account_budget(base_url: str, api_key: str, path: Path | None = None) -> AccountBudget:
    """The budget that everybody with this key and file shares; without a file, everybody in this process."""
    with _budgets_lock:
        budget = _budgets.setdefault(path, Budget(path))
    return AccountBudget(budget, base_url, api_key)

"""Recording events.

Belongs here: an event's form in both calls that send events, its rules, its profile and metric. Does not
belong here: HTTP and reading.

An event is recorded once per (profile, metric, unique_id); without a unique_id its second stands for one. A
later event with the same three is dropped silently, as recorded from a live account. What is recorded becomes
readable after the lag of events, back-dated ones after theirs, and a new metric with the first event of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.klaviyo import ids, times
from c360_platform.sandbox.klaviyo.bodies import profile_problems
from c360_platform.sandbox.klaviyo.errors import Problem
from c360_platform.sandbox.klaviyo.lags import Lags, lags_in
from c360_platform.sandbox.klaviyo.metrics import metric_ids
from c360_platform.sandbox.klaviyo.profile_batch import (
    ConflictError,
    Identifiers,
    Profile,
    ProfileBatch,
    UnknownProfileError,
)
from c360_platform.sandbox.store import Store

MAX_PROPERTIES: Final = 400
MAX_STRING_BYTES: Final = 100_000
MAX_METRIC_NAME: Final = 127
_EARLIEST_S: Final = times.parse("1990-01-01T00:00:00Z") // 1_000_000
_YEAR_S: Final = 366 * 24 * 3600
_FRESH_S: Final = 3600
_ANONYMOUS: Final = ("anonymous_id", "_kx")
_EXTRA: Final = ("anonymous_id",)


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event of a request: `profile` as `{"id"?, "attributes", "meta"?}`, `attributes` of the event."""

    profile: Mapping[str, Any]
    attributes: Mapping[str, Any]
    profile_pointer: str
    pointer: str
    backfill: bool

    @property
    def metric(self) -> str:
        return str(self.attributes["metric"]["data"]["attributes"]["name"])

    @property
    def is_backfill(self) -> bool:
        return self.backfill or bool(self.attributes.get("backfill"))

    def second(self, now_s: int) -> int:
        time = self.attributes.get("time")
        return now_s if time is None else times.parse(time) // 1_000_000


def event_problems(events: Sequence[SentEvent], clock: Clock) -> list[Problem]:
    """What is wrong with events whose types are right; a repeated unique_id refuses the whole request."""
    problems: list[Problem] = []
    latest = clock.now_s() + _YEAR_S
    checked_profiles: set[str] = set()
    seen: set[tuple[Any, ...]] = set()
    for event in events:
        if event.profile_pointer not in checked_profiles:
            checked_profiles.add(event.profile_pointer)
            problems += _profile_problems(event)
        problems += _time_problems(event, latest)
        if not 1 <= len(event.metric) <= MAX_METRIC_NAME:
            detail = f"The metric's name must have 1 to {MAX_METRIC_NAME} characters."
            problems.append(Problem(detail, f"{event.pointer}/metric/data/attributes/name"))
        properties = event.attributes["properties"]
        if len(properties) > MAX_PROPERTIES:
            detail = f"An event must not have more than {MAX_PROPERTIES} properties."
            problems.append(Problem(detail, f"{event.pointer}/properties"))
        if any(len(text.encode()) > MAX_STRING_BYTES for text in _strings(properties)):
            problems.append(Problem("A string must not exceed 100KB.", f"{event.pointer}/properties"))
        unique_id = event.attributes.get("unique_id")
        if unique_id is not None:
            key = (Identifiers.of(event.profile), event.metric, unique_id)
            if key in seen:
                detail = f"The unique_id '{unique_id}' is repeated for the same profile and metric."
                problems.append(Problem(detail, f"{event.pointer}/unique_id"))
            seen.add(key)
    return problems


def record_events(store: Store, clock: Clock, events: Sequence[SentEvent]) -> None:
    """Record events; profiles and metrics that do not exist are made. One transaction."""
    now_us, lags = clock.now_us(), lags_in(store)
    with store.transaction() as connection:
        batch = ProfileBatch(connection, now_us)
        batch.load(_identifiers(event.profile) for event in events)
        metrics, new_metrics = metric_ids(connection, {event.metric for event in events}, now_us)
        unseen = {row["id"] for row in connection.execute("select id from kl_hidden where kind = 'metric'")}
        unseen |= {metrics[name] for name in new_metrics}
        hidden: dict[tuple[str, str], int] = {}
        merged: set[str] = set()
        rows = []
        for event in events:
            profile = _profile_of(batch, event, merged)
            if profile is None:
                continue
            row = _row(event, profile.id, metrics[event.metric], now_us)
            rows.append(row)
            lag_us = _lag_us(event, lags, now_us)
            if lag_us:
                hidden["event", row[0]] = now_us + lag_us
            if metrics[event.metric] in unseen:
                key = ("metric", metrics[event.metric])
                hidden[key] = min(hidden.get(key, now_us + lag_us), now_us + lag_us)
            batch.saw_event(profile, now_us)
        batch.write()
        connection.executemany(
            "insert or ignore into kl_event (id, uuid, profile_id, metric_id, unique_id, occurred_at, "
            "received_at, properties, value, value_currency, backfill) "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        _hide(connection, hidden, now_us)


def _hide(connection: sqlite3.Connection, hidden: Mapping[tuple[str, str], int], now_us: int) -> None:
    """Keep what is recorded from readers until its time; what could be read before stays readable."""
    connection.executemany(
        "insert into kl_hidden (kind, id, until_at) select ?, ?, ? "
        "where ? = 'metric' or exists (select 1 from kl_event where id = ? and received_at = ?) "
        "on conflict (kind, id) do update set until_at = min(until_at, excluded.until_at)",
        [(kind, one, until_us, kind, one, now_us) for (kind, one), until_us in hidden.items()],
    )
    connection.execute("delete from kl_hidden where until_at <= ?", (now_us,))


def _lag_us(event: SentEvent, lags: Lags, now_us: int) -> int:
    is_old = now_us // 1_000_000 - event.second(now_us // 1_000_000) > _FRESH_S
    lag = lags.back_dated_events if is_old or event.is_backfill else lags.events
    return int(lag * 1_000_000)


def _profile_of(batch: ProfileBatch, event: SentEvent, merged: set[str]) -> Profile | None:
    """The profile of an event, made or updated by the first event that names it in a request.

    None for an unknown id: Klaviyo has answered 202 by then and the event is lost.
    """
    who = _identifiers(event.profile)
    try:
        found = batch.find(who)
    except UnknownProfileError:
        if event.profile.get("id"):
            return None
        found = None  # an anonymous visitor comes for the first time
    except ConflictError:  # the identifier that is asked for first wins
        return batch.find(_first(who))
    attributes = event.profile.get("attributes") or {}
    if found is None:
        found = batch.create(_anonymous_id(attributes))
    elif event.profile_pointer in merged or not _says_more(event.profile):
        return found
    merged.add(event.profile_pointer)
    meta = event.profile.get("meta") or {}
    try:
        batch.merge(found, attributes, meta, clear=False)
    except ConflictError:  # an identifier to append is taken: Klaviyo has answered 202 by then
        batch.merge(found, attributes, {**meta, "patch_identifiers": None}, clear=False)
    return found


def _identifiers(profile: Mapping[str, Any]) -> Identifiers:
    who = Identifiers.of(profile)
    anonymous = None if who else _anonymous_id(profile.get("attributes") or {})
    return who if anonymous is None else Identifiers(id=anonymous)


def _anonymous_id(attributes: Mapping[str, Any]) -> str | None:
    text = next((attributes[name] for name in _ANONYMOUS if attributes.get(name)), None)
    return None if text is None else ids.anonymous_profile_id(str(text))


def _first(who: Identifiers) -> Identifiers:
    for name in ("id", "email", "phone_number", "external_id"):
        value = getattr(who, name)
        if value is not None:
            return Identifiers(**{name: value})
    return who


def _says_more(profile: Mapping[str, Any]) -> bool:
    """True when a payload has more than identifiers."""
    keys = {"email", "phone_number", "external_id", *_ANONYMOUS}
    return bool(profile.get("meta")) or not (profile.get("attributes") or {}).keys() <= keys


def _row(event: SentEvent, profile_id: str, metric_id: str, now_us: int) -> tuple[Any, ...]:
    attributes = event.attributes
    second = event.second(now_us // 1_000_000)
    unique_id = attributes.get("unique_id") or str(second)
    event_id = ids.event_id(profile_id, metric_id, unique_id)
    return (
        event_id,
        ids.event_uuid(event_id),
        profile_id,
        metric_id,
        unique_id,
        second,
        now_us,
        orjson.dumps(attributes["properties"]).decode(),
        attributes.get("value"),
        attributes.get("value_currency"),
        int(event.is_backfill),
    )


def _profile_problems(event: SentEvent) -> list[Problem]:
    attributes = event.profile.get("attributes") or {}
    pointer = f"{event.profile_pointer}/attributes"
    problems = profile_problems(attributes, pointer, phone_must_be_valid=False, extra=_EXTRA)
    keys = ("email", "phone_number", "external_id", *_ANONYMOUS)
    if not (event.profile.get("id") or any(attributes.get(name) for name in keys)):
        problems.append(Problem("A profile needs at least one identifier.", pointer))
    return problems


def _time_problems(event: SentEvent, latest: int) -> Iterator[Problem]:
    pointer = f"{event.pointer}/time"
    time = event.attributes.get("time")
    if time is None:
        return
    try:
        second = times.parse(time) // 1_000_000
    except (ValueError, TypeError, AttributeError):
        yield Problem("'time' must be an ISO 8601 date-time, e.g. 2026-11-20T12:00:00+00:00.", pointer)
        return
    if second < _EARLIEST_S:
        yield Problem("'time' must be after the year 1990.", pointer)
    if second > latest:
        yield Problem("'time' must not be more than one year in the future.", pointer)


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)

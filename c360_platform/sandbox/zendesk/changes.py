"""Changing what the sandbox's Zendesk holds, with the times that Zendesk would give the change.

Belongs here: what a change by a person, by the system, a deletion, a merge and a scrub do to a row. Does not
belong here: the paths they are asked for by (`control`), and reading.

Every change happens now unless the fields name another `updated_at` or, for tickets, `generated_timestamp`.
Records that are made anew bring no history.
Bodies are stored as the API answers them; `metric_set` is a field of a ticket here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Annotated, Any, Final

import msgspec
import orjson

from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.store import Store
from c360_platform.sandbox.zendesk.directory import COLLECTIONS
from c360_platform.sandbox.zendesk.new_records import NEW_RECORDS, new_metric_set
from c360_platform.sandbox.zendesk.positions import LARGEST, seconds_of
from c360_platform.sandbox.zendesk.ticket_history import record_change

Fields = dict[str, Any]

_MICROSECONDS: Final = 1_000_000
_SCRUBBED: Final = "SCRUBBED"  # what the content of a permanently deleted ticket becomes


class ChangeError(Exception):
    """A change that cannot be made; the message says why."""


class _CustomValue(msgspec.Struct):
    id: int
    value: Any = None


class _Shape(msgspec.Struct):
    """What the sandbox itself reads of a body; everything else is the caller's."""

    id: Annotated[int, msgspec.Meta(ge=0, lt=LARGEST)] | str
    created_at: str
    updated_at: str
    generated_timestamp: Annotated[int, msgspec.Meta(ge=0, lt=LARGEST)] = 0
    ticket_id: Annotated[int, msgspec.Meta(ge=0, lt=LARGEST)] | None = None
    time: str = ""
    tags: list[str] = []
    custom_fields: list[_CustomValue] = []
    metric_set: Fields = {}
    child_events: list[Fields] = []
    comment: Fields | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table and how its columns beside `id` and `body` follow from a body."""

    table: str
    columns: Callable[[Fields], dict[str, Any]]


def _seconds(body: Fields, name: str) -> int:
    try:
        return seconds_of(str(body[name]))
    except ValueError:
        raise ChangeError(f"{name} is not an ISO 8601 time") from None


def _updated(body: Fields) -> dict[str, Any]:
    return {"updated_at": _seconds(body, "updated_at")}


def _created_and_updated(body: Fields) -> dict[str, Any]:
    return {name: _seconds(body, name) * _MICROSECONDS for name in ("created_at", "updated_at")}


def _occurred(body: Fields) -> dict[str, Any]:
    name = "time" if "time" in body else "created_at"
    return {"ticket_id": body.get("ticket_id") or 0, "occurred_at": _seconds(body, name) * _MICROSECONDS}


_KINDS: Final = {
    "users": _Kind("zd_user", _updated),
    "organizations": _Kind("zd_organization", _updated),
    "satisfaction_ratings": _Kind("zd_satisfaction_rating", _created_and_updated),
    "survey_responses": _Kind("zd_survey_response", _created_and_updated),
    "ticket_events": _Kind("zd_ticket_event", _occurred),
    "ticket_metric_events": _Kind("zd_ticket_metric_event", _occurred),
}
KINDS: Final = ("tickets", *_KINDS, *COLLECTIONS)


class Changes:
    """Makes changes in one store by one clock; each method is one transaction and returns the new body."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def put(self, kind: str, identifier: Any, fields: Fields) -> Fields:
        """Make the record anew, with the documented members where `fields` has none."""
        return self.put_many(kind, [{**fields, "id": identifier}])[0]

    def put_many(self, kind: str, records: Sequence[Fields]) -> list[Fields]:
        """Make many records anew in one transaction; each names its `id`."""
        now = _iso(self._clock.now_s())
        with self._store.transaction() as connection:
            made = []
            for record in records:
                body = {**NEW_RECORDS.get(kind, {}), "created_at": now, "updated_at": now, **record}
                _check(kind, body)
                if kind == "tickets":
                    body["metric_set"] = new_metric_set(body) | record.get("metric_set", {})
                made.append(self._write(connection, kind, body))
        return made

    def patch(self, kind: str, identifier: Any, fields: Fields) -> Fields:
        """A change by a person: `updated_at` moves, and with it everything that orders the record.

        A ticket's change leaves a ticket event; a `comment` of `{body, public, author_id}` is part of it.
        """
        with self._store.transaction() as connection:
            body = self._read(kind, identifier)
            changed = {**body, "updated_at": _iso(self._clock.now_s()), **fields, "id": body["id"]}
            _check(kind, changed)
            comment = changed.pop("comment", None) if kind == "tickets" else None
            if "custom_fields" in fields:
                changed["custom_fields"] = _merged(body.get("custom_fields", []), fields["custom_fields"])
            if kind == "tickets" and body["metric_set"]:
                moved = {"updated_at": changed["updated_at"]}
                changed["metric_set"] = body["metric_set"] | moved | fields.get("metric_set", {})
            if kind == "tickets":
                record_change(connection, self._clock.now_us(), body, changed, comment=comment)
            return self._write(connection, kind, changed)

    def system_update(self, ticket_id: int, fields: Fields) -> Fields:
        """A change by the system: only `generated_timestamp` moves."""
        with self._store.transaction() as connection:
            body = self._read("tickets", ticket_id)
            changed = {**body, **fields, "id": body["id"]}
            _check("tickets", changed)
            record_change(connection, self._clock.now_us(), body, changed, by_system=True)
            return self._write(connection, "tickets", changed)

    def delete(self, kind: str, identifier: Any) -> Fields:
        """Tickets, users and organizations stay in the exports as deleted; other records are gone."""
        if kind == "tickets":
            return self.patch(kind, identifier, {"status": "deleted"})
        if kind == "users":
            return self.patch(kind, identifier, {"active": False})
        if kind == "organizations":
            return self.patch(kind, identifier, {"deleted_at": _iso(self._clock.now_s())})
        with self._store.transaction() as connection:
            body = self._read(kind, identifier)
            table, key, parameters = _place(kind, identifier)
            connection.execute(f"delete from {table} where {key}", parameters)
        return body

    def merge(self, ticket_id: int, into: int) -> Fields:
        """The ticket is closed with the tag `closed_by_merge`; the one it went into changes, too."""
        if ticket_id == into:
            raise ChangeError("a ticket cannot be merged into itself")
        with self._store.transaction():
            self.patch("tickets", into, {})
            tags = [*self._read("tickets", ticket_id).get("tags", []), "closed_by_merge"]
            return self.patch("tickets", ticket_id, {"status": "closed", "tags": list(dict.fromkeys(tags))})

    def scrub(self, kind: str, identifier: int) -> Fields:
        """Permanent deletion: the record stays in the exports without what it said (assumed in detail)."""
        if kind == "tickets":
            texts = dict.fromkeys(("subject", "raw_subject", "description"), _SCRUBBED)
            emptied: Fields = {
                "custom_fields": [],
                "tags": [],
                "recipient": None,
                "via": {"channel": "web", "source": {}},
            }
            with self._store.transaction() as connection:
                self.patch(kind, identifier, {"status": "deleted"})
                body = self._read(kind, identifier)
                return self._write(connection, kind, {**body, **texts, **emptied})
        if kind == "users":
            nobody = dict.fromkeys(("email", "phone", "external_id", "notes", "details", "alias"))
            gone = {"active": False, "permanently_deleted": True, "name": "Permanently deleted user"}
            return self.patch(kind, identifier, {**nobody, **gone, "tags": [], "user_fields": {}})
        raise ChangeError("tickets and users can be scrubbed")

    def _read(self, kind: str, identifier: Any) -> Fields:
        table, key, parameters = _place(kind, identifier)
        columns = "body, metric_set" if kind == "tickets" else "body"
        row = self._store.row(f"select {columns} from {table} where {key}", parameters)
        if row is None:
            raise ChangeError(f"there is no such record in {kind}")
        body: Fields = orjson.loads(row["body"])
        if kind == "tickets":
            body["metric_set"] = orjson.loads(row["metric_set"])
        return body

    def _write(self, connection: Connection, kind: str, body: Fields) -> Fields:
        table, _, _ = _place(kind, body["id"])
        stored, columns = dict(body), {"id": body["id"]}
        if kind == "tickets":
            generated = stored.pop("generated_timestamp", None)
            columns["metric_set"] = orjson.dumps(stored.pop("metric_set")).decode()
            columns["updated_at"] = _seconds(stored, "updated_at")
            columns["generated_at"] = self._clock.now_s() if generated is None else int(generated)
        elif kind in COLLECTIONS:
            columns["collection"] = kind
        else:
            columns |= _KINDS[kind].columns(stored)
        columns["body"] = orjson.dumps(stored).decode()
        connection.execute(
            f"insert or replace into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})",
            list(columns.values()),
        )
        return body


def _place(kind: str, identifier: Any) -> tuple[str, str, tuple[Any, ...]]:
    """Table, condition and its parameters of one record."""
    if kind in COLLECTIONS:
        return "zd_object", "collection = ? and id = ?", (kind, identifier)
    if kind == "tickets":
        return "zd_ticket", "id = ?", (identifier,)
    if kind not in _KINDS:
        raise ChangeError(f"{kind} is none of {', '.join(KINDS)}")
    return _KINDS[kind].table, "id = ?", (identifier,)


def _check(kind: str, body: Fields) -> None:
    try:
        shape = msgspec.convert(body, type=_Shape)
    except msgspec.ValidationError as error:
        raise ChangeError(str(error)) from None
    if isinstance(shape.id, str) and kind != "survey_responses":
        raise ChangeError("the id must be a number")


def _merged(values: list[Fields], changed: list[Fields]) -> list[Fields]:
    """Custom fields by id: those named change, the others stay."""
    return list({value["id"]: value for value in [*values, *changed]}.values())


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

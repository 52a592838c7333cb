"""Profiles being written: finding them by their identifiers, merging what is sent, writing them back.

Belongs here: identity and merging, the same for one profile and for ten thousand. Does not belong here: HTTP,
consent, lists.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import ids
from c360_platform.sandbox.klaviyo.bodies import PROFILE_TEXTS, is_phone
from c360_platform.sandbox.klaviyo.profile_fields import merge_location, merge_properties, patch_properties

_COLUMNS: Final = (
    *("id", "email", "phone_number", "external_id", *PROFILE_TEXTS, "location", "properties"),
    *("created_at", "updated_at", "last_event_at"),
)
_KEYS: Final = ("email", "phone_number", "external_id")
_UPSERT: Final = (
    f"insert into kl_profile ({', '.join(_COLUMNS)}) values ({', '.join('?' * len(_COLUMNS))}) "
    f"on conflict (id) do update set {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)


class UnknownProfileError(Exception):
    """A profile was named by an id that does not exist."""


class ConflictError(Exception):
    """Identifiers belong to different profiles; `profile_id` is the other one."""

    def __init__(self, profile_id: str) -> None:
        super().__init__(profile_id)
        self.profile_id = profile_id


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What a payload says about who somebody is, normalised; at least one should be set."""

    id: str | None = None
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None

    @classmethod
    def of(cls, profile: Mapping[str, Any]) -> Identifiers:
        """From `{"id"?, "attributes"}`; e-mails are lower-cased, invalid phone numbers dropped."""
        attributes = profile.get("attributes") or {}
        email, phone = attributes.get("email"), attributes.get("phone_number")
        return cls(
            id=profile.get("id") or None,
            email=email.lower() if email else None,
            phone_number=phone if phone and is_phone(phone) else None,
            external_id=attributes.get("external_id") or None,
        )

    def __bool__(self) -> bool:
        return bool(self.id or self.email or self.phone_number or self.external_id)


@dataclass(slots=True)
class Profile:
    """A row of `kl_profile` without consent, which no import or event touches."""

    id: str
    keys: dict[str, str | None]
    texts: dict[str, str | None]
    location: dict[str, Any]
    properties: dict[str, Any]
    created_at: int
    updated_at: int
    last_event_at: int | None = None
    is_new: bool = False


@dataclass(slots=True)
class ProfileBatch:
    """A unit of work inside one transaction: `load`, then `find`/`create`/`merge`, then `write`."""

    connection: sqlite3.Connection
    now_us: int
    _by_id: dict[str, Profile] = field(default_factory=dict)
    _by_key: dict[tuple[str, str], Profile] = field(default_factory=dict)
    _aliases: dict[str, str] = field(default_factory=dict)
    _touched: dict[str, Profile] = field(default_factory=dict)
    _freed: set[str] = field(default_factory=set)

    def load(self, identifiers: Iterable[Identifiers]) -> None:
        """Read every profile that one of the identifiers may mean."""
        wanted = list(identifiers)
        for name in ("id", *_KEYS):
            values = {value for value in (getattr(one, name) for one in wanted) if value is not None}
            if values and name == "id":
                values |= self._load_aliases(values)
            if values:
                rows = self.connection.execute(
                    f"select {', '.join(_COLUMNS)} from kl_profile "
                    f"where {name} in (select value from json_each(?))",
                    (orjson.dumps(list(values)).decode(),),
                )
                for row in rows:
                    self._remember(row)

    def known(self, profile_id: str) -> Profile | None:
        """The loaded profile of an id, also of one that was merged into it lately."""
        return self._by_id.get(profile_id) or self._by_id.get(self._aliases.get(profile_id, ""))

    def find(self, who: Identifiers) -> Profile | None:
        """The profile that is meant, by id, e-mail, phone number, external id in this order.

        Raises `UnknownProfileError` for an unknown id and `ConflictError` when the identifiers disagree.
        """
        found: Profile | None = None
        if who.id is not None:
            found = self.known(who.id)
            if found is None:
                raise UnknownProfileError(who.id)
        for name in _KEYS:
            value = getattr(who, name)
            other = self._by_key.get((name, value)) if value is not None else None
            if other is None:
                continue
            if found is not None and other is not found:
                raise ConflictError(other.id)
            found = other
        return found

    def create(self, profile_id: str | None = None) -> Profile:
        """A new profile without identifiers; `merge` gives it some."""
        new_id = profile_id or ids.profile_id(self.now_us)
        keys, texts = dict.fromkeys(_KEYS), dict.fromkeys(PROFILE_TEXTS)
        profile = Profile(new_id, keys, texts, {}, {}, self.now_us, self.now_us, is_new=True)
        self._by_id[profile.id] = profile
        self._touched[profile.id] = profile
        return profile

    def merge(
        self, profile: Profile, sent: Mapping[str, Any], meta: Mapping[str, Any] | None, *, clear: bool
    ) -> None:
        """Put attributes into what `find` or `create` gave for them.

        With `clear` a null empties its field, else it is ignored. Raises `ConflictError` when an identifier
        in `meta.patch_identifiers` belongs to another profile.
        """
        meta = meta or {}
        if meta.get("patch_identifiers"):
            self._patch_identifiers(profile, meta["patch_identifiers"])
        for name, value in sent.items():
            if name in profile.texts:
                if value is not None or clear:
                    profile.texts[name] = value
            elif name in _KEYS:
                self._set_key(profile, name, value, clear=clear)
            elif name == "location":
                merge_location(profile.location, value, clear=clear)
            elif name == "properties":
                merge_properties(profile.properties, value, clear=clear)
        if meta.get("patch_properties"):
            patch_properties(profile.properties, meta["patch_properties"])
        profile.updated_at = self.now_us
        self._touched[profile.id] = profile

    def saw_event(self, profile: Profile, received_us: int) -> None:
        """Note an event; it does not move `updated`."""
        profile.last_event_at = max(profile.last_event_at or 0, received_us)
        self._touched[profile.id] = profile

    def write(self) -> None:
        """Write what was touched."""
        if self._freed:  # an identifier may have moved to a profile that is written earlier
            self.connection.executemany(
                "update kl_profile set email = null, phone_number = null, external_id = null where id = ?",
                [(profile_id,) for profile_id in self._freed],
            )
        self.connection.executemany(_UPSERT, [_row(profile) for profile in self._touched.values()])
        self._touched.clear()
        self._freed.clear()

    def _set_key(self, profile: Profile, name: str, value: str | None, *, clear: bool) -> None:
        if value is not None:
            value = _normal(name, value)
            if value == "" or (name == "phone_number" and not is_phone(value)):
                return
        elif not clear:
            return
        old = profile.keys[name]
        if old == value:
            return
        if value is not None:  # `find` has seen to it that nobody else has it
            self._by_key[name, value] = profile
        if old is not None:
            del self._by_key[name, old]
            if not profile.is_new:
                self._freed.add(profile.id)
        profile.keys[name] = value

    def _patch_identifiers(self, profile: Profile, patch: Mapping[str, Any]) -> None:
        """Append what the profile lacks, unappend what it has; other names are ignored (assumed)."""
        for name in _KEYS:
            gone, new = (patch.get("unappend") or {}).get(name), (patch.get("append") or {}).get(name)
            if gone is not None and profile.keys[name] == _normal(name, gone):
                self._set_key(profile, name, None, clear=True)
            if new is not None and profile.keys[name] is None:
                owner = self._owner(name, _normal(name, new))
                if owner not in (None, profile.id):
                    if not any(profile.keys.values()):  # made for this and for nothing else
                        self._touched.pop(profile.id, None)
                    raise ConflictError(str(owner))
                self._set_key(profile, name, str(new), clear=False)

    def _owner(self, name: str, value: str) -> str | None:
        loaded = self._by_key.get((name, value))
        if loaded is not None:
            return loaded.id
        row = self.connection.execute(f"select id from kl_profile where {name} = ?", (value,)).fetchone()
        return None if row is None or row["id"] in self._freed else str(row["id"])

    def _load_aliases(self, ids_wanted: set[str]) -> set[str]:
        rows = self.connection.execute(
            "select source_id, profile_id from kl_profile_alias "
            "where source_id in (select value from json_each(?)) and until_at > ?",
            (orjson.dumps(list(ids_wanted)).decode(), self.now_us),
        ).fetchall()
        self._aliases.update({row["source_id"]: row["profile_id"] for row in rows})
        return {row["profile_id"] for row in rows}

    def _remember(self, row: sqlite3.Row) -> None:
        if row["id"] in self._by_id:
            return
        profile = Profile(
            id=row["id"],
            keys={name: row[name] for name in _KEYS},
            texts={name: row[name] for name in PROFILE_TEXTS},
            location=orjson.loads(row["location"]),
            properties=orjson.loads(row["properties"]),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            last_event_at=row["last_event_at"],
        )
        self._by_id[profile.id] = profile
        for name, value in profile.keys.items():
            if value is not None:
                self._by_key[name, value] = profile


def _normal(name: str, value: Any) -> str:
    return str(value).lower() if name == "email" else str(value)


def _row(profile: Profile) -> tuple[Any, ...]:
    return (
        profile.id,
        *profile.keys.values(),
        *profile.texts.values(),
        orjson.dumps(profile.location).decode(),
        orjson.dumps(profile.properties).decode(),
        profile.created_at,
        profile.updated_at,
        profile.last_event_at,
    )

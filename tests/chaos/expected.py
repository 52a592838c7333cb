"""What must be true of Klaviyo, whatever went wrong: reckoned from the models alone.

Belongs here: what each row has been so far, and what may and must be in Klaviyo because of it. Does not
belong here: the ledger's own promises (`ledger`), and any of the engine's code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

import orjson

from tests.chaos.account import Snapshot
from tests.chaos.shop import (
    EVENTS,
    PROFILES,
    Models,
    Row,
    address,
    valid_events,
    valid_members,
    valid_profiles,
)

_PROPERTIES = tuple(PROFILES.properties.values())
_FIELDS = tuple(PROFILES.fields.values())
_FOREIGN = ("Favourite Colour", "Quiz", "last_name", "organization", "external_id")
_FRESH_SECONDS = EVENTS.backfill_after_hours * 3600
_RELAY = "marketplace.amazon"
_BEFORE: Row = dict.fromkeys((*_PROPERTIES, *_FIELDS, *_FOREIGN, "Tier"))


class Truth:
    """All versions of valid rows that a run could see, beside the account as it was before."""

    def __init__(self, before: Snapshot, *, has_tier: bool) -> None:
        self.before = before
        self.has_tier = has_tier
        self.profiles: defaultdict[str, list[Row]] = defaultdict(list)
        self.members: defaultdict[str, list[Row]] = defaultdict(list)
        self.events: defaultdict[str, list[Row]] = defaultdict(list)
        self.blocked: set[str] = set()  # Klaviyo fails their rows for ever
        self.blocked_once: set[str] = set()  # … or has done so in some round
        self.now_profiles: dict[str, Row] = {}
        self.now_members: dict[str, Row] = {}
        self.in_segment: set[str] = set()  # with rows that cannot be sent: nobody is taken off for a bad row
        self.now_events: dict[str, Row] = {}

    def note(self, models: Models, now: datetime) -> None:
        """These are the models that the next runs see."""
        self.now_profiles = valid_profiles(models.profiles)
        self.now_members = valid_members(models.members)
        self.in_segment = {address(row["email"]) for row in models.members}
        self.now_events = valid_events(models.events, now)
        for versions, valid in (
            (self.profiles, self.now_profiles),
            (self.members, self.now_members),
            (self.events, self.now_events),
        ):
            for key, version in valid.items():
                if not versions[key] or versions[key][-1] != version:
                    versions[key].append(version)

    # At any time --------------------------------------------------------------------------------------------

    def violations(self, found: Snapshot, foreign_members: set[str]) -> Iterator[str]:
        """What must not be in Klaviyo at any time, and what must never have been taken away."""
        yield from self._consent(found)
        yield from self._membership(found, foreign_members)
        for email, entry in found.profiles.items():
            if email not in self.before.profiles and email not in self._everybody():
                yield f"a profile came from nowhere: {email}"
            yield from self._profile(email, entry)
        for email in self.before.profiles.keys() - found.profiles.keys():
            yield f"a profile is gone: {email}"
        for event_id, records in found.events.items():
            yield from self._event(event_id, records)
        if {key: found.events.get(key) for key in self.before.events} != self.before.events:
            yield "a foreign event is gone or different"

    def _everybody(self) -> set[str]:
        recipients = {version["email"] for versions in self.events.values() for version in versions}
        return self.profiles.keys() | self.members.keys() | recipients

    def _consent(self, found: Snapshot) -> Iterator[str]:
        nobody = ("NEVER_SUBSCRIBED", "[]", None, None)
        for email, consent in found.consents.items():
            if consent != self.before.consents.get(email, nobody):
                yield f"consent of {email} became {consent}"

    def _membership(self, found: Snapshot, foreign_members: set[str]) -> Iterator[str]:
        for email in sorted(foreign_members - found.members):
            yield f"a foreign member was removed: {email}"
        for email in sorted(found.members - foreign_members - self.members.keys()):
            yield f"a member came from nowhere: {email}"
        if len(set(found.lists.values())) < len(found.lists):
            yield "a list was made twice"

    def _profile(self, email: str, entry: Row) -> Iterator[str]:
        before = {**_BEFORE, **self.before.profiles.get(email, {})}
        versions = self.profiles.get(email, [])
        allowed = [_part(version, _PROPERTIES) for version in [before, *versions]]
        if _part(entry, _PROPERTIES) not in allowed:
            yield f"{email} has properties of no version: {_difference(entry, allowed[-1])}"
        for name in _FIELDS:
            if entry.get(name) not in [version[name] for version in [before, *versions]]:
                yield f"{email} has {name} of no version: {entry.get(name)!r}"
        for name in _FOREIGN:
            if entry.get(name) != before.get(name):
                yield f"{email}: foreign {name} became {entry.get(name)!r}"
        tiers = [version["Tier"] for version in self.members[email]] if email in self.members else []
        if entry.get("Tier") not in [before["Tier"], *(tiers if self.has_tier else [])]:
            yield f"{email} has Tier of no version: {entry.get('Tier')!r}"
        if _RELAY in email:
            yield f"a relay address left the warehouse: {email}"

    def _event(self, event_id: str, records: Sequence[Row]) -> Iterator[str]:
        if event_id in self.before.events:
            return
        if len(records) > 1:
            yield f"{event_id} was recorded {len(records)} times"
        for record in records:
            if _event_version(record) not in self.events.get(event_id, []):
                yield f"{event_id} was recorded as no version of it: {_event_version(record)}"
            age = record["received_at"] / 1e6 - record["occurred_at"]
            if age > _FRESH_SECONDS and not record["backfill"]:
                yield f"{event_id} is {age / 3600:.0f} hours old and was sent as news"

    # At the end ---------------------------------------------------------------------------------------------

    def shortcomings(
        self, found: Snapshot, refused: set[tuple[str, str]], foreign: set[str]
    ) -> Iterator[str]:
        """What is missing when nothing goes wrong any more. `refused` are pairs of a sync and a key that
        Klaviyo refused: they may be so only for people whom it has failed.
        """
        for email, version in self.now_profiles.items():
            entry = found.profiles.get(email)
            if ("profiles", email) in refused and email in self.blocked | self.blocked_once:
                continue
            if entry is None:
                yield f"the profile {email} is missing"
            else:
                yield from self._final_profile(email, entry, version)
        if found.lists:  # a list that somebody deleted is made again with the next change
            yield from self._final_members(found, refused, foreign)
        for event_id in self.now_events.keys() - found.events.keys():
            yield f"{event_id} is lost"

    def _final_members(
        self, found: Snapshot, refused: set[tuple[str, str]], foreign: set[str]
    ) -> Iterator[str]:
        kept_out = {key for sync, key in refused if sync == "seg_vips"} & (self.blocked | self.blocked_once)
        missing = self.now_members.keys() - found.members - kept_out
        surplus = found.members - self.in_segment - foreign
        yield from (f"{email} is not on the list" for email in sorted(missing))
        yield from (f"{email} is still on the list" for email in sorted(surplus))
        if self.has_tier:
            for email in self.now_members.keys() - kept_out - missing:
                if found.profiles[email].get("Tier") != self.now_members[email]["Tier"]:
                    yield f"{email} has Tier {found.profiles[email].get('Tier')!r}"

    def _final_profile(self, email: str, entry: Row, version: Row) -> Iterator[str]:
        if _part(entry, _PROPERTIES) != _part(version, _PROPERTIES):
            yield f"{email} differs: {_difference(entry, _part(version, _PROPERTIES))}"
        before = {**_BEFORE, **self.before.profiles.get(email, {})}
        for name in _FIELDS:
            expected = [version[name]] if version[name] is not None else [None, before[name]]
            if entry.get(name) not in expected:
                yield f"{email} has {name} {entry.get(name)!r}, not {expected}"


def _part(entry: Row, names: Sequence[str]) -> Row:
    return {name: entry.get(name) for name in names}


def _difference(entry: Row, expected: Row) -> str:
    return str(
        {name: (entry.get(name), value) for name, value in expected.items() if entry.get(name) != value}
    )


def _event_version(record: Row) -> Row:
    return {
        "email": record["email"],
        "metric": record["metric"],
        "occurred_s": record["occurred_at"],
        "carrier": orjson.loads(record["properties"]).get("Carrier"),
    }

"""Klaviyo as a world finds it, and as it is read back: straight from the sandbox's store.

Belongs here: whom and what others have put into the account, and snapshots of all of it. Does not belong
here: what the syncs should have done with it (`expected`).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from c360_platform.sandbox.store import Store
from tests.chaos.shop import LIST_NAME, MARK

_CONSENTS = ("SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED")
_LIST_ID = "CHAOSL"
_FIELDS = ("first_name", "last_name", "organization", "phone_number", "external_id")


@dataclass(frozen=True)
class Snapshot:
    """Everything of an account that a sync can touch, by e-mail address and event id.

    A profile's entry has its custom properties, its fields and `location.city`; `consents` whatever says who
    may be written to.
    """

    profiles: dict[str, dict[str, Any]]
    consents: dict[str, tuple[Any, ...]]
    members: set[str]
    lists: dict[str, str]
    events: dict[str, list[dict[str, Any]]]


class Account:
    """The account of one world; `marketer` and what was there before stand for everybody but the syncs."""

    def __init__(self, store: Store, random: Random, now_us: int) -> None:
        self.store = store
        self.random = random
        self.now_us = now_us
        self.foreign_members: set[str] = set()

    def settle_in(self, addresses: list[str]) -> None:
        """Fill it: people of ours and others, some of them unsubscribed or suppressed, a list, a metric."""
        others = [f"other{number}@{MARK}.example" for number in range(self.random.randint(2, 8))]
        known = [*others, *self.random.sample(addresses, self.random.randint(0, len(addresses) // 2))]
        self.store.insert(
            "kl_profile",
            (
                *("id", "email", "first_name", "last_name", "location", "properties", "email_consent"),
                *("email_suppressions", "created_at", "updated_at"),
            ),
            [self._profile(number, email) for number, email in enumerate(known)],
        )
        self.store.insert(
            "kl_metric",
            ("id", "name", "integration", "created_at", "updated_at"),
            [("CHAOSM", "Placed Order", '{"name":"Shopify"}', self.now_us, self.now_us)],
        )
        self.store.insert(
            "kl_event",
            (
                *("id", "uuid", "profile_id", "metric_id", "unique_id", "occurred_at"),
                *("received_at", "properties"),
            ),
            [
                (
                    "CHAOSE",
                    "u",
                    "P00000",
                    "CHAOSM",
                    "foreign-event",
                    self.now_us // 10**6 - 60,
                    self.now_us,
                    "{}",
                )
            ],
        )
        if self.random.random() < 0.7:
            self.store.insert(
                "kl_list",
                ("id", "name", "created_at", "updated_at"),
                [(_LIST_ID, LIST_NAME, self.now_us, self.now_us)],
            )
            self.put_on_list(self.random.sample(known, self.random.randint(0, len(known))))

    def put_on_list(self, emails: list[str]) -> None:
        """Somebody else puts people on the list, if there is one; those who are in Klaviyo."""
        list_id = self.store.value("select id from kl_list where name = ?", (LIST_NAME,))
        if list_id is None:
            return
        self.store.insert(
            "kl_list_member",
            ("list_id", "profile_id", "joined_at"),
            [(list_id, profile_id, self.now_us) for profile_id in self._ids(emails)],
            replace=True,
        )
        self.foreign_members |= set(emails) & set(self.snapshot().profiles)

    def delete_list(self) -> None:
        """Somebody else deletes the list, with everybody on it."""
        for list_id in [row["id"] for row in self.store.rows("select id from kl_list")]:
            self.store.execute("delete from kl_list_member where list_id = ?", (list_id,))
            self.store.execute("delete from kl_list where id = ?", (list_id,))
        self.foreign_members.clear()

    def snapshot(self) -> Snapshot:
        profiles: dict[str, dict[str, Any]] = {}
        consents: dict[str, tuple[Any, ...]] = {}
        sms: dict[str, list[tuple[Any, ...]]] = {}
        for row in self.store.rows("select * from kl_sms_consent"):
            sms.setdefault(row["profile_id"], []).append(tuple(row))
        for row in self.store.rows("select * from kl_list_suppression"):
            sms.setdefault(row["profile_id"], []).append(tuple(row))
        for row in self.store.rows("select * from kl_profile"):
            email = row["email"] or row["id"]
            profiles[email] = {
                **orjson.loads(row["properties"]),
                **{name: row[name] for name in _FIELDS},
                "location.city": orjson.loads(row["location"]).get("city"),
            }
            consents[email] = (
                row["email_consent"],
                row["email_suppressions"],
                row["email_consent_at"],
                sms.get(row["id"]),
            )
        events: dict[str, list[dict[str, Any]]] = {}
        for row in self.store.rows(
            "select e.*, p.email as email, m.name as metric from kl_event as e "
            "join kl_profile as p on p.id = e.profile_id join kl_metric as m on m.id = e.metric_id"
        ):
            events.setdefault(row["unique_id"], []).append(dict(row))
        lists = {row["id"]: row["name"] for row in self.store.rows("select id, name from kl_list")}
        members = {
            row["email"]
            for row in self.store.rows(
                "select p.email from kl_list_member as m join kl_profile as p on p.id = m.profile_id "
                "join kl_list as l on l.id = m.list_id where l.name = ?",
                (LIST_NAME,),
            )
        }
        return Snapshot(profiles, consents, members, lists, events)

    def _profile(self, number: int, email: str) -> tuple[Any, ...]:
        pick = self.random
        properties = {
            "Favourite Colour": pick.choice(("red", "blue")),
            "Quiz": {"score": number},
            **({"Note": "by hand"} if pick.random() < 0.3 else {}),
            **({"Tier": "by hand"} if pick.random() < 0.3 else {}),
        }
        suppressions = (
            [{"reason": "USER_SUPPRESSED", "timestamp": "2026-01-01T00:00:00+00:00"}]
            if pick.random() < 0.2
            else []
        )
        return (
            f"P{number:05d}",
            email,
            pick.choice((None, "Given")),
            "Family",
            orjson.dumps(pick.choice(({}, {"city": "Elsewhere", "zip": "1"}))).decode(),
            orjson.dumps(properties).decode(),
            pick.choice(_CONSENTS),
            orjson.dumps(suppressions).decode(),
            self.now_us,
            self.now_us,
        )

    def _ids(self, emails: list[str]) -> list[str]:
        wanted = set(emails)
        rows = self.store.rows("select id, email from kl_profile")
        return [row["id"] for row in rows if row["email"] in wanted]

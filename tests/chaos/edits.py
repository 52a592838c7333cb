"""What happens to the models between two runs, at random: people come, change, vanish, return, break, heal.

Belongs here: changing rows. Does not belong here: what a changed row means (`shop`, `expected`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.chaos.shop import MARK, PHONE_MARK, Models, Row

_METRICS = ("Package Shipped", "Package Delivered", "Parcel „zurück“")
_NOTES = (
    "plain",
    "=HYPERLINK(1)",
    "<b>bold</b> & more",
    "{{ person.name }} %s $1",
    'it\'s "quoted" \\ back',
    "ä€𝄞 line\nbreak\u2028tab\t",
    "'; drop table marts.seg_vips; --",
)
_BAD_ADDRESSES = (
    None,
    "",
    "   ",
    f"{MARK}.no-at.example",
    f"two words@{MARK}.example",
    f"two..dots@{MARK}.example",
    f"ünicode@{MARK}.example",
    f"{MARK}@marketplace.amazon.de",
    f"{'x' * 250}@{MARK}.example",
    f"{'y' * 65}@{MARK}.example",
)
_TOO_LARGE = "z" * 120_000


class Editor:
    """Edits one world's models; `now` is the world's time, which `advance` moves."""

    def __init__(self, random: Random, models: Models, people: int, now: datetime) -> None:
        self.random = random
        self.models = models
        self.people = people
        self.now = now
        self._gone: dict[str, list[Row]] = {"profiles": [], "members": [], "events": []}
        self._events = 0

    def first(self) -> None:
        """The models of the first day."""
        for number in range(self.people):
            if self.random.random() < 0.8:
                self.models.profiles.append(self._profile(number))
            if self.random.random() < 0.6:
                self.models.members.append(self._member(number))
        for _ in range(self.random.randint(10, 60)):
            self._new_event()
        for _ in range(self.random.randint(0, 2)):
            self._bad_rows()

    def change(self) -> None:
        """A day's changes."""
        for rows, deeds in (
            (self.models.profiles, self._profile_deeds()),
            (self.models.members, self._member_deeds()),
            (self.models.events, self._event_deeds()),
        ):
            for _ in range(self.random.choice((0, 1, 2, 4, 8))):
                self.random.choice(deeds)()
            self.random.shuffle(rows)

    # Profiles -----------------------------------------------------------------------------------------------

    def _profile_deeds(self) -> list[Callable[[], None]]:
        rows = self.models.profiles
        return [
            lambda: self._add("profiles", rows, self._profile),
            lambda: self._alter(rows, self._changed_profile),
            lambda: self._alter(rows, self._changed_profile),
            lambda: self._alter(rows, self._emptied_profile),
            lambda: self._alter(rows, self._broken_profile),
            lambda: self._alter(rows, self._healed_profile),
            lambda: self._remove("profiles", rows),
            lambda: self._return("profiles", rows),
            lambda: self._repeat(rows),
            self._bad_rows,
        ]

    def _profile(self, number: int) -> Row:
        pick = self.random
        return {
            "email": self._spelled(self.address(number)),
            "first_name": pick.choice((None, "", f"First {number}", "Zoë")),
            "phone": pick.choice((None, None, self._phone(number), "0171 no phone")),
            "city": pick.choice((None, "Köln", "Berlin")),
            **self._values(),
        }

    def _values(self) -> Row:
        pick = self.random
        return {
            "ltv": pick.choice((None, Decimal(pick.randint(-500, 10**7)) / 100)),
            "orders": pick.choice((None, pick.randint(0, 50))),
            "is_vip": pick.choice((None, True, False)),
            "last_order_at": pick.choice((None, self.now - timedelta(minutes=pick.randint(0, 10**6)))),
            "categories": pick.choice((None, [], ["shoes"], ["hats, caps", 'the "best"'])),
            "note": pick.choice((None, *_NOTES)),
            "ratio": pick.choice((None, 0.1, -2.5, 1 / 3 * 3)),
        }

    def _changed_profile(self, row: Row) -> None:
        for name, value in self._values().items():
            if self.random.random() < 0.4:
                row[name] = value

    def _emptied_profile(self, row: Row) -> None:
        for name in ("first_name", "phone", "city", "ltv", "note", "categories"):
            if self.random.random() < 0.5:
                row[name] = None

    def _broken_profile(self, row: Row) -> None:
        name, value = self.random.choice(
            (("ratio", math.nan), ("ratio", math.inf), ("orders", 2**60), ("note", _TOO_LARGE))
        )
        row[name] = value

    def _healed_profile(self, row: Row) -> None:
        row.update(self._values())

    # Members ------------------------------------------------------------------------------------------------

    def _member_deeds(self) -> list[Callable[[], None]]:
        rows = self.models.members
        return [
            lambda: self._add("members", rows, self._member),
            lambda: self._add("members", rows, self._member),
            lambda: self._alter(rows, lambda row: row.update(tier=self._tier())),
            lambda: self._remove("members", rows),
            lambda: self._remove("members", rows),
            lambda: self._shrink(rows),
            lambda: self._return("members", rows),
            lambda: self._repeat(rows),
        ]

    def _member(self, number: int) -> Row:
        return {"email": self._spelled(self.address(number)), "tier": self._tier()}

    def _tier(self) -> str | None:
        return self.random.choice((None, "gold", "silver"))

    def _shrink(self, rows: list[Row]) -> None:
        """A segment that loses many at once, now and then all."""
        share = self.random.choice((0.3, 0.6, 1.0))
        for row in [row for row in rows if self.random.random() < share]:
            rows.remove(row)
            self._gone["members"].append(row)

    # Events -------------------------------------------------------------------------------------------------

    def _event_deeds(self) -> list[Callable[[], None]]:
        rows = self.models.events
        return [
            self._new_event,
            self._new_event,
            lambda: self._alter(rows, self._changed_event),
            lambda: self._alter(rows, self._broken_event),
            lambda: self._remove("events", rows),
            lambda: self._return("events", rows),
            lambda: self._repeat(rows),
        ]

    def _new_event(self) -> None:
        self._events += 1
        ago = self.random.choice(
            (timedelta(hours=self.random.randint(0, 90)), timedelta(days=self.random.randint(0, 900)))
        )
        self.models.events.append(
            {
                "event_id": f"event-{self._events:04d}",
                "email": self._spelled(self.address(self.random.randrange(self.people))),
                "metric": self.random.choice(_METRICS),
                "occurred_at": self.now - ago,
                "carrier": self.random.choice((None, "dhl", "ups")),
                "value": self.random.choice((None, Decimal("12.50"))),
            }
        )

    def _changed_event(self, row: Row) -> None:
        name, value = self.random.choice(
            (
                ("carrier", "gls"),
                ("metric", self.random.choice(_METRICS)),
                ("email", self.address(self.random.randrange(self.people))),
                ("occurred_at", self.now - timedelta(days=self.random.randint(0, 400))),
            )
        )
        row[name] = value

    def _broken_event(self, row: Row) -> None:
        name, value = self.random.choice(
            (
                ("occurred_at", None),
                ("occurred_at", datetime(1980, 1, 1, tzinfo=UTC)),
                ("occurred_at", self.now + timedelta(days=500)),
                ("metric", " "),
                ("metric", "x" * 128),
                ("event_id", None),
                ("email", self.random.choice(_BAD_ADDRESSES)),
            )
        )
        row[name] = value

    # All ----------------------------------------------------------------------------------------------------

    def address(self, number: int) -> str:
        return f"person{number}@{MARK}.example"

    def _phone(self, number: int) -> str:
        return f"+{PHONE_MARK}{number:06d}"

    def _spelled(self, text: str) -> str:
        return self.random.choice((text, text, text.upper(), f"  {text} "))

    def _add(self, kind: str, rows: list[Row], make: Callable[[int], Row]) -> None:
        """A person who is not there yet; the pool of people is larger than the first day's."""
        number = self.random.randrange(self.people + 20)
        keys = {(row["email"] or "").strip().lower() for row in [*rows, *self._gone[kind]]}
        if self.address(number) not in keys:
            rows.append(make(number))

    def _alter(self, rows: list[Row], how: Callable[[Row], Any]) -> None:
        if rows:
            how(self.random.choice(rows))

    def _remove(self, kind: str, rows: list[Row]) -> None:
        if rows:
            row = rows.pop(self.random.randrange(len(rows)))
            self._gone[kind].append(row)

    def _return(self, kind: str, rows: list[Row]) -> None:
        gone = self._gone[kind]
        if gone:
            rows.append(gone.pop(self.random.randrange(len(gone))))

    def _repeat(self, rows: list[Row]) -> None:
        """The same person or event twice; of the two, one may be removed later."""
        if rows:
            row = dict(self.random.choice(rows))
            if row["email"]:
                row["email"] = self._spelled(row["email"].strip())
            rows.append(row)

    def _bad_rows(self) -> None:
        bad = self.random.choice(_BAD_ADDRESSES)
        self.models.profiles.append({**self._profile(self.people), "email": bad, "phone": None})
        self.models.members.append({"email": bad, "tier": None})

"""Ids of customers over days: what comes, changes and goes moves only the customers concerned, and is logged.

One timeline of builds, in which every test has records of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import md5
from typing import Any

import pytest

from tests.warehouse.dbt_process import DbtProcess
from tests.warehouse.identity_home import IdentityHome, People, groups

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 6, day) for day in range(1, 5))
LONG_AGO = date(2026, 5, 1)
Ids = dict[str, str]


def made_of(record: str) -> str:
    """The id of a customer whose oldest record it is."""
    return md5(f"record:{record}".encode()).hexdigest()


def since(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


def add_crowd(people: People, area: str) -> None:
    """Forty customers of one to four records, and two chains of accounts."""
    for n in range(40):
        for part in range(1 + n % 4):
            people.add(
                f"crm:{area}{n:02}p{part}",
                email=f"{area}{n}@x.example",
                created_at=since(2024 - (7 * n + part) % 5),
            )
    people.chain(f"left{area}", range(12))
    people.chain(f"right{area}", range(12))


def of(ids: Ids, *areas: str) -> Ids:
    """The records of an area."""
    return {
        record: customer
        for record, customer in ids.items()
        if record.startswith(tuple(f"{kind}{area}" for area in areas for kind in ("crm:", "left", "right")))
    }


def ids_of_the_oldest(people: People, ids: Ids) -> Ids:
    """Every record with the id that is made of the oldest record of its customer."""
    return {
        record: made_of(min(members, key=lambda key: (people.records[key]["created_at"], key)))
        for members in groups(ids)
        for record in members
    }


@dataclass
class Timeline:
    """Who was whose customer after each build, and what the log said then of the day."""

    home: IdentityHome
    people: People = field(default_factory=People)
    ids: dict[str, Ids] = field(default_factory=dict)
    changes: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)

    def build(self, name: str, day: date, **options: Any) -> None:
        self.ids[name] = self.home.build(self.people, day=day, **options)
        self.changes[name] = set(
            self.home.rows(
                "select from_customer_id, to_customer_id, kind, records, rule, held_because, is_undone "
                f"from identity.identity_changes where changed_on = '{day}'"
            )
        )

    def map(self) -> list[tuple[Any, ...]]:
        return self.home.rows("select * from identity.identity_map order by all")


@pytest.fixture(scope="module")
def timeline(dbt_process: DbtProcess) -> Timeline:
    line = Timeline(IdentityHome(dbt_process))
    line.home.new()
    people, decisions = line.people, line.people.decisions
    for area in ("whole", "sameday", "nextday", "steady"):
        add_crowd(people, area)
    people.add("shopify:young", email="young@x.example", created_at=since(2023))
    people.add("crm:young", email="young@x.example", created_at=since(2024))
    people.add("shopify:old", email="old@x.example", created_at=since(2020))
    for n in range(5):
        people.add(f"crm:{n}", email="a@x.example", created_at=since(2020 + n))

    late = {
        key
        for n, key in enumerate(sorted(people.records))
        if n % 2 and ("sameday" in key or "nextday" in key)
    }
    line.build("monday", MONDAY, keys=people.records.keys() - late)
    line.build(
        "monday evening", MONDAY, keys=[key for key in people.records if key not in late or "sameday" in key]
    )

    people.order("shopify:young", email="old@x.example")
    people.records["crm:0"]["email"] = "b@x.example"
    line.build("tuesday", TUESDAY, shuffle=1)
    decisions.append(("shopify:old", "shopify:young", "never"))
    line.build("tuesday evening", TUESDAY, keys=[key for key in people.records if not key.startswith("crm:")])
    decisions.clear()

    people.records["crm:3"]["email"] = people.records["crm:4"]["email"] = "c@x.example"
    people.add("crm:late", email="steady3@x.example", created_at=since(1999))
    people.add("shopify:bridge", email="leftsteady3@x.example", created_at=since(2026))
    people.order("shopify:bridge", email="rightsteady9@x.example")
    people.records["crm:steady07p0"]["email"] = "other@x.example"
    del people.records["crm:steady11p1"]
    line.build("wednesday", WEDNESDAY)

    decisions.append(("shopify:old", "shopify:young", "never"))
    line.build("thursday", THURSDAY, full_refresh=True)
    return line


def test_what_arrives_within_a_day_has_the_ids_of_the_whole(timeline: Timeline) -> None:
    ids = timeline.ids["monday evening"]

    assert len(groups(of(ids, "sameday"))) == len(groups(of(ids, "whole"))) == 42
    assert of(ids, "whole", "sameday") == ids_of_the_oldest(timeline.people, of(ids, "whole", "sameday"))


def test_what_arrives_a_day_later_joins_the_same_customers_under_the_ids_that_they_have(
    timeline: Timeline,
) -> None:
    before, ids = of(timeline.ids["monday evening"], "nextday"), of(timeline.ids["tuesday"], "nextday")

    assert {frozenset(key.replace("nextday", "whole") for key in group) for group in groups(ids)} == groups(
        of(ids | timeline.ids["tuesday"], "whole")
    )
    for customer in groups(ids):
        known = {before[record] for record in customer if record in before}
        [customer_id] = {ids[record] for record in customer}
        assert customer_id in (known or {made_of(record) for record in customer})
    assert len(set(before.values()) - set(ids.values())) == 10, "both chains were in six pieces"


def test_nothing_moves_while_nothing_changes(timeline: Timeline) -> None:
    areas = ("whole", "sameday", "steady")

    assert of(timeline.ids["tuesday"], *areas) == of(timeline.ids["monday evening"], *areas)
    assert timeline.changes["monday"] == timeline.changes["monday evening"] == set()


def test_only_the_customers_concerned_move_and_the_log_says_why(timeline: Timeline) -> None:
    tuesday, wednesday = timeline.ids["tuesday"], timeline.ids["wednesday"]

    survivor, ended = made_of("leftsteady:00000"), made_of("rightsteady:00000")
    moved = {record for record in of(tuesday, "whole", "sameday", "nextday", "steady")
             if wednesday.get(record) != tuesday[record]}  # fmt: skip
    assert moved == {f"rightsteady:{n:05}" for n in range(12)} | {"crm:steady07p0", "crm:steady11p1"}
    assert wednesday["shopify:bridge"] == survivor
    assert wednesday["crm:steady07p0"] not in tuesday.values()
    assert wednesday["crm:late"] == tuesday["crm:steady03p0"], "the oldest record of all, but it came late"
    assert timeline.changes["wednesday"] >= {
        (ended, survivor, "merge", 12, "email", None, False),
        (tuesday["crm:steady07p0"], wednesday["crm:steady07p0"], "split", 1, None, None, False),
    }
    assert len(timeline.changes["wednesday"]) == 4, "and old with young, and a part of five"


def test_a_source_that_was_empty_for_a_day_comes_back_as_it_was(timeline: Timeline) -> None:
    tuesday, evening, wednesday = (timeline.ids[name] for name in ("tuesday", "tuesday evening", "wednesday"))

    assert tuesday.keys() - evening.keys() == {key for key in tuesday if key.startswith("crm:")}
    assert of(wednesday, "whole", "sameday", "nextday") == of(tuesday, "whole", "sameday", "nextday")


def test_a_decision_undoes_a_merge_and_both_ids_are_back(timeline: Timeline) -> None:
    old, young = made_of("shopify:old"), made_of("shopify:young")
    pair = ("shopify:old", "shopify:young", "crm:young")
    told = {name: [ids.get(record) for record in pair] for name, ids in timeline.ids.items()}

    assert told["monday"] == [old, young, young]
    assert told["tuesday"] == told["wednesday"] == [old, old, old]
    assert told["tuesday evening"] == [old, young, None], "of several builds of a day the last one counts"
    assert told["thursday"] == [old, young, young], (
        "the younger one is larger, and yet both are who they were"
    )
    merge = (young, old, "merge", 2, "email", None)
    assert (*merge, False) in timeline.changes["tuesday"]
    assert (*merge, True) in timeline.changes["tuesday evening"]
    assert (young, old, "merge", 1, "email", None, False) in timeline.changes["wednesday"], (
        "the other was away"
    )
    assert timeline.changes["thursday"] == {(old, young, "split", 2, "email", "decision", False)}


def test_the_larger_part_keeps_an_id_and_a_new_id_is_nobodys(timeline: Timeline) -> None:
    told = {name: [ids.get(f"crm:{n}") for n in range(5)] for name, ids in timeline.ids.items()}
    first = made_of("crm:0")

    assert told["monday"] == [first] * 5
    assert told["tuesday"] == [made_of("crm:0#2"), first, first, first, first], "the oldest record has left"
    assert told["wednesday"][1:] == [first, first, made_of("crm:3"), made_of("crm:3")], "of halves the first"


def test_a_day_in_the_past_is_told_in_todays_ids_and_rewrites_nothing(timeline: Timeline) -> None:
    before = timeline.map()
    people, ids = timeline.people, timeline.ids["thursday"]
    known = [key for key in people.records if "nextday" not in key]
    people.add("crm:back then", email="then@x.example")

    told = timeline.home.build(people, day=LONG_AGO, keys=[*known, "crm:back then"])

    assert told == {key: ids[key] for key in known} | {"crm:back then": made_of("crm:back then")}
    assert timeline.map() == before

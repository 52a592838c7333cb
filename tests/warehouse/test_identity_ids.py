"""Ids of customers over days: what arrives, changes and goes moves only the customers concerned, and everything is logged."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import md5

import pytest

from tests.warehouse.dbt_process import DbtProcess
from tests.warehouse.identity_home import IdentityHome, People, groups

MONDAY, TUESDAY, WEDNESDAY = date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 3)
Change = tuple[str, str, str, int, str | None, str | None, bool]


def made_of(record: str) -> str:
    """The id of a customer whose oldest record it is."""
    return md5(f"record:{record}".encode()).hexdigest()


def since(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


@pytest.fixture
def home(dbt_process: DbtProcess) -> IdentityHome:
    home = IdentityHome(dbt_process)
    home.new()
    return home


def changes(home: IdentityHome, day: date) -> set[Change]:
    return set(
        home.rows(
            "select kind, from_customer_id, to_customer_id, records, rule, held_because, is_undone "
            f"from identity.identity_changes where changed_on = '{day}'"
        )
    )


def crowd() -> People:
    """Some forty customers of one to four records, some in chains."""
    people = People()
    for n in range(40):
        for part in range(1 + n % 4):
            people.add(f"crm:c{n:02}p{part}", email=f"c{n}@x.example", created_at=since(2024 - (7 * n + part) % 5))
    people.chain("left", range(12))
    people.chain("right", range(12))
    return people


def test_halves_of_one_day_give_the_ids_of_the_whole(home: IdentityHome) -> None:
    people = crowd()
    records = sorted(people.records)
    whole = home.build(people, day=MONDAY)
    assert {made_of(record) for record in records} >= set(whole.values())

    for n, half in enumerate((records[::2], records[1::2])):
        home.new()
        home.build(people, day=MONDAY, keys=half)
        assert home.build(people, day=MONDAY, shuffle=n) == whole, "the other half came on the same day"

        home.new()
        first = home.build(people, day=MONDAY, keys=half)
        later = home.build(people, day=TUESDAY, shuffle=n)
        assert groups(later) == groups(whole), "the other half came a day later"
        ids = set(first.values())
        for customer in groups(later):
            before = {first[record] for record in customer if record in first}
            assert {later[record] for record in customer} <= (before or set(whole.values()))
            ids -= before
        assert not ids


def test_only_the_customers_concerned_move_and_the_log_says_why(home: IdentityHome) -> None:
    people = crowd()
    monday = home.build(people, day=MONDAY)
    assert changes(home, MONDAY) == set()
    assert home.build(people, day=TUESDAY, shuffle=4) == monday

    # a late record is older than all and joins a customer: its id stays; another joins two customers
    people.add("crm:late", email="c3@x.example", created_at=since(1999))
    people.add("shopify:bridge", email="left3@x.example", created_at=since(2026))
    people.order("shopify:bridge", email="right9@x.example")
    # one record is corrected and leaves its customer of four, one is gone
    people.records["crm:c07p0"]["email"] = "other@x.example"
    del people.records["crm:c11p1"]
    wednesday = home.build(people, day=WEDNESDAY)

    left, right = monday["left:00000"], monday["right:00000"]
    survivor, ended = sorted((left, right), key=[made_of("left:00000"), made_of("right:00000")].index)
    moved = {record for record in monday if wednesday.get(record) != monday[record]}
    assert moved == {f"right:{n:05}" for n in range(12)} | {"crm:c07p0", "crm:c11p1"}
    assert wednesday["crm:late"] == monday["crm:c03p0"]
    assert wednesday["shopify:bridge"] == survivor
    assert wednesday["crm:c07p0"] not in monday.values()
    assert changes(home, WEDNESDAY) == {
        ("merge", ended, survivor, 12, "email", None, False),
        ("split", monday["crm:c07p0"], wednesday["crm:c07p0"], 1, None, None, False),
    }

    # a source that was empty for a day: everybody comes back as who they were
    thursday, friday = date(2026, 6, 4), date(2026, 6, 5)
    home.build(people, day=thursday, keys=[key for key in people.records if not key.startswith("crm")])
    assert home.build(people, day=friday, full_refresh=True) == wednesday
    assert changes(home, friday) == changes(home, thursday) == set()


def test_a_decision_undoes_a_merge_and_both_ids_are_back(home: IdentityHome) -> None:
    people = People()
    people.add("shopify:young", email="young@x.example", created_at=since(2023))
    people.add("crm:young", email="young@x.example", created_at=since(2024))
    people.add("shopify:old", email="old@x.example", created_at=since(2020))
    people.add("crm:alone", email="alone@x.example")
    monday = home.build(people, day=MONDAY)
    old, young = made_of("shopify:old"), made_of("shopify:young")
    assert [monday["shopify:old"], monday["shopify:young"]] == [old, young]

    people.order("shopify:young", email="old@x.example")
    assert set(home.build(people, day=TUESDAY).values()) == {old, monday["crm:alone"]}
    assert changes(home, TUESDAY) == {("merge", young, old, 2, "email", None, False)}

    # undone by hand on the same day, and done again: the last build of the day counts
    people.decisions.append(("shopify:old", "shopify:young", "never"))
    assert home.build(people, day=TUESDAY) == monday
    assert changes(home, TUESDAY) == {("merge", young, old, 2, "email", None, True)}
    people.decisions.clear()
    assert set(home.build(people, day=TUESDAY).values()) == {old, monday["crm:alone"]}
    assert changes(home, TUESDAY) == {("merge", young, old, 2, "email", None, False)}

    people.decisions.append(("shopify:old", "shopify:young", "never"))
    assert home.build(people, day=WEDNESDAY) == monday, "the younger one is larger, and yet both are who they were"
    assert changes(home, WEDNESDAY) == {("split", old, young, 2, "email", "decision", False)}

    # a day in the past is told in today's ids, and rewrites nothing
    before = home.rows("select * from identity.identity_map order by all")
    assert home.build(people, day=date(2026, 5, 1)) == monday
    people.decisions.clear()
    people.add("crm:back then", email="then@x.example")
    assert home.build(people, day=date(2026, 5, 1))["crm:back then"] == made_of("crm:back then")
    assert home.rows("select * from identity.identity_map order by all") == before


def test_the_larger_part_keeps_an_id_and_no_new_id_is_anybodys(home: IdentityHome) -> None:
    people = People()
    for n in range(5):
        people.add(f"crm:{n}", email="a@x.example", created_at=since(2020 + n))
    monday = home.build(people, day=MONDAY)
    assert set(monday.values()) == {made_of("crm:0")}

    # the oldest record leaves: the id that is made of it stays with the others, and it gets another
    people.records["crm:0"]["email"] = "b@x.example"
    tuesday = home.build(people, day=TUESDAY)
    assert {tuesday[f"crm:{n}"] for n in range(1, 5)} == {made_of("crm:0")}
    assert tuesday["crm:0"] == made_of("crm:0#2")

    # halves of equal size: the smallest record keeps the id
    people.records["crm:3"]["email"] = people.records["crm:4"]["email"] = "c@x.example"
    wednesday = home.build(people, day=WEDNESDAY)
    assert [wednesday[f"crm:{n}"] for n in range(5)] == [
        made_of("crm:0#2"), made_of("crm:0"), made_of("crm:0"), made_of("crm:3"), made_of("crm:3"),
    ]  # fmt: skip

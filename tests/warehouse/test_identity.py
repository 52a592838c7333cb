"""Who is one customer: every rule and every guard on records made for it, in one build, and random graphs."""

from __future__ import annotations

import random
import re
from datetime import date
from typing import Any

import duckdb
import pytest

from tests.warehouse.dbt_process import DbtProcess
from tests.warehouse.identity_home import IdentityHome, People, groups

GRAPHS = 150


class Cases:
    """Records under prefixes of their own, and the groups that they must come out as."""

    def __init__(self) -> None:
        self.people = People()
        self.expected: dict[str, set[frozenset[str]]] = {}

    def expect(self, case: str, *members: set[str] | list[str]) -> None:
        self.expected[case] = {frozenset(group) for group in members}


def strong_links(cases: Cases) -> None:
    people = cases.people
    people.add("crm:abcd1", email="a@x.example")
    people.add("shopify:abcd2", email="a@x.example")
    people.order("shopify:abcd2", email="b@x.example")
    people.add("webshop:abcd3", email="b@x.example", phone="+4915100000001", name="Ida Wolf")
    people.add("klaviyo:abcd4", account_key="webshop:abcd3")
    people.add("zendesk:abcd5", phone="+4915100000001", name="wolf IDA")
    cases.expect(
        "a chain through e-mail, orders, account, phone with name",
        {"crm:abcd1", "shopify:abcd2", "webshop:abcd3", "klaviyo:abcd4", "zendesk:abcd5"},
    )
    cases.expect("a star", {people.add(f"crm:star{n}", email="star@x.example") for n in range(30)})
    left, right = people.chain("left", range(40)), people.chain("right", reversed(range(40)))
    people.decisions.append(("left:00017", "right:00031", "merge"))
    cases.expect("two chains that one link joins", left | right)
    shuffled = random.Random(5).sample(range(5000), 5000)
    cases.expect("a chain of 200 in order", people.chain("ordered", range(200)))
    cases.expect("a chain of 5,000", people.chain("long", range(5000)))
    cases.expect("a chain of 5,000 in no order", people.chain("shuffled", shuffled))


def guards(cases: Cases) -> None:
    people = cases.people
    alone: list[str] = []
    alone += [people.add(f"crm:role{n}", email="info@praxis.example") for n in range(3)]
    alone += [people.add(f"crm:till{n}", email="till@x.example") for n in range(201)]
    alone += [people.add(f"crm:desk{n}", email="desk@x.example", name=f"P{chr(97 + n)} Q") for n in range(11)]
    alone += [
        people.add(f"crm:hotline{n}", phone="+4915100000002", name=f"P{n} A{chr(97 + n)}") for n in range(6)
    ]
    alone += [people.add(f"crm:null{n}") for n in range(300)]
    alone += [people.add(f"crm:nameless{n}", phone="+4915100000003") for n in range(5)]
    alone += [people.add(f"crm:half{n}", phone="+4915100000015", name="Anna") for n in range(2)]
    alone += [people.add(f"crm:kunde{n}", phone="+4915100000004", name="Kunde Unbekannt") for n in range(3)]
    filled_in, born = {"name": "Ute Fuchs", "birth_date": date(1970, 1, 1)}, date(1971, 3, 4)
    alone += [people.add(f"crm:born{n}", **filled_in) for n in range(3)]
    alone += [people.add(f"crm:future{n}", name="Ute Fuchs", birth_date=date(2031, 1, 1)) for n in range(2)]
    alone += [people.add(f"klaviyo:ghost{n}", account_key="shopify:none") for n in range(2)]
    alone += [
        people.add(f"crm:child{n}", phone="+4915100000005", name=f"{name} Roth")
        for n, name in enumerate("ÄBC")
    ]
    alone += [people.add(f"amazon:relay{n}", name="Max Kuhn", postal_code="10115") for n in range(4)]
    # where nobody lives, or too many do
    lena: dict[str, Any] = {"name": "Lena Horn", "postal_code": "10115"}
    nowhere = (
        "Packstation 145",
        "DHL Pack-Station 145",
        "Postfach 1",
        "Hauptstraße",
        "c/o Roth, Weg 3",
        "12",
        "!",
    )
    for place, street in enumerate(nowhere):
        alone += [people.add(f"crm:nowhere{place}{n}", street=street, **lena) for n in range(2)]
    alone += [people.add(f"crm:no-code{n}", street="Weg 1", name="Lena Horn") for n in range(2)]
    tower = {"street": "Turmweg 1", "postal_code": "10115"}
    alone += [
        people.add(f"crm:tower{n}", name=f"A{chr(97 + n // 26)} B{chr(97 + n % 26)}", **tower)
        for n in range(31)
    ]
    alone.append(people.add("crm:tower-too", name="Aa Ba", **tower))
    camp = {"street": "Turmweg 2", "postal_code": "10115", "name": "Lena Horn"}
    alone += [people.add(f"crm:camp{n}", **camp) for n in range(201)]
    for record in alone:
        cases.expect(f"nobody else's: {record}", {record})
    cases.expect(
        "colleagues at one role mailbox, by name",
        {people.add("crm:office1", email="office@y.example", name="Ida Wolf"),
         people.add("shopify:office2", email="office@y.example", name="Wolf, Ida")},
        {people.add("crm:office3", email="office@y.example", name="Jan Wolf")},
    )  # fmt: skip
    # each of them alone names one person, all together name a family
    cases.expect(
        "a family's phone",
        {people.add("crm:anna1", phone="+4915100000006", name="Anna Roth"),
         people.add("shopify:anna2", phone="+4915100000006", name="Anna Roth")},
        {people.add("crm:jan1", phone="+4915100000006", name="Jan Roth"),
         people.add("shopify:jan2", phone="+4915100000006", name="Jan Roth")},
    )  # fmt: skip
    mother = {"street": "Hofweg 9", "postal_code": "80331"}
    people.add(
        "shopify:gives1", email="son@x.example", name="Jan Roth", street="Seeweg 1", postal_code="80331"
    )
    people.order("shopify:gives1", name="Eva Roth", **mother)
    cases.expect(
        "presents to the mother do not make her the son, nor do they live as one",
        {"shopify:gives1",
         people.add("shopify_order:gives2", email="son@x.example", name="Eva Roth", **mother)},
        {people.add("webshop:gets1", email="eva@x.example", name="Eva Roth", **mother),
         people.add("amazon:gets2", name="Eva Roth", **mother)},
        {people.add("webshop:gets3", email="otto@x.example", name="Otto Roth", **mother)},
    )  # fmt: skip
    cases.expect(
        "a reused address belongs to whom it names",
        {people.add("shopify:old", email="r@x.example", name="Olga Beck", birth_date=date(1950, 2, 2)),
         people.add("shopify_order:old", email="r@x.example", name="Olga Beck")},
        {people.add("webshop:next", email="r@x.example", name="Tim Horn", birth_date=born)},
        {people.add("klaviyo:whose", email="r@x.example")},
    )  # fmt: skip
    cases.expect(
        "a typing mistake in name or date does not make an address reused",
        {people.add("shopify:typo1", email="t@x.example", name="Olga Graf", birth_date=date(1950, 2, 2)),
         people.add("webshop:typo2", email="t@x.example", name="Tim Horn", birth_date=date(1950, 2, 2)),
         people.add("webshop:typo3", email="t@x.example", name="Olga Graff", birth_date=date(1950, 2, 3))},
    )  # fmt: skip
    people.add("shopify:moved", email="new@x.example")
    people.order("shopify:moved", email="before@x.example")
    cases.expect(
        "a changed address, which old orders remember",
        {"shopify:moved", people.add("shopify_order:moved", email="before@x.example"),
         people.add("klaviyo:moved", email="new@x.example")},
    )  # fmt: skip


def spellings(cases: Cases) -> None:
    people = cases.people
    spelled = ["Änne Süß", "AENNE SUESS", "a\u0308nne su\u0308ß", "Süß Änne-", "ÄNNE SÜSS"]
    cases.expect(
        "umlauts, case, accents in two forms, order of names",
        {people.add(f"crm:spelled{n}", phone="+4915100000007", name=name) for n, name in enumerate(spelled)},
    )
    cases.expect(
        "other scripts",
        {people.add("crm:greek1", phone="+4915100000008", name="ΣΟΦΙΑ ΠΑΠΑ"),
         people.add("crm:greek2", phone="+4915100000008", name="Σοφία Παπά")},
        {people.add("crm:greek3", phone="+4915100000008", name="😀 ***")},
    )  # fmt: skip
    cases.expect(
        "plus tags, and dots where the provider ignores them",
        {people.add("crm:tag1", email="ida.wolf@gmail.com"),
         people.add("crm:tag2", email="i.dawolf+a@googlemail.com")},
        {people.add("crm:tag3", email="ida.wolf@x.example"),
         people.add("crm:tag4", email="ida.wolf+b@x.example")},
        {people.add("crm:tag5", email="idawolf@x.example")},
        {people.add("crm:tag6", email="+@x.example")},
        {people.add("crm:tag7", email="+b@x.example")},
    )  # fmt: skip
    born: dict[str, Any] = {"birth_date": date(1980, 5, 6)}
    home: dict[str, Any] = {"name": "Jörg Weiß", "postal_code": "04103"}
    spelled = ["Straße des Friedens 5 a", "STRASSE DES FRIEDENS 5A", "Str. d\u00e9s Friedens Nr. 5a"]
    people.add("shopify:lives4", name="Joerg Weiss", street="Gutenbergplatz 12/3", postal_code="D-04103")
    people.order("shopify:lives4", name="Jörg Weiß", street=f"{spelled[0]} ", postal_code="4103")
    cases.expect(
        "a name with an address: spellings of streets and postal codes, and what orders remember",
        {*(people.add(f"crm:lives{n}", street=street, **home) for n, street in enumerate(spelled)),
         "shopify:lives4",
         people.add("amazon:lives5", street="Gutenbergpl. 12, 3", country_code="DE", **home)},
        {people.add("crm:away1", street="Gutenbergplatz 123", **home)},
        {people.add("crm:away2", street="Gutenbergplatz 12/3", country_code="AT", **home)},
        {people.add("crm:away3", street="Gutenbergplatz 12/3", **home | {"postal_code": "4104"})},
        {people.add("crm:away4", street="Gutenbergplatz 12/3", **home | {"name": "Ina Weiß"})},
        {people.add("crm:away5", street="Gutenbergplatz 12/3", **home | {"name": "J. Weiß"})},
    )  # fmt: skip
    cases.expect(
        "a name with a date of birth, and a mailbox with it",
        {people.add("webshop:born1", name="Jördis Voß", **born),
         people.add("webshop:born2", name="Joerdis Voss", **born)},
        {people.add("webshop:born3", name="Ina Voß", **born)},
        {people.add("webshop:box1", email="m.lang@gmial.example", **born),
         people.add("webshop:box2", email="m.lang@gmail.example", name="Mia", **born)},
    )  # fmt: skip


def objections(cases: Cases) -> None:
    people = cases.people
    hans: dict[str, Any] = {"phone": "+4915100000010", "name": "Hans Kuhn"}
    cases.expect(
        "two confirmed addresses at one shop hold the weak links of all",
        {people.add("shopify:hans1", verified="h1@x.example", **hans),
         people.add("crm:hans1", email="h1@x.example")},
        {people.add("shopify:hans2", verified="h2@x.example", **hans)},
        {people.add("crm:hans3", **hans)},
    )  # fmt: skip
    olaf: dict[str, Any] = {"name": "Olaf Kuhn", "street": "Weg 7", "postal_code": "01067"}
    cases.expect(
        "father and son of one name at one address, when their addresses or dates of birth tell",
        {people.add("shopify:olaf1", verified="o1@x.example", **olaf)},
        {people.add("shopify:olaf2", verified="o2@x.example", **olaf)},
        *(
            {people.add(f"webshop:uwe{n}", birth_date=born, **olaf | {"name": "Uwe Kuhn"})}
            for n, born in enumerate([date(1950, 1, 2), date(1980, 3, 4)])
        ),
    )
    emil: dict[str, Any] = {"phone": "+4915100000011", "name": "Emil Kuhn"}
    cases.expect(
        "so do two dates of birth",
        {people.add("webshop:emil1", birth_date=date(1950, 1, 2), **emil)},
        {people.add("webshop:emil2", birth_date=date(1980, 2, 2), **emil)},
    )
    otto: dict[str, Any] = {"phone": "+4915100000012", "name": "Otto Kuhn"}
    cases.expect(
        "but neither a mistake in one nor a date that forms fill in",
        {people.add("webshop:otto1", birth_date=date(1950, 1, 2), **otto),
         people.add("webshop:otto2", birth_date=date(1970, 1, 1), **otto),
         people.add("webshop:otto3", birth_date=date(1950, 1, 20), **otto)},
    )  # fmt: skip
    paul: dict[str, Any] = {"phone": "+4915100000013", "name": "Paul Kuhn"}
    many = [people.add(f"crm:paul{n:03}", email=f"paul{n}@x.example", **paul) for n in range(99)]
    for n, record in enumerate(many):
        people.add(f"shopify:paul{n:03}", email=f"paul{n}@x.example")
        people.add(f"zendesk:paul{n:03}", email=f"paul{n}@x.example")
        cases.expect(f"too many records: {record}", {record, f"shopify:paul{n:03}", f"zendesk:paul{n:03}"})
    decisions = people.decisions
    cases.expect(
        "people say that two are one",
        {people.add("crm:yes1", name="A B"), people.add("shopify:yes2", name="C D")},
    )
    decisions.append(("shopify:yes2", "crm:yes1", "merge"))
    decisions.append(("shopify:yes2", "crm:is-gone", "merge"))
    rita: dict[str, Any] = {"phone": "+4915100000014", "name": "Rita Kuhn"}
    cases.expect(
        "never outweighs weak links",
        *({people.add(f"crm:rita{n}", **rita)} for n in (1, 2, 3)),
    )
    decisions.append(("crm:rita1", "crm:rita3", "never"))
    decisions.append(("crm:rita1", "crm:rita1", "never"))
    chain = sorted(people.chain("never", range(9)))
    cases.expect("never cuts a chain in the middle", set(chain[:5]), set(chain[5:]))
    decisions.append((chain[8], chain[0], "never"))
    merged = sorted(people.chain("both", range(5)))
    cases.expect("never outweighs merge", set(merged[:3]), set(merged[3:]))
    decisions += [(merged[0], merged[4], "merge"), (merged[0], merged[4], "never")]


def random_graphs(cases: Cases) -> None:
    """Accounts with some addresses of a few, against a union-find."""
    networkx = pytest.importorskip("networkx")
    draw = random.Random(11)
    for number in range(GRAPHS):
        size, addresses = draw.randint(2, 14), draw.randint(2, 14)
        graph = networkx.Graph()
        records = [f"shopify:g{number}r{key}" for key in draw.sample(range(100), size)]
        for record in records:
            cases.people.add(record)
            graph.add_node(record)
            for address in draw.sample(range(addresses), draw.randint(0, min(3, addresses))):
                cases.people.order(record, email=f"g{number}a{address}@x.example")
                graph.add_edge(record, address)
        components = (
            {node for node in part if isinstance(node, str)} for part in networkx.connected_components(graph)
        )
        cases.expect(f"graph {number}", *(part for part in components if part))


@pytest.fixture(scope="module")
def cases() -> Cases:
    cases = Cases()
    for add in (strong_links, guards, spellings, objections, random_graphs):
        add(cases)
    return cases


@pytest.fixture(scope="module")
def home(dbt_process: DbtProcess) -> IdentityHome:
    home = IdentityHome(dbt_process)
    home.new()
    return home


@pytest.fixture(scope="module")
def customers(home: IdentityHome, cases: Cases) -> dict[str, str]:
    return home.build(cases.people, shuffle=1, also=["identity_report", "customer_golden_records"])


def test_records_are_one_customer_when_they_must_be_and_never_otherwise(
    cases: Cases, customers: dict[str, str]
) -> None:
    found = groups(customers)
    wrong = {
        case: sorted(sorted(group) for group in found if any(group & members for members in expected))
        for case, expected in cases.expected.items()
        if not expected <= found
    }

    assert not wrong, {case: str(group)[:300] for case, group in wrong.items()}
    assert set().union(*(group for groups in cases.expected.values() for group in groups)) == customers.keys()


def test_the_projects_own_tests_see_that_links_and_customers_agree(
    home: IdentityHome, customers: dict[str, str]
) -> None:
    tests = ("assert_links_stay_within_customers", "assert_customers_hold_together")
    kept = home.warehouse.read_bytes()
    with duckdb.connect(str(home.warehouse)) as connection:
        for mistake in (
            "update identity.customer_ids set customer_id = md5('x') where record_key = 'crm:star7'",
            "update identity.customer_ids set customer_id = md5('y') where record_key like 'crm:null1%'",
            "delete from identity.identity_links where record_key = 'crm:abcd1' or anchor_key = 'crm:abcd1'",
        ):
            connection.execute(mistake)
    said = home.test(*tests)
    home.warehouse.write_bytes(kept)
    assert re.findall(r"Got (\d+) results?", said) == ["1", "2"], said


def test_every_link_says_why_and_nothing_about_whom(home: IdentityHome, customers: dict[str, str]) -> None:
    held = dict(
        home.rows(
            "select held_because, count(*) from identity.identity_links where is_held group by held_because"
        )
    )
    assert held == {
        "verified_emails": 2 + 1,
        "birth_dates": 1 + 1,
        "too_many_records": 98,
        "decision": 2 + 1 + 2,
    }
    [(rows, told)] = home.rows(
        "select count(*), count_if(to_json(links)::varchar similar to '.*(@|[+]49|Kuhn|kuhn).*') "
        "from identity.identity_links as links"
    )
    assert rows > 10_000
    assert told == 0


def test_the_report_counts_what_was_dropped_and_names_who_needs_a_look(
    home: IdentityHome, customers: dict[str, str]
) -> None:
    report = {
        (topic, item): (n, look)
        for topic, item, n, look in home.rows(
            "select topic, item, n, needs_a_look from identity.identity_report"
        )
    }
    dropped = {item: n for (topic, item), (n, _) in report.items() if topic == "dropped_identifiers"}
    assert dropped == {
        "email: role_mailbox": 2,
        "email: too_many_records": 1,
        "email: too_many_names": 1,
        "email: contested": 1,
        "phone_name: too_many_names": 6,
        "name_address: too_many_names": 31,
        "name_address: too_many_records": 1,
        "account: unknown_account": 1,
    }
    largest = [(n, look) for (topic, _), (n, look) in report.items() if topic == "largest_customers"]
    assert sorted(largest, reverse=True)[:4] == [(5000, True), (5000, True), (200, False), (80, False)]
    assert len(largest) == 20

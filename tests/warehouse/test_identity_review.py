"""Probable duplicates from proposal to decision, on the identity models; their worth on a public set."""

from __future__ import annotations

import csv
import os
import random
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from c360_platform.identity_review import find_probable_duplicates
from c360_platform.identity_review.store import ReviewTables
from c360_platform.warehouse.duckdb import DuckDBWarehouse
from tests.warehouse.dbt_process import DbtProcess
from tests.warehouse.identity_home import IdentityHome, People

# From what probability on docs/identity-review.md says that a short look is enough.
ACCEPTED_FROM = 0.9


@pytest.fixture
def home(dbt_process: DbtProcess) -> IdentityHome:
    home = IdentityHome(dbt_process)
    home.new()
    return home


def test_a_proposal_joins_nobody_until_somebody_decides(home: IdentityHome) -> None:
    people = shop()
    before = home.build(people)
    stored = ReviewTables(DuckDBWarehouse(home.warehouse))

    search(stored)
    assert dict(home.rows("select record_key, customer_id from identity.customer_ids")) == before
    first, second = stored.open_proposals(most=10)
    assert {first.record_key_a, first.record_key_b} == {"crm:100", "webshop:100"}
    assert {second.record_key_a, second.record_key_b} == {"crm:200", "webshop:200"}

    people.decisions += [
        (first.record_key_b, first.record_key_a, "merge"),
        (second.record_key_a, second.record_key_b, "never"),
    ]
    after = home.build(people)
    assert stored.open_proposals(most=10) == []
    assert after["crm:100"] == after["webshop:100"] == before["crm:100"]
    others = before.keys() - {"crm:100", "webshop:100"}
    assert {key: after[key] for key in others} == {key: before[key] for key in others}


def test_with_proposals_accepted_from_the_documented_probability_on_a_public_set_is_found_out(
    home: IdentityHome,
) -> None:
    people, truth = public_people()
    customers = home.build(people)
    stored = ReviewTables(DuckDBWarehouse(home.warehouse))
    search(stored)

    accepted = [
        (one.record_key_a, one.record_key_b) for one in stored.open_proposals(most=None)
        if one.probability >= ACCEPTED_FROM
    ]  # fmt: skip
    by_rules, _ = scores(customers, truth)
    assert by_rules == 1.0
    precision, recall = scores(joined(customers, accepted), truth)
    assert precision >= 0.99, (precision, recall)
    assert 2 * precision * recall / (precision + recall) >= 0.9, (precision, recall)


def search(stored: ReviewTables) -> None:
    stored.check()
    findings = find_probable_duplicates(stored.records(), decided=stored.decided(), guards=stored.guards())
    stored.write(findings.proposals)


def shop() -> People:
    """People in the CRM and the web shop under one address; two of them under another one and with slips."""
    people = People()
    for n in range(300):
        chance = random.Random(n)
        person = {
            "first_name": [
                "Anna",
                "Bruno",
                "Clara",
                "David",
                "Emil",
                "Frieda",
                "Georg",
                "Hanna",
                "Ivan",
                "Jule",
            ][n % 10],
            "last_name": "".join(chance.choices("abcdefghijklmnoprstuvw", k=7)).title(),
            "birth_date": date(1950, 1, 1) + timedelta(days=chance.randrange(18_000)),
            "city": chance.choice(["Aachen", "Bremen", "Celle", "Dresden", "Essen"]),
            "email": "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=9)) + "@x.example",
        }
        people.add(f"crm:{n:03}", **person)
        if n in (100, 200):
            person |= {"email": f"other{n}z@y.example", "last_name": f"{str(person['last_name'])[:-1]}x"}
        elif n % 4 == 0:
            person |= {"city": "Fulda", "last_name": f"{person['last_name']}e"}
        people.add(f"webshop:{n:03}", **person)
    return people


def public_people() -> tuple[People, dict[str, str]]:
    """The records of fake_1000 and whose they are. Skips where the set is not given."""
    root = os.environ.get("C360_REFERENCE_DATA")
    if not root:
        pytest.skip("C360_REFERENCE_DATA is not set")
    people, truth = People(), {}
    with (Path(root) / "fake_1000" / "fake_1000.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            is_address = re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", row["email"])  # what staging leaves
            record = people.add(
                f"crm:{row['unique_id']}",
                email=row["email"].lower() if is_address else None,
                first_name=row["first_name"] or None,
                last_name=row["surname"] or None,
                city=row["city"] or None,
                birth_date=date.fromisoformat(row["dob"]) if row["dob"] else None,
            )
            truth[record] = row["cluster"]
    return people, truth


def joined(customers: Mapping[str, str], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The customers after merging those of each pair, and whom these were merged with."""
    parents = {customer: customer for customer in customers.values()}

    def eldest(customer: str) -> str:
        while parents[customer] != customer:
            customer = parents[customer]
        return customer

    for a, b in pairs:
        parents[eldest(customers[a])] = eldest(customers[b])
    return {record: eldest(customer) for record, customer in customers.items()}


def scores(customers: Mapping[str, str], truth: Mapping[str, str]) -> tuple[float, float]:
    """Precision and recall of pairs of records."""
    right = pairs_in(Counter((customers[record], person) for record, person in truth.items()))
    return right / pairs_in(Counter(customers.values())), right / pairs_in(Counter(truth.values()))


def pairs_in(sizes: Counter) -> int:
    return sum(size * (size - 1) // 2 for size in sizes.values())

"""Identity against data whose truth is known: the synthetic shop, and a public set of duplicates."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import pytest

from c360_platform.bench.identity_truth import ALL, load_people_of_the_sandbox, pair_scores
from c360_platform.sandbox.world import make_world
from tests.warehouse.dbt_home import AS_OF
from tests.warehouse.dbt_process import DbtProcess
from tests.warehouse.identity_home import IdentityHome, People

# What was planted and must not keep records apart. Another mailbox (second_mailbox, former_email) or none
# (no_email, placeholder_email, relay_email) leaves a phone at best: docs/identity.md.
OVERCOME = (
    "none", "email_spelling", "name_variant", "guest_checkout", "guest_without_record", "shared_phone",
    "placeholder_phone", "role_mailbox", "duplicate",
)  # fmt: skip
LEAST_PAIRS = 40


def test_the_synthetic_shop_is_found_out_and_nobody_is_taken_for_somebody_else(
    dbt_process: DbtProcess, tmp_path: Path
) -> None:
    dbt_process.warehouse.unlink(missing_ok=True)
    sandbox = tmp_path / "sandbox.sqlite"
    make_world(dbt_process.warehouse, sandbox, customers=1_200, seed=3, as_of=date.fromisoformat(AS_OF))
    with duckdb.connect(str(dbt_process.warehouse)) as connection:
        load_people_of_the_sandbox(connection, sandbox)
    code, output = dbt_process.run(
        "build", "--exclude-resource-types", "test", "unit_test", "--select", "+customer_ids"
    )
    assert code == 0, output

    with duckdb.connect(str(dbt_process.warehouse)) as connection:
        scores = pair_scores(connection)
        amazon = connection.execute(
            "select distinct kind from identity.identity_identifiers where record_key like 'amazon%'"
        ).fetchall()

    assert scores[ALL].pairs > 2_000
    assert scores[ALL].recall >= 0.95, scores[ALL]
    assert {name: score.wrong for name, score in scores.items() if score.precision < 0.999} == {}
    overcome = [scores[name] for name in OVERCOME if name in scores and scores[name].pairs >= LEAST_PAIRS]
    assert len(overcome) >= 5
    assert [str(score) for score in overcome if score.recall < 0.95] == []
    assert amazon == [("name_address",)], "neither a relay address nor a name alone identifies anybody"


def test_a_public_set_of_duplicates_is_joined_without_a_mistake(dbt_process: DbtProcess) -> None:
    root = os.environ.get("C360_REFERENCE_DATA")
    if not root:
        pytest.skip("C360_REFERENCE_DATA is not set")
    people, truth = People(), {}
    with (Path(root) / "fake_1000" / "fake_1000.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            record = people.add(
                f"crm:{row['unique_id']}",
                # what staging leaves of an address
                email=row["email"].strip().lower()
                if re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", row["email"])
                else None,
                first_name=row["first_name"] or None,
                last_name=row["surname"] or None,
                city=row["city"] or None,
                birth_date=date.fromisoformat(row["dob"]) if row["dob"] else None,
            )
            truth[record] = row["cluster"]
    home = IdentityHome(dbt_process)
    home.new()

    customers = home.build(people)

    joined = pairs(Counter(customers.values()))
    right = pairs(Counter((customers[record], cluster) for record, cluster in truth.items()))
    assert right == joined, "strangers are one customer"
    assert right / pairs(Counter(truth.values())) > 0.47


def pairs(sizes: Counter[object]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes.values())

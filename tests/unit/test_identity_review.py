"""Probable duplicates: who is proposed, who is not, and that the order of records does not matter."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from c360_platform.identity_review import Findings, find_probable_duplicates
from c360_platform.identity_review.model import COMPARISONS, settings
from c360_platform.identity_review.people import ATTRIBUTES
from tests.unit.identity_review_shop import DECIDED, FAST, GUARDS, TWICE, shop, table


def search(records: Iterable[Mapping[str, Any]], **more: Any) -> Findings:
    return find_probable_duplicates(
        table(records).to_batches(max_chunksize=100), guards=GUARDS, search=FAST, **more
    )


@pytest.fixture(scope="module")
def found() -> Findings:
    return search(shop())


def test_who_is_twice_is_proposed_with_reasons_and_nobody_else_is(
    found: Findings, capfd: pytest.CaptureFixture[str]
) -> None:
    proposals = found.proposals.to_pylist()
    assert {(row["customer_id_a"], row["customer_id_b"]) for row in proposals} == {
        (f"c{n}", f"d{n}") for n in TWICE
    }
    assert (
        found.proposals["probability"].to_pylist() == sorted(found.proposals["probability"].to_pylist())[::-1]
    )
    for row in proposals:
        assert 0.5 <= row["probability"] <= 1
        assert {"same last name", "same birth date"} <= set(row["agreements"].split(", "))
        assert row["differences"] == "other e-mail"
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("splink").level == logging.CRITICAL


def test_another_order_of_records_finds_the_same_without_customers_that_were_decided_about(
    found: Findings,
) -> None:
    records = shop()
    random.Random(3).shuffle(records)
    # two other records of the same two customers
    again = search(records, decided=[(f"webshop:{DECIDED}", f"crm:{DECIDED}"), ("crm:gone", "crm:1")])
    expected = [row for row in found.proposals.to_pylist() if row["customer_id_a"] != f"c{DECIDED}"]
    assert len(expected) == len(TWICE) - 1
    assert again.proposals.to_pylist() == expected
    assert again.rows == found.rows


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{"record_key": "ga4:1", "customer_id": "a"}, {"record_key": "ga4:2", "customer_id": "b"}],
        [{"record_key": f"crm:{n}", "customer_id": f"{n}", "email": f"{n}@x.example"} for n in range(3)],
    ],
    ids=["no records", "records that say nothing", "too few to learn from"],
)
def test_a_shop_that_teaches_nothing_has_no_proposals(records: list[dict[str, Any]]) -> None:
    found = search(records)
    assert found.proposals.num_rows == 0
    assert found.proposals.column_names[:4] == [
        "record_key_a",
        "record_key_b",
        "customer_id_a",
        "customer_id_b",
    ]


def test_every_degree_of_a_comparison_has_its_words() -> None:
    made = settings(ATTRIBUTES, prior=0.001).create_settings_dict("duckdb")
    degrees = {
        comparison["output_column_name"]: len(
            [one for one in comparison["comparison_levels"] if not one.get("is_null_level")]
        )
        for comparison in made["comparisons"]
    }
    assert degrees == {name: len(of.degrees) for name, of in COMPARISONS.items()}

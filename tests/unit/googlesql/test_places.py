"""Lines of compiled SQL are found again in the files that people edit."""

from __future__ import annotations

import pytest

from c360_platform.googlesql.places import property_line, source_line, word_line

SOURCE = """{{ config(materialized='table') }}
select
    id,
    {{ local_date('created_at') }} as day,
    total
from {{ ref('orders') }}
where {{ known_as_of('created_at') }}
    and total > 0
"""
COMPILED = """
select
    id,
    date(
        created_at,
        'Europe/Berlin'
    ) as day,
    total
from `p`.`d`.`orders`
where (created_at is null)
    and total > 0
"""
PROPERTIES = """
models:
  - name: orders
    columns:
      - name: id
        data_tests: [unique, not_null]
      - name: status
        data_tests:
          - accepted_values: {values: [a]}
          - not_null
    data_tests:
      - expression_is_true:
          expression: total > 0
      - expression_is_true:
          name: orders_are_small
          expression: total < 99
sources:
  - name: raw
    tables:
      - name: payments
"""


@pytest.mark.parametrize(("compiled", "source"), [(2, 2), (3, 3), (4, 4), (6, 4), (8, 5), (9, 6), (11, 8)])
def test_a_compiled_line_is_found_in_its_source(compiled: int, source: int) -> None:
    assert source_line(SOURCE, COMPILED, compiled) == source


def test_a_line_that_is_not_there_has_no_source() -> None:
    assert source_line(SOURCE, COMPILED, 0) is None
    assert source_line(SOURCE, COMPILED, 99) is None


@pytest.mark.parametrize(
    ("node", "column", "test", "line"),
    [
        ("orders", "", "", 3),
        ("orders", "id", "unique", 6),
        ("orders", "status", "not_null", 10),
        ("orders", "status", "accepted_values", 9),
        ("orders", "", "expression_is_true", 12),
        ("orders", "gone", "not_null", 3),
        ("orders", "", "orders_are_small", 14),
        ("payments", "", "", 20),
        ("gone", "", "", None),
    ],
)
def test_a_test_is_found_in_its_properties(node: str, column: str, test: str, line: int | None) -> None:
    assert property_line(PROPERTIES, node, column, test) == line


def test_a_word_is_found_as_a_whole() -> None:
    assert word_line("subtotal\ntotal", "total") == 2
    assert word_line("subtotal", "total") is None

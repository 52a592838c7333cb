"""The filter language: what it accepts means what it says, and nothing else gets through."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_platform.sandbox.klaviyo.errors import ApiError
from c360_platform.sandbox.klaviyo.filters import (
    COMPARISONS,
    TEXT_OPERATORS,
    FilterField,
    conditions,
)

FIELDS = {
    "email": FilterField(("any", "equals"), "email", lower=True),
    "name": FilterField(("any", "equals"), "name"),
    "updated": FilterField(COMPARISONS, "updated_at", "time"),
}
SECONDS = st.integers(min_value=0, max_value=4).map(lambda second: f"2026-01-01T00:00:0{second}Z")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=5), st.sampled_from("\"'"))
def test_quoted_text_arrives_as_it_was_written(values: list[str], mark: str) -> None:
    escaped = [value.replace("\\", "\\\\").replace(mark, f"\\{mark}") for value in values]
    quoted = ", ".join(f"{mark}{value}{mark}" for value in escaped)
    assert conditions(f"any(name,[{quoted}])", FIELDS).parameters == values


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="anyequals(),[]\"'\\ -\n\x00é;", max_size=30))
def test_anything_is_conditions_or_a_400(text: str) -> None:
    for tried in (text, f"equals(email,{text})", f"any(name,[{text}])", f"less-than(updated,{text})"):
        with suppress(ApiError):
            assert conditions(tried, FIELDS).fields <= set(FIELDS)


@settings(max_examples=60, deadline=None)
@given(SECONDS, st.sampled_from(COMPARISONS), st.integers(min_value=0, max_value=4_999_999))
def test_times_are_compared_by_the_second_that_is_shown(text: str, operator: str, offset_us: int) -> None:
    found = conditions(f"{operator}(updated,{text})", FIELDS)
    at_us = 1767225600 * 1_000_000 + offset_us
    with closing(sqlite3.connect(":memory:")) as connection:
        sql = f"select {found.sql[0]} from (select {at_us} as updated_at)"
        (got,) = connection.execute(sql, found.parameters).fetchone()
    shown, bound = offset_us // 1_000_000, int(text[-2])
    expected = {
        "greater-than": shown > bound,
        "greater-or-equal": shown >= bound,
        "less-than": shown < bound,
        "less-or-equal": shown <= bound,
    }[operator]
    assert bool(got) is expected


def test_conditions_are_joined_by_comma_or_and() -> None:
    one = 'equals(email,"A@shop.example"),greater-than(updated,2026-01-01T00:00:00 00:00)'
    for text in (one, f"and({one})", f" {one.replace(',', ' , ')} "):
        found = conditions(text, FIELDS)
        assert len(found.sql) == 2
        assert found.parameters == ["a@shop.example", 1767225601 * 1_000_000]
    for refused in ("or(equals(email,'a'),equals(email,'b'))", "not(equals(email,'a'))", "any(email,[])"):
        with pytest.raises(ApiError):
            conditions(refused, FIELDS)


@settings(max_examples=80, deadline=None)
@given(st.text("ab%_\\", max_size=4), st.text("ab%_\\", min_size=1, max_size=3))
def test_parts_of_text_mean_themselves(value: str, part: str) -> None:
    quoted = part.replace("\\", "\\\\")
    expected = {
        "contains": part in value,
        "starts-with": value.startswith(part),
        "ends-with": value.endswith(part),
    }
    fields = {"name": FilterField(TEXT_OPERATORS, "name")}
    with closing(sqlite3.connect(":memory:")) as connection:
        for operator, holds in expected.items():
            found = conditions(f'{operator}(name,"{quoted}")', fields)
            sql = f"select {found.sql[0]} from (select ? as name)"
            (got,) = connection.execute(sql, [*found.parameters, value]).fetchone()
            assert bool(got) is holds, operator


def test_booleans_are_written_without_quotation_marks() -> None:
    fields = {"archived": FilterField(("equals",), "archived", "boolean")}
    assert conditions("equals(archived,true)", fields).parameters == [1]
    for refused in ('"true"', "1", "maybe"):
        with pytest.raises(ApiError):
            conditions(f"equals(archived,{refused})", fields)

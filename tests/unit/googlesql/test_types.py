"""Names of types go in as people write them and come out as BigQuery does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_platform.googlesql.types import KINDS, UnknownType, canonical

SCALARS = st.sampled_from(sorted(KINDS))


def _struct(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(of, min_size=1, max_size=3).map(
        lambda types: f"STRUCT<{', '.join(f'f{number} {of}' for number, of in enumerate(types))}>"
    )


TYPES = st.recursive(
    SCALARS, lambda of: st.one_of(_struct(of), _struct(of).map("ARRAY<{}>".format)), max_leaves=6
)


@given(TYPES)
def test_a_type_as_bigquery_writes_it_stays_as_it_is(text: str) -> None:
    assert canonical(text) == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("integer", "INT64"),
        ("Float", "FLOAT64"),
        ("boolean", "BOOL"),
        ("decimal(12, 2)", "NUMERIC"),
        ("string(10)", "STRING"),
        (" array< struct<a  integer, b array<string(3)>> > ", "ARRAY<STRUCT<a INT64, b ARRAY<STRING>>>"),
        ("range<date>", "RANGE<DATE>"),
    ],
)
def test_other_spellings_mean_the_same(written: str, meant: str) -> None:
    assert canonical(written) == meant


@pytest.mark.parametrize("text", ["", "varchar", "ARRAY", "ARRAY<>", "STRUCT<a>", "INT64<STRING>"])
def test_what_is_no_type_is_named(text: str) -> None:
    with pytest.raises(UnknownType, match="no type of BigQuery"):
        canonical(text)

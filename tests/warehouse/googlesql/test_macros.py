"""Every macro in which the engines' words differ means the same on both, and what its case says."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.dbt_home import DBT_PROJECT
from tests.warehouse.googlesql.both_engines import Rendered
from tests.warehouse.googlesql.equality import comparable, difference, same
from tests.warehouse.googlesql.macro_cases import CASES, Case

MACRO = re.compile(r"(?P<comment>-?#\}\s*)?\{%-?\s*macro (?P<name>\w+)\(")
ENGINE_PREFIX = re.compile(r"(?:default|duckdb|bigquery)__")
# Macros that give no value of a row: where each is tested instead.
NOT_VALUES = {
    "warehouse_layout": "sets dbt's configuration",
    "is_incremental": "picks the form of a model",
    "contract_columns": "writes the columns of a table's DDL",
    "raw_declared_type": "test_dag: names the types of tables that nobody looks at",
    "raw_json_text": "test_raw_casts",
    "to_money_or_null": "test_raw_casts",
}


@pytest.mark.parametrize("name", CASES)
def test_a_macro_gives_what_it_says_on_both_engines(rendered: Rendered, name: str) -> None:
    case = CASES[name]

    found = rendered.run(name, case.types, [row[:-1] for row in case.rows])

    expected = _expected(case)
    wrong = [
        f"{engine}: {case.rows[n][:-1] if 'g' not in case.types else f'group {n}'}: {got!r}, not {wanted!r}"
        for engine, rows in found.items()
        for n, wanted in expected.items()
        for got in [_value(rows, n, wanted)]
        if not same(comparable(wanted), comparable(got))
    ]
    assert not wrong, "\n".join([case.call, *wrong])


AMOUNTS = st.text("0123456789.,-+ eE_x\t", max_size=8) | st.decimals(-(10**6), 10**6, places=3).map(str)
TIMES = st.from_regex(
    r"20[12][0-9]-[0-3]?[0-9]-[0-3]?[0-9]([T ][0-2]?[0-9]:[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?)?",
    fullmatch=True,
)
ZONES = st.sampled_from(["", "Z", "+00:00", "-05:30", "+02", " UTC"])
TEXTS = st.text(max_size=10) | st.text(" \t\r\n\x0b\x0c\x85\xa0\u2028\u3000\u200bab@-", max_size=8)
# What only the latest Unicode calls a letter is none to the older engine.
KNOWN_TEXTS = TEXTS.filter(lambda text: "\0" not in text and "Cn" not in map(unicodedata.category, text))
INPUTS = {
    "money": AMOUNTS,
    "x_parse_int": AMOUNTS,
    "iso_wall_clock": TIMES,
    "iso_instant": st.builds(str.__add__, TIMES, ZONES),
    "x_trim": TEXTS,
    "x_split_part": TEXTS,
    "x_letters": KNOWN_TEXTS,
    "x_words": KNOWN_TEXTS,
    "x_md5": TEXTS.filter(lambda text: "\0" not in text),
    "x_regex_has": TEXTS,
    "x_json": st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
        max_leaves=5,
    ).map(json.dumps),
}


@pytest.mark.parametrize("macro", INPUTS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_any_input_gives_the_same_on_both_engines(
    rendered: Rendered, macro: str, data: st.DataObject
) -> None:
    name = next(name for name, case in CASES.items() if case.macro == macro)
    inputs = data.draw(st.lists(INPUTS[macro], min_size=10, max_size=40))

    found = rendered.run(name, CASES[name].types, [(text,) for text in inputs])

    told = [{**row, "input": inputs[row["n"]]} for row in found["duckdb"]]
    assert (
        difference(told, [{**row, "input": inputs[row["n"]]} for row in found["bigquery"]], ["n", "input"])
        == ""
    )


def _expected(case: Case) -> dict[int, Any]:
    """By `n`: the row's last cell; in a grouped case that of the group's last row."""
    if "g" in case.types:
        return {row[0]: row[-1] for row in case.rows}
    return {n: row[-1] for n, row in enumerate(case.rows)}


def _value(rows: list[dict[str, Any]], n: int, wanted: Any) -> Any:
    values = [row["value"] for row in rows if row["n"] == n]
    if isinstance(wanted, list):
        return sorted(values)
    return values[0] if len(values) == 1 else f"{len(values)} rows"


def test_every_dispatched_macro_has_a_case_and_a_comment() -> None:
    files = list((DBT_PROJECT / "macros").rglob("*.sql"))
    text = {file: file.read_text(encoding="utf-8") for file in files}
    dispatched = {name for sql in text.values() for name in re.findall(r"adapter\.dispatch\('(\w+)'", sql)}
    of_the_engine = {
        match["name"]
        for file, sql in text.items()
        if file.parent.name == "engine"
        for match in MACRO.finditer(sql)
        if not ENGINE_PREFIX.match(match["name"])
    }
    uncommented = {
        match["name"]
        for sql in text.values()
        for match in MACRO.finditer(sql)
        if match["name"] in dispatched | of_the_engine and not match["comment"]
    }

    assert (
        dispatched | of_the_engine
        == {case.macro for case in CASES.values()} - {"safe_cast"} | NOT_VALUES.keys()
    )
    assert uncommented == set()


def test_nothing_of_the_engine_layer_is_left_over() -> None:
    """A macro that no model, test or other macro uses goes."""
    everything = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("macros", "models", "tests", "snapshots")
        for suffix in ("*.sql", "*.yml")
        for file in (DBT_PROJECT / folder).rglob(suffix)
    )
    used = ENGINE_PREFIX.sub("", re.sub(r"macro \w+|dispatch\('\w+'", "", everything))
    names = {case.macro for case in CASES.values()} | NOT_VALUES.keys()

    assert {name for name in names if not re.search(rf"\b{name}\b", used)} == set()


def test_no_model_asks_which_engine_it_is() -> None:
    models = [*(DBT_PROJECT / "models").rglob("*.sql"), *(DBT_PROJECT / "tests").rglob("*.sql")]

    assert [file.name for file in models if _asks(file)] == []


def _asks(file: Path) -> bool:
    return bool(re.search(r"target\.(?:type|name)|adapter\.type\(", file.read_text(encoding="utf-8")))

"""The emulator after its patches: where it falsified what BigQuery does, it now gives GoogleSQL's answer.

Belongs here: one line per patch of `tests/warehouse/emulator/launcher`; expected values are GoogleSQL's.
What stays wrong is in `known_faults.md` beside this file.
"""

from __future__ import annotations

import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.cloud import bigquery

from tests.warehouse.emulator.process import PROJECT, Emulator

VALUES: list[tuple[str, Any]] = [
    # literals
    (
        "select timestamp '2026-06-30 21:59:59.999999+00:00' -- the shop's day",
        datetime(2026, 6, 30, 21, 59, 59, 999999, UTC),
    ),
    ("select '''o\\'hara'''", "o'hara"),
    (r"select r'\d'", r"\d"),
    ("select '-- no comment' /* it's one */", "-- no comment"),
    # casts
    ("select cast(2.5 as int64)", 3),
    ("select cast(-2.5 as int64)", -3),
    ("select safe_cast('1.5' as int64)", None),
    ("select safe_cast('12' as int64)", 12),
    ("select cast('1.123456' as numeric)", Decimal("1.123456")),
    ("select cast(1.0 as string)", "1"),
    ("select cast(cast('1.50' as numeric) as string)", "1.5"),
    # whole numbers
    ("select div(10 - 3, 2)", 3),
    ("select div(-7, 2)", -3),
    # weeks and elapsed time
    ("select date_trunc(date '2026-06-30', week(monday))", date(2026, 6, 29)),
    ("select date_trunc(date '2026-06-30', isoweek)", date(2026, 6, 29)),
    ("select date_diff(date '2026-01-05', date '2026-01-04', week(monday))", 1),
    ("select date_diff(date '2026-01-04', date '2026-01-05', isoweek)", -1),
    (
        "select timestamp_trunc(timestamp '2026-06-28 23:30:00+00', week(monday), 'Europe/Berlin')",
        datetime(2026, 6, 28, 22, 0, tzinfo=UTC),
    ),
    ("select timestamp_diff(timestamp '2026-01-02 00:00:00+00', timestamp '2026-01-01 01:00:00+00', day)", 0),
    (
        "select date(timestamp_add(timestamp(datetime '2026-06-30 23:30:00', 'Europe/Berlin'), "
        "interval 36 hour), 'Europe/Berlin')",
        date(2026, 7, 2),
    ),
    ("select format_date('%E4Y%m%d', date '2026-06-30')", "20260630"),
    # arrays
    ("select array_to_string([cast(null as string), null], '')", ""),
    ("select array_to_string(['a', null, 'b'], '|')", "a|b"),
    ("select array_to_string(cast(null as array<string>), '|')", None),
    # text
    ("select format('%.15g', 0.1 + 0.2)", "0.3"),
    ("select format('%.15g', 100.0)", "100"),
    (
        "select format_timestamp('%E4Y-%m-%dT%H:%M:%S+00:00', timestamp '2026-06-30 21:59:59+00')",
        "2026-06-30T21:59:59+00:00",
    ),
    (
        "select to_hex(reverse(md5('abc')))",
        "727fe1287d3f96d6b04fd23c98500190",
    ),
    ("select regexp_replace(normalize('\u00fc', NFD), r'[^\\p{L}]+', '')", "u"),
    ("select normalize('u\u0308', NFC)", "\u00fc"),
    (
        "select normalize(trim(regexp_replace(normalize(lower(normalize('U\u0308 5/', NFC)), NFD), "
        "r'[^\\p{L}0-9]+', ' ')), NFC)",
        "u 5",
    ),
    ("select regexp_replace('12 3', r'([0-9]) ([0-9])', r'\\1-\\2')", "12-3"),
    ("select to_json_string('a\"b')", '"a\\"b"'),
    ("select array_length(array_agg(distinct x ignore nulls)) from unnest([1, 1, null]) as x", 1),
]


@pytest.mark.parametrize(("sql", "expected"), VALUES)
def test_values_are_googlesqls(emulator: Emulator, sql: str, expected: object) -> None:
    assert emulator.rows(sql) == [(expected,)]


def test_types_of_computed_columns_are_googlesqls(emulator: Emulator) -> None:
    emulator.client.create_dataset("computed", exists_ok=True)
    emulator.rows(
        "create or replace table computed.t as select date '2026-06-30' as d, cast(1 as numeric) as n"
    )
    result = emulator.client.query(
        "select date_trunc(d, month) as month, safe_divide(cast(n as float64), n) as share, n / n as ratio "
        "from computed.t"
    ).result(retry=None)
    assert [field.field_type for field in result.schema] == ["DATE", "FLOAT", "NUMERIC"]


def test_a_contract_a_layout_and_several_new_columns_are_kept(emulator: Emulator) -> None:
    emulator.client.create_dataset("kept", exists_ok=True)
    emulator.rows(
        "create or replace table kept.orders (day date, amount numeric) "
        "partition by date_trunc(day, month) cluster by amount "
        "as (select date '2026-06-30' as day, 1.25 as amount)"
    )
    emulator.rows("alter table kept.orders add column a int64, add column b string")

    table = emulator.client.get_table(f"{PROJECT}.kept.orders")
    assert [(field.name, field.field_type) for field in table.schema] == [
        ("day", "DATE"), ("amount", "NUMERIC"), ("a", "INTEGER"), ("b", "STRING"),
    ]  # fmt: skip
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("MONTH", "day")
    assert table.clustering_fields == ["amount"]
    assert table.num_rows == 1
    results = emulator.client.query("select 1 as a").result(retry=None)
    assert [row["a"] for row in results] == [1]
    emulator.rows("insert into kept.orders (a) values (1)")
    assert emulator.client.get_table(f"{PROJECT}.kept.orders").num_rows == 2
    emulator.rows("delete from kept.orders where a = 1")
    assert emulator.rows("select * from kept.orders") == [(date(2026, 6, 30), Decimal("1.25"), None, None)]


def test_files_are_loaded_by_column_name_and_may_add_columns(emulator: Emulator) -> None:
    emulator.client.create_dataset("loaded", exists_ok=True)
    table = f"{PROJECT}.loaded.people"
    _load_parquet(emulator, table, {"a": [1], "b": ["x"]})
    _load_parquet(emulator, table, {"b": ["y"], "a": [2]})
    with pytest.raises(Exception, match="Cannot add fields"):
        _load_parquet(emulator, table, {"c": [True]})
    _load_parquet(emulator, table, {"c": [True]}, schema_update_options=["ALLOW_FIELD_ADDITION"])
    rows = gzip.compress(b'{"b": "z", "a": 3}\n')
    emulator.client.load_table_from_file(
        io.BytesIO(rows), table, job_config=_config(source_format="NEWLINE_DELIMITED_JSON")
    ).result(retry=None)

    assert sorted(emulator.rows("select a, b, c from loaded.people"), key=str) == [
        (1, "x", None), (2, "y", None), (3, "z", None), (None, None, True),
    ]  # fmt: skip
    _load_parquet(emulator, table, {"d": [1.5]}, write_disposition="WRITE_TRUNCATE")
    assert emulator.rows("select * from loaded.people") == [(1.5,)]


def test_every_parameter_of_a_script_gets_its_value(emulator: Emulator) -> None:
    emulator.client.create_dataset("scripts", exists_ok=True)
    emulator.rows("create or replace table scripts.t (a int64, b string)")
    parameters = [
        bigquery.ScalarQueryParameter(None, kind, value)
        for kind, value in (("INT64", 1), ("STRING", "it's; fine"), ("STRING", "it's; fine"))
    ]
    emulator.client.query(
        "begin transaction; insert into scripts.t values (?, ?); "
        "update scripts.t set a = a + 1 where b = ?; commit transaction;",
        job_config=bigquery.QueryJobConfig(query_parameters=parameters),
    ).result(retry=None)

    assert emulator.rows("select * from scripts.t") == [(2, "it's; fine")]


def test_every_job_is_written_down_without_values(emulator: Emulator) -> None:
    before = len(emulator.jobs())
    emulator.client.query(
        "select ?",
        job_config=bigquery.QueryJobConfig(
            query_parameters=[bigquery.ScalarQueryParameter(None, "STRING", "ann@shop.example")],
            labels={"asset": "marts"},
            dry_run=True,
        ),
    )

    [job] = emulator.jobs()[before:]
    assert (job["sql"], job["labels"], job["dry_run"]) == ("select ?", {"asset": "marts"}, True)
    assert "ann@shop.example" not in emulator.jobs_path.read_text(encoding="utf-8")


def _load_parquet(emulator: Emulator, table: str, rows: dict[str, list[Any]], **options: Any) -> None:
    content = io.BytesIO()
    pq.write_table(pa.table(rows), content)
    content.seek(0)
    config = _config(source_format="PARQUET", **options)
    emulator.client.load_table_from_file(content, table, job_config=config).result(retry=None)


def _config(**options: Any) -> bigquery.LoadJobConfig:
    return bigquery.LoadJobConfig(**options)

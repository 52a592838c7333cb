"""Statements that BigQuery takes and statements that it refuses, one by one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from c360_platform.googlesql import engine as engine_module
from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.engine import EngineUnavailable, require_engine

COLUMNS = {
    "id": "INT64",
    "name": "STRING",
    "ratio": "FLOAT64",
    "price": "numeric(10, 2)",
    "day": "DATE",
    "sold_at": "TIMESTAMP",
    "extra": "JSON",
    "lines": "ARRAY<STRUCT<sku STRING, units INT64>>",
}
GOOD = [
    "select id, name from `shop.raw.orders`",
    "select id from `shop`.`raw`.`orders` where day >= date '2026-01-01'",
    "select ID, NAME from shop.Raw.`ORDERS`",
    "select day, count(*) as n from `shop.raw.orders` group by all order by n desc",
    "select * except (lines), (select sum(l.units) from unnest(lines) as l) as u from `shop.raw.orders`",
    "select id from `shop.raw.orders` qualify row_number() over (partition by name order by sold_at) = 1",
    "select percentile_cont(ratio, 0.5) over () as median from `shop.raw.orders`",
    "select max_by(name, sold_at) as n, logical_or(contains_substr(name, 'x')) as x from `shop.raw.orders`",
    "select day + interval 1 month as later, sold_at - interval 3 hour as earlier from `shop.raw.orders`",
    "select (select max(o.day) from `shop.raw.orders` as o where o.name = t.name) from `shop.raw.orders` t",
    "select cast(id as integer) as i, safe_cast(name as bigint) as b from `shop.raw.orders`",
    "create or replace table `shop.marts.x` partition by timestamp_trunc(sold_at, month) cluster by name "
    "options (description = 'x') as (select sold_at, name from `shop.raw.orders`)",
    "create table if not exists `shop.marts.x` (id int64 not null, day date) partition by day",
    "create or replace view `shop.marts.v` as select id from `shop.raw.orders`",
    "create schema if not exists `shop.marts` options (location = 'EU')",
    "alter table `shop.raw.orders` add column if not exists note string, add column city string",
    "drop table if exists `shop.raw.orders`",
    "insert into `shop.raw.orders` (id, name) select id, name from `shop.raw.orders`",
    "update `shop.raw.orders` set name = 'x' where id = 1",
    "delete from `shop.raw.orders` where id in (select id from `shop.raw.orders`)",
    "truncate table `shop.raw.orders`",
    "merge into `shop.raw.orders` as t using (select 1 as id, 'x' as name) as s on t.id = s.id "
    "when matched then update set name = s.name when not matched then insert (id, name) values (id, name) "
    "when not matched by source and t.day > date '2026-01-01' then delete",
    "begin transaction",
    "commit transaction",
]
BAD = [
    ("select nam from `shop.raw.orders`", "Unrecognized name: nam"),
    ("select id from `shop.raw.order`", "Table not found"),
    ("select id from `shop.raw.orders` where day < sold_at", "No matching signature for operator <"),
    ("select id from `shop.raw.orders` where id = name", "No matching signature for operator ="),
    ("select strftime(day, '%Y') from `shop.raw.orders`", "Function not found: strftime"),
    ("select list_sum([1, 2])", "Function not found: list_sum"),
    ("select array_filter([1, 2], e -> e > 1)", "Function not found: array_filter"),
    ("select id::string from `shop.raw.orders`", "Syntax error"),
    ("select 1 as a union all select 'x'", "incompatible types"),
    ("select id, count(*) from `shop.raw.orders`", "neither grouped nor aggregated"),
    ("select percentile_cont(ratio, 0.5) from `shop.raw.orders`", "needs an OVER clause"),
    ("select sold_at + interval 1 month from `shop.raw.orders`", "no interval of months"),
    ("select timestamp_add(sold_at, interval 1 month) from `shop.raw.orders`", "does not support the MONTH"),
    (
        "select row_number() over (order by sold_at rows unbounded preceding) from `shop.raw.orders`",
        "Window framing clause is not allowed",
    ),
    (
        "select lag(id) over (w rows unbounded preceding) from `shop.raw.orders` "
        "window w as (order by sold_at)",
        "Window framing clause is not allowed",
    ),
    (
        "select (select o.day from `shop.raw.orders` o where o.id = t.id limit 1) from `shop.raw.orders` t",
        "cannot have a LIMIT",
    ),
    (
        "create table `shop.marts.x` partition by sold_at as select sold_at from `shop.raw.orders`",
        "bare column of type",
    ),
    (
        "create table `shop.marts.x` partition by date_trunc(day, week) as select day from `shop.raw.orders`",
        "does not partition by date_trunc(day, week)",
    ),
    ("create table `shop.marts.x` cluster by ratio as select ratio from `shop.raw.orders`", "floating point"),
    ("create table `shop.marts.x` cluster by extra as select extra from `shop.raw.orders`", "JSON"),
    (
        "create table `shop.marts.x` (a int64, b int64, c int64, d int64, e int64) cluster by a, b, c, d, e",
        "4 columns at most",
    ),
    ("create table `shop.marts.x` as select 1 as _table_suffix", "keeps the column name"),
    ("insert into `shop.raw.orders` (id) values ('x')", "cannot be inserted into column id"),
    ("update `shop.raw.orders` set id = 1", "must have a WHERE clause"),
    ("delete from `shop.raw.orders`", "must have a WHERE clause"),
    (
        "merge into `shop.raw.orders` as t using (select 1 as id) as s on t.id = s.id "
        "when matched then update set name = s.name",
        "Name name not found inside s",
    ),
]


@pytest.fixture(scope="module")
def analyser() -> Analyser:
    made = Analyser()
    made.add_table(("shop", "raw", "orders"), COLUMNS)
    return made


@pytest.mark.parametrize("sql", GOOD)
def test_what_bigquery_takes_passes(analyser: Analyser, sql: str) -> None:
    assert analyser.analyse(sql).error is None


@pytest.mark.parametrize(("sql", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_what_bigquery_refuses_is_refused(analyser: Analyser, sql: str, reason: str) -> None:
    error = analyser.analyse(sql).error

    assert error is not None
    assert reason in error.message
    assert "\n" not in error.message


def test_an_error_has_its_line_and_column(analyser: Analyser) -> None:
    for wrong in ("nam", "percentile_cont(ratio, 0.5)"):
        error = analyser.analyse(f"select\n\n    {wrong}\nfrom `shop.raw.orders`").error

        assert error is not None
        assert (error.line, error.column) == (3, 5)


def test_a_query_tells_its_columns(analyser: Analyser) -> None:
    found = analyser.analyse("select *, 1 as one, 2, id from `shop.raw.orders`")

    assert found.columns == {**COLUMNS, "price": "NUMERIC", "one": "INT64", "$col3": "INT64"}
    assert found.repeated == ("id",)


def test_ddl_tells_what_it_makes_and_drops(analyser: Analyser) -> None:
    made = analyser.analyse("create table `Shop.Marts.X` (id int64, names array<string>)")
    dropped = analyser.analyse("drop view if exists `shop`.`marts`.`x`")

    assert (made.created, made.columns) == (("shop", "marts", "x"), {"id": "INT64", "names": "ARRAY<STRING>"})
    assert dropped.dropped == ("shop", "marts", "x")


def test_a_table_that_changes_is_known_as_it_is_now() -> None:
    analyser = Analyser()
    sql = "select note from `shop.raw.orders`"
    assert analyser.analyse(sql).error is not None

    analyser.add_table(("shop", "raw", "orders"), {"id": "INT64"})
    assert "note" in str(analyser.analyse(sql).error)
    analyser.add_table(("SHOP", "raw", "Orders"), {"id": "INT64", "note": "DATE"})
    assert analyser.analyse(sql).columns == {"note": "DATE"}
    analyser.remove_table(("shop.raw", "orders"))
    assert "Table not found" in str(analyser.analyse(sql).error)


@pytest.mark.parametrize(
    ("types", "reason"),
    [
        (("INT64", "STRING"), None),
        (("STRING", "STRING"), "operator ="),
        (("INT64",), "parameter"),
        (("INT64", "STRING", "STRING"), "3 parameters are given but the statement has 2"),
    ],
)
def test_positional_parameters_are_counted_and_typed(
    analyser: Analyser, types: tuple[str, ...], reason: str | None
) -> None:
    error = analyser.analyse("select id from `shop.raw.orders` where id = ? and name = ?", types).error

    assert (error is None) if reason is None else reason in str(error)


def test_a_missing_analyser_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "find_spec", lambda name: None)

    with pytest.raises(EngineUnavailable, match=r'pip install "c360-platform\[dev\]"'):
        require_engine()


def test_nothing_heavy_is_imported_before_it_is_asked() -> None:
    heavy = ("wasmtime", "zetasql", "google.cloud.bigquery", "dbt", "dagster")
    code = (
        f"import sys, c360_platform.googlesql.check; print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"

"""What reading costs: sizes, columns, partitions, and which part of a table a statement reaches."""

from __future__ import annotations

from datetime import date
from pathlib import Path as FilePath

import duckdb
import pytest

from c360_platform.costs import CostsError
from c360_platform.costs.estimate import Estimate, Job
from c360_platform.costs.measure import bytes_sql, measure
from c360_platform.costs.reads import Path, Read, ReadsOf, Resolved
from c360_platform.costs.schedules import runs_per_day
from c360_platform.costs.statements import Statement
from c360_platform.costs.tables import LEAST_BILLED, Layout, Shape, Size, Table
from c360_platform.googlesql.analyser import Analyser

VISITS = ("shop", "raw", "visits")
RECENT = ("shop", "staging", "recent_visits")
COLUMNS = {f"c{number}": "STRING" for number in range(8)} | {"visited_at": "TIMESTAMP", "visit_id": "STRING"}
VIEW = "select visit_id, visited_at, concat(c1, c2) as words, c3 from `shop`.`raw`.`visits`"
# Ten thousand visits of 100 bytes a column in each of the twelve months from July 2025 on.
SIZE = Size(customers=1_000, months=12, as_of=date(2026, 6, 30))
ROWS_PER_MONTH = 10_000
MONTH_BYTES = ROWS_PER_MONTH * 100
SHAPE = Shape(120.0, dict.fromkeys(COLUMNS, 100.0), rows_per_month=10.0)

CASES: dict[str, tuple[str, set[str], float]] = {
    "a condition reaches the table through a CTE and a view": (
        "with v as (select * from `shop.staging.recent_visits`) select words from v "
        "where visited_at >= timestamp_sub(timestamp '2026-06-30', interval 29 day)",
        {"c1", "c2", "visited_at"},
        1.0,
    ),
    "a constant on the left is the same condition": (
        "select c1 from `shop.raw.visits` where timestamp '2026-06-01' <= visited_at",
        {"c1", "visited_at"},
        1.0,
    ),
    "either of two months": (
        "select c1 from `shop.raw.visits` "
        "where (visited_at >= '2026-02-01' and visited_at < '2026-03-01')"
        " or (visited_at >= '2026-05-01' and visited_at < '2026-06-01')",
        {"c1", "visited_at"},
        1.9,
    ),
    "each side of a union by itself": (
        "select * from (select c1, visited_at from `shop.raw.visits` where visited_at < '2025-08-01' "
        "union all select words, visited_at from `shop.staging.recent_visits`) "
        "where visited_at < '2025-09-01'",
        {"c1", "c2", "visited_at"},
        2.0,
    ),
    "a condition does not pass a window function over other groups": (
        "select c1 from (select c1, visited_at, row_number() over (partition by c2 order by c3) as n "
        "from `shop.raw.visits`) where n = 1 and visited_at >= '2026-06-01'",
        {"c1", "c2", "c3", "visited_at"},
        12.0,
    ),
    "nor a subquery's result": (
        "select c1 from `shop.raw.visits` where visited_at >= "
        "(select timestamp '2026-06-01' from `shop.raw.visits` limit 1)",
        {"c1", "visited_at"},
        12.0,
    ),
    "nor a function of the column": (
        "select c1 from `shop.raw.visits` where date(visited_at) >= '2026-06-01'",
        {"c1", "visited_at"},
        12.0,
    ),
    "unused columns of a join's other side are not read": (
        "select count(*) from `shop.raw.visits` as a join `shop.raw.visits` as b on a.c1 = b.c2",
        {"c1", "c2"},
        12.0,
    ),
    "counting rows reads nothing": ("select count(*) from `shop.raw.visits`", set(), 0.0),
    "nor does a condition that never holds": (
        "select * from (select c1 from `shop.raw.visits`) where false limit 0",
        set(),
        0.0,
    ),
}


@pytest.fixture(scope="module")
def analyser() -> Analyser:
    found = Analyser()
    found.add_table(VISITS, COLUMNS)
    found.add_table(
        RECENT, {"visit_id": "STRING", "visited_at": "TIMESTAMP", "words": "STRING", "c3": "STRING"}
    )
    return found


def reads(analyser: Analyser, sql: str) -> list[Read]:
    views: dict[Path, Resolved] = {RECENT: Resolved(VIEW, analyser.resolve(VIEW))}
    return ReadsOf(views, {VISITS: COLUMNS}).of(Resolved(sql, analyser.resolve(sql)))


def months_read(analyser: Analyser, sql: str, granularity: str = "month") -> tuple[set[str], float]:
    """The columns that a statement reads, and of how many months."""
    table = Table(SHAPE, Layout("visited_at", granularity))
    found = [read for read in reads(analyser, sql) if read.columns]
    columns = set().union(*(read.columns for read in found))
    month = table.scanned(["c0"], [read.domains for read in found], SIZE) / MONTH_BYTES
    return columns, round(month, 1)


def test_bytes_by_type_are_those_of_the_documentation() -> None:
    values = {
        "VARCHAR": ("'Grüße'", 2 + 7),
        "BIGINT": ("1", 8),
        "INTEGER": ("1", 8),
        "DOUBLE": ("1", 8),
        "DATE": ("'2026-06-30'", 8),
        "TIMESTAMP WITH TIME ZONE": ("'2026-06-30 12:00:00+00'", 8),
        "DECIMAL(18,2)": ("9.99", 16),
        "BOOLEAN": ("true", 1),
        "VARCHAR[]": ("['a', 'bc']", 3 + 4),
        "BIGINT[]": ("[1, 2, 3]", 24),
    }
    for kind, (value, size) in values.items():
        rows = f"(values (cast({value} as {kind})), (cast(null as {kind}))) as t(x)"
        found = duckdb.sql(f"select {bytes_sql('x', kind)} from {rows}").fetchall()[0][0]
        assert found == size, kind


def test_two_of_ten_columns_of_one_month_cost_exactly_that(analyser: Analyser) -> None:
    sql = (
        "select c1 from `shop`.`raw`.`visits` where visited_at between '2026-03-01' and '2026-03-31 12:00:00'"
    )
    job = Job(Statement("query", "models", sql), tuple(reads(analyser, sql)))
    size = Size(customers=1_000_000, months=12, as_of=date(2026, 6, 30))
    estimate = Estimate({VISITS: Table(SHAPE, Layout("visited_at", "month"))}, [job], [job])

    (cost,) = estimate.costs(size)

    year = 365 / 31  # March among the days of the history
    assert cost.scanned == pytest.approx(2 * 100 * 10 * 1_000_000 * 12 / year)
    assert cost.billed == cost.scanned
    (small,) = estimate.costs(SIZE)
    assert (small.scanned < LEAST_BILLED, small.billed) == (True, LEAST_BILLED)


@pytest.mark.parametrize(("sql", "columns", "months"), CASES.values(), ids=CASES.keys())
def test_what_a_query_reads(analyser: Analyser, sql: str, columns: set[str], months: float) -> None:
    assert months_read(analyser, sql) == (columns, months)


def test_a_text_made_of_the_day_skips_daily_tables_and_no_partitions(analyser: Analyser) -> None:
    analyser.add_table(("shop", "raw", "days"), {"day": "STRING", "what": "STRING"})
    sql = (
        "with days as (select replace(nullif(day, ''), '-', '') as d, what from `shop.raw.days`) "
        "select what from days where d >= '20260601'"
    )
    found = ReadsOf({}, {}).of(Resolved(sql, analyser.resolve(sql)))
    shape = Shape(12.0, {"day": 10.0, "what": 10.0}, rows_per_month=1.0)
    scanned = {
        granularity: Table(shape, Layout("day", granularity)).scanned(["what"], [found[0].domains], SIZE)
        for granularity in ("shard", "day")
    }

    assert scanned["day"] == 12 * 1_000 * 10
    assert scanned["shard"] == pytest.approx(scanned["day"] * 30 / 365)


def test_a_merge_takes_up_the_partitions_that_all_its_clauses_leave(analyser: Analyser) -> None:
    def rewritten(last_clause: str) -> float:
        sql = (
            "merge into `shop.raw.visits` as d using (select 'v' as visit_id, 'x' as c1) as s "
            "on d.visit_id = s.visit_id and d.visited_at >= '2026-06-01' "
            f"when matched then update set c1 = s.c1 {last_clause}"
        )
        table = Table(SHAPE, Layout("visited_at", "month"))
        return sum(
            table.scanned(["c0"], [read.domains], SIZE) / MONTH_BYTES
            for read in reads(analyser, sql)
            if read.rewrites and read.columns == set(COLUMNS)
        )

    assert round(rewritten(""), 1) == 1.0
    assert (
        round(rewritten("when not matched by source and d.visited_at >= '2026-05-15' then delete"), 1) == 2.0
    )
    assert round(rewritten("when not matched by source then delete"), 1) == 12.0


def test_a_shop_is_measured_by_customer_and_month(tmp_path: FilePath) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(
            "create schema marts; create schema staging; "
            "create table marts.dim_customers as select 'id' as customer_id from range(10); "
            "create table staging.stg_orders as select 'abc' as order_key, "
            "  timestamptz '2025-06-30 00:00:00+00' + interval 1 day * i as ordered_at "
            "from range(366) as t(i); "
            "create table staging.stg_order_lines as select i as line from range(732) as t(i); "
            "create view staging.stg_shopify__orders as select * from staging.stg_orders"
        )

    found = measure(tmp_path / "warehouse.duckdb")

    assert (found.customers, round(found.months)) == (10, 12)
    people, orders, lines = (
        found.tables[place]
        for place in (("marts", "dim_customers"), ("staging", "stg_orders"), ("staging", "stg_order_lines"))
    )
    assert (people.rows, people.rows_per_month, people.widths) == (1.0, 0.0, {"customer_id": 4.0})
    assert orders.widths == {"order_key": 5.0, "ordered_at": 8.0}
    assert orders.rows_per_month == pytest.approx(36.6 / 12, rel=0.01)
    assert lines.rows_per_month == pytest.approx(
        73.2 / 12, rel=0.01
    )  # without a time: over the shop's months
    assert ("staging", "stg_shopify__orders") not in found.tables


def test_a_warehouse_without_a_built_shop_is_one_clear_line(tmp_path: FilePath) -> None:
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()

    with pytest.raises(CostsError, match=r"holds no built shop .*: run `c360 demo` first"):
        measure(tmp_path / "empty.duckdb")


@pytest.mark.parametrize(
    ("cron", "runs"),
    {"30 3 * * *": 1, "15 */6 * * *": 4, "5 * * * *": 24, "0,30 8,20 * * *": 4, "0 3 * * 0": 1 / 7}.items(),
)
def test_runs_of_a_schedule_in_a_day(cron: str, runs: float) -> None:
    assert runs_per_day(cron) == runs


def test_a_schedule_by_days_of_the_month_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="names days"):
        runs_per_day("0 3 1 * *")

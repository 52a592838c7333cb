"""This project's own bytes: what grows with the history, and what must not.

The tables are made up – ten bytes in each column, a row a month for what grows – because only the statements
count here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from c360_platform.activation.ledger_tables import SCHEMA
from c360_platform.costs.estimate import Estimate
from c360_platform.costs.measure import Measured, grows
from c360_platform.costs.project import estimate_project
from c360_platform.costs.report import lines
from c360_platform.costs.tables import Shape, Size
from c360_platform.googlesql.check import ANY_PROJECT
from c360_platform.googlesql.compiled import AS_OF, CompiledProject, Node, compile_project

DAY = date.fromisoformat(AS_OF)
YEAR, TWO_YEARS = (Size(1_000_000, months, DAY) for months in (12, 24))
RAW_EVENTS = (
    ("klaviyo", "events"),
    ("ga4", "events"),
    ("shipments", "dhl_events"),
    ("shipments", "dpd_scans"),
)
# Two models that somebody might add tomorrow: one forgets the window.
CARELESS, CAREFUL = "rpt_scans_ever", "rpt_scans_of_late"
SCANS = (
    f"select tracking_number, count(*) as scans from `{ANY_PROJECT}`.`shipments`.`dhl_events` "
    "{where} group by 1"
)


def made_up(project: CompiledProject) -> Measured:
    shapes = {}
    for node in project.nodes.values():
        if node.kind in ("source", "seed", "model", "snapshot"):
            names = {name.lower() for name in node.columns} | {"dbt_scd_id", "dbt_updated_at"}
            per_month = 1.0 if grows(node.path[2]) else 0.0
            shapes[node.path[1], node.path[2]] = Shape(12.0, dict.fromkeys(names, 10.0), per_month)
    return Measured(customers=1, months=12.0, tables=shapes)


def model(name: str, sql: str) -> Node:
    return Node(
        unique_id=f"model.c360.{name}",
        kind="model",
        name=name,
        file=f"models/{name}.sql",
        path=(ANY_PROJECT, "marts", name),
        config={"materialized": "table"},
        sql=sql,
    )


@pytest.fixture(scope="module")
def project() -> CompiledProject:
    # By the name that the tests of the SQL check use: what is compiled for one serves both.
    compiled = compile_project(Path(__file__).parents[2] / "dbt_project", project=ANY_PROJECT)
    added = [
        model(CARELESS, SCANS.format(where="")),
        model(CAREFUL, SCANS.format(where="where received_at >= timestamp '2026-06-20 00:00:00+00'")),
    ]
    nodes = {name: node for name, node in compiled.nodes.items() if node.kind != "test"}
    return replace(compiled, nodes={**nodes, **{node.unique_id: node for node in added}})


@pytest.fixture(scope="module")
def estimate(project: CompiledProject) -> Estimate:
    return estimate_project(project, made_up(project), as_of=DAY)


def models_reading(estimate: Estimate, size: Size, form: str, table: tuple[str, str]) -> Mapping[str, float]:
    """Bytes of a raw table that models scan, by model."""
    models = {job.statement.name for job in estimate.jobs[form] if job.statement.group == "models"}
    read = estimate.by_table(size, form)[ANY_PROJECT, *table]
    return {name: scanned for name, scanned in read.items() if name in models}


@pytest.mark.parametrize("table", RAW_EVENTS, ids=".".join)
def test_later_runs_read_the_last_days_of_raw_events_however_long_the_history(
    estimate: Estimate, table: tuple[str, str]
) -> None:
    def growth(form: str) -> float:
        now, then = (
            sum(
                scanned
                for name, scanned in models_reading(estimate, size, form, table).items()
                if name != CARELESS
            )
            for size in (TWO_YEARS, YEAR)
        )
        return now / then

    assert growth("incremental") < 1.03
    assert growth("full") > 1.8


def test_a_model_that_reads_a_raw_history_without_a_window_is_named_by_its_slope(estimate: Estimate) -> None:
    slopes = estimate.slopes(TWO_YEARS)
    growing = {
        name
        for table in RAW_EVENTS
        for name in models_reading(estimate, TWO_YEARS, "incremental", table)
        if slopes[name] > 1e6
    }

    assert growing == {CARELESS}
    assert slopes[CAREFUL] == pytest.approx(0, abs=1)


def test_the_ledger_is_read_where_it_is_open_and_by_sync(estimate: Estimate) -> None:
    pushes = [job for job in estimate.jobs["incremental"] if job.statement.group == "pushes"]
    assert len(pushes) > 100
    columns = {"batches": "settled_at", "rejections": "resolved_at"}
    seen = set()
    for job in pushes:
        for read in job.reads:
            table = read.table[2]
            if read.table[1] != SCHEMA:
                continue
            if table in ("state", "runs"):  # a run is one row, of whose history little is asked
                known = {job.statement.sync, *(("klaviyo_profiles",) if table == "state" else ())}
                assert (read.domains["sync"].texts or {""}) <= known, job.statement.sql
            elif table in columns:
                domain = read.domains[columns[table]]
                assert (domain.spans, domain.null) == ((), True), job.statement.sql
            seen.add(table)
    assert {"state", "runs", *columns} <= seen


def test_a_push_of_events_reads_whole_rows_of_the_months_with_news_alone(estimate: Estimate) -> None:
    (plan,) = (
        job
        for job in estimate.jobs["incremental"]
        if job.statement.name == "events_shipments: plan events_shipments"
    )
    model = [read for read in plan.reads if read.table[2] == "events_shipments"]

    assert any("carrier" in read.columns for read in model)
    for read in model:
        ((first, last),) = read.domains["event_timestamp"].spans  # the month that the warehouse said
        assert 27 <= (last - first) / 86_400e6 <= 31


def test_the_report_says_what_it_rests_on(estimate: Estimate, project: CompiledProject) -> None:
    text = "\n".join(lines(estimate, made_up(project), TWO_YEARS, [], per_tib=6.25))

    for words in ("An estimate: nothing ran on BigQuery", "assumption", "full refresh"):
        assert words in text

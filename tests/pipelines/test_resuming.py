"""Killed loads, loads after each other in one process, and neighbours of the warehouse file."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from dlt_pipelines.pipeline import make_pipeline
from dlt_pipelines.zendesk import zendesk_source
from tests.pipelines.accounts import EMAIL, TOKEN, ZendeskAccount

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("instant", ["extract", "merge", "commit"])
def test_a_killed_load_is_finished_by_the_next_one(zendesk: ZendeskAccount, instant: str) -> None:
    zendesk.tickets(range(1, 26), age=timedelta(hours=2))
    zendesk.users(range(1, 13))
    warehouse = zendesk.warehouse

    killed = subprocess.run(
        [
            *(sys.executable, "-m", "tests.pipelines.killed_load", instant),
            *(str(warehouse.path), str(warehouse.dlt_home), zendesk.sandbox.url),
        ],
        cwd=PROJECT,
        timeout=120,
        check=False,
    )
    loaded_before = warehouse.value("select count(*) from zendesk._dlt_loads")
    zendesk.load()

    assert killed.returncode == -signal.SIGKILL
    assert loaded_before == 1
    assert warehouse.rows(
        "select (select (count(*), count(distinct id)) from zendesk.tickets),"
        " (select (count(*), count(distinct id)) from zendesk.ticket_metrics),"
        " (select (count(*), count(distinct id)) from zendesk.users)"
    ) == [((25, 25), (25, 25), (12, 12))]


def test_an_orchestrators_runs_in_one_process_are_exact(zendesk: ZendeskAccount) -> None:
    """As dagster-dlt runs a pipeline: local state dropped first, one run, fresh objects each time."""
    zendesk.tickets(range(1, 21))
    warehouse = zendesk.warehouse
    for number in (1, 2, 3):
        zendesk.tickets([100 + number], age=timedelta(minutes=50 - number))
        pipeline = make_pipeline("zendesk", warehouse.path, warehouse.dlt_home)
        pipeline.drop()
        pipeline.run(
            zendesk_source(zendesk.sandbox.url, EMAIL, TOKEN),
            loader_file_format="parquet",
        )

        assert warehouse.value("select count(*) from zendesk.tickets") == 20 + number
    assert warehouse.rows(
        "select id from zendesk.tickets t join zendesk._dlt_loads l "
        "on l.load_id = t._dlt_load_id qualify l.inserted_at = max(l.inserted_at) over ()"
    ) == [("103",)]


def test_dropping_the_schema_loads_everything_anew(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 11))
    zendesk.load("tickets", "ticket_metrics")
    zendesk.warehouse.rows("drop schema zendesk cascade")

    report = zendesk.load("tickets", "ticket_metrics")

    assert report.rows == {"tickets": 10, "ticket_metrics": 10}
    assert zendesk.warehouse.value("select count(*) from zendesk.tickets") == 10


def test_a_plain_connection_of_the_same_process_may_stay_open(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 4))

    with duckdb.connect(str(zendesk.warehouse.path)) as neighbour:
        neighbour.execute("set TimeZone = 'UTC'")
        zendesk.load()

        assert neighbour.execute("select count(*) from zendesk.tickets").fetchone() == (3,)
    with duckdb.connect(str(zendesk.warehouse.path), read_only=True) as reader:  # nothing was left open
        assert reader.execute("select count(*) from zendesk.tickets").fetchone() == (3,)

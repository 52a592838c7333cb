"""Killed loads, loads after each other in one process, and neighbours of the warehouse file."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb

from dlt_pipelines.pipeline import make_pipeline
from dlt_pipelines.zendesk import zendesk_source
from tests.pipelines.accounts import EMAIL, TOKEN, UNLIMITED, KlaviyoAccount, ZendeskAccount
from tests.pipelines.killed_load import TABLES
from tests.pipelines.truth import differences, write_many_pages

PROJECT = Path(__file__).resolve().parents[2]


INSTANTS = ("extract", "normalize", "merge", "commit")


def test_loads_that_are_killed_again_and_again_are_finished_by_the_next_one(
    zendesk: ZendeskAccount, klaviyo: KlaviyoAccount
) -> None:
    write_many_pages(zendesk, klaviyo)
    store = zendesk.sandbox.store
    points = [f"{source}.{instant}" for source in ("zendesk", "klaviyo") for instant in INSTANTS]
    warehouse = zendesk.warehouse
    warehouse.close()

    killed = subprocess.run(
        [
            *(sys.executable, "-m", "tests.pipelines.killed_load", ",".join(points)),
            *(str(warehouse.path), str(warehouse.dlt_home), zendesk.sandbox.url),
        ],
        cwd=PROJECT,
        timeout=120,
        check=False,
    )
    committed = [warehouse.value(f"select count(*) from {s}._dlt_loads") for s in ("zendesk", "klaviyo")]
    unfinished = differences(store, warehouse)
    zendesk.load(*TABLES["zendesk"])
    klaviyo.load(*TABLES["klaviyo"])

    assert killed.returncode == -signal.SIGKILL
    assert committed == [len(INSTANTS)] * 2  # each process one, and died in its second
    assert unfinished
    assert differences(store, warehouse) == {}


def test_an_orchestrators_runs_in_one_process_are_exact(zendesk: ZendeskAccount) -> None:
    """As dagster-dlt runs a pipeline: local state dropped first, one run, fresh objects each time."""
    zendesk.tickets(range(1, 21))
    warehouse = zendesk.warehouse
    for number in (1, 2, 3):
        zendesk.tickets([100 + number], age=timedelta(minutes=50 - number))
        pipeline = make_pipeline("zendesk", warehouse.path, warehouse.dlt_home)
        pipeline.drop()
        pipeline.run(
            zendesk_source(zendesk.sandbox.url, EMAIL, TOKEN, exports_per_minute=UNLIMITED),
            loader_file_format="parquet",
        )

        assert warehouse.value("select count(*) from zendesk.tickets") == 20 + number
    assert warehouse.rows(
        "select id from zendesk.tickets t join zendesk._dlt_loads l "
        "on l.load_id = t._dlt_load_id qualify l.inserted_at = max(l.inserted_at) over ()"
    ) == [("103",)]


def test_case_38_dropping_the_schema_loads_everything_anew(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 11))
    zendesk.load("tickets", "ticket_metrics")
    zendesk.warehouse.rows("drop schema zendesk cascade")

    report = zendesk.load("tickets", "ticket_metrics")

    assert report.rows == {"tickets": 10, "ticket_metrics": 10, "rejected_rows": 0}
    assert zendesk.warehouse.value("select count(*) from zendesk.tickets") == 10


def test_a_plain_connection_of_the_same_process_may_stay_open(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 4))
    zendesk.warehouse.close()

    with duckdb.connect(str(zendesk.warehouse.path)) as neighbour:
        neighbour.execute("set TimeZone = 'UTC'")
        zendesk.load()

        assert neighbour.execute("select count(*) from zendesk.tickets").fetchone() == (3,)
    with duckdb.connect(str(zendesk.warehouse.path), read_only=True) as reader:  # nothing was left open
        assert reader.execute("select count(*) from zendesk.tickets").fetchone() == (3,)

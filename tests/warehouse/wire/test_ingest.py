"""dlt's loads into BigQuery over the wire: repeated, resumed after a kill, equal to those into DuckDB."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from c360_platform.sandbox.server import Sandbox, running_sandbox
from dlt_pipelines.bigquery import BigQuery
from tests.pipelines.accounts import KlaviyoAccount, Warehouse, ZendeskAccount
from tests.warehouse.emulator.process import LOCATION, PROJECT, ROOT, Emulator

ZENDESK = ("tickets", "ticket_metrics", "users")
KLAVIYO = ("profiles", "events", "metrics")


@dataclass(frozen=True)
class BigQueryTarget:
    """What `accounts.Warehouse` is on DuckDB, with dlt's destination in place of the file."""

    emulator: Emulator
    dlt_home: Path

    @property
    def path(self) -> Any:
        return BigQuery(PROJECT, LOCATION, labels={"component": "c360"})

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.emulator.rows(sql)

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def content(self, schema: str, tables: tuple[str, ...]) -> dict[str, list[str]]:
        """Every row without dlt's own columns, as JSON in the order of its text."""
        return {table: as_text(dict(row.items()) for row in self._all(schema, table)) for table in tables}

    def _all(self, schema: str, table: str) -> Iterator[Any]:
        return iter(self.emulator.client.query(f"select * from {schema}.{table}").result())


def as_text(rows: Iterator[dict[str, Any]]) -> list[str]:
    """Rows of either engine in one form."""
    kept = ({name: value for name, value in row.items() if not name.startswith("_dlt")} for row in rows)
    return sorted(json.dumps(row, default=_text, sort_keys=True) for row in kept)


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path / "sandbox.sqlite", limits=False) as running:
        yield running


@pytest.fixture
def target(emulator: Emulator, tmp_path: Path) -> BigQueryTarget:
    emulator.drop("zendesk", "zendesk_staging", "klaviyo", "klaviyo_staging")
    return BigQueryTarget(emulator, tmp_path / "dlt")


def zendesk_with_people(sandbox: Sandbox, target: Any) -> ZendeskAccount:
    zendesk = ZendeskAccount(sandbox, target)
    zendesk.tickets(range(1, 26), age=timedelta(hours=2))
    zendesk.users(range(1, 13))
    return zendesk


def test_zendesk_is_loaded_as_into_duckdb_and_only_what_is_new_comes_again(
    sandbox: Sandbox, target: BigQueryTarget, tmp_path: Path
) -> None:
    zendesk = zendesk_with_people(sandbox, target)
    duckdb = ZendeskAccount(sandbox, Warehouse(tmp_path))
    for account in (zendesk, duckdb):
        account.load(*ZENDESK)
    first = target.content("zendesk", ZENDESK)

    again = zendesk.load(*ZENDESK)

    assert target.content("zendesk", ZENDESK) == first
    assert again.rows.get("tickets", 0) <= 1  # the export begins with the last row that it gave
    zendesk.tickets([99], age=timedelta(minutes=30))
    zendesk.tickets([1], age=timedelta(minutes=20), status="solved")
    for account in (zendesk, duckdb):
        account.load(*ZENDESK)
    assert target.value("select count(*) from zendesk.tickets") == 26
    assert target.rows("select status from zendesk.tickets where id = '1'") == [("solved",)]
    for table in ZENDESK:
        assert target.content("zendesk", (table,))[table] == _in_duckdb(duckdb.warehouse, "zendesk", table)


def test_klaviyo_is_loaded_as_into_duckdb_and_a_second_load_adds_nothing(
    sandbox: Sandbox, target: BigQueryTarget, tmp_path: Path
) -> None:
    klaviyo: Any = KlaviyoAccount(sandbox, target)  # type: ignore[arg-type]
    klaviyo.profiles(range(1, 8))
    klaviyo.metric("M1", "Opened Email")
    klaviyo.events([f"e{number}" for number in range(30)])
    duckdb = KlaviyoAccount(sandbox, Warehouse(tmp_path))
    for account in (klaviyo, klaviyo, duckdb):
        account.load()

    assert target.rows(
        "select (select count(*) from klaviyo.profiles), (select count(*) from klaviyo.events)"
    ) == [(7, 30)]
    for table in KLAVIYO:
        assert target.content("klaviyo", (table,))[table] == _in_duckdb(duckdb.warehouse, "klaviyo", table)


@pytest.mark.parametrize("instant", ["merge", "commit"])
def test_a_killed_load_is_finished_by_the_next_one(
    sandbox: Sandbox, target: BigQueryTarget, instant: str
) -> None:
    zendesk = zendesk_with_people(sandbox, target)
    killed = subprocess.run(
        [
            *(sys.executable, "-m", "tests.pipelines.killed_load", instant),
            *(f"bigquery:{PROJECT}", str(target.dlt_home), sandbox.url),
        ],
        cwd=ROOT,
        timeout=240,
        check=False,
    )
    loaded_before = target.value("select count(*) from zendesk._dlt_loads")
    zendesk.load()

    assert killed.returncode == -signal.SIGKILL
    assert loaded_before == 1
    assert target.rows(
        "select count(*), count(distinct id), (select count(*) from zendesk.ticket_metrics), "
        "(select count(*) from zendesk.users) from zendesk.tickets"
    ) == [(25, 25, 25, 12)]


def _in_duckdb(warehouse: Warehouse, schema: str, table: str) -> list[str]:
    import duckdb

    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return as_text(
            iter(connection.execute(f"select * from {schema}.{table}").to_arrow_table().to_pylist())
        )

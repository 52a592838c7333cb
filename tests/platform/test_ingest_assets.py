"""Loads as Dagster runs them: visible while they run, honest about what came, exact after every death."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from c360_platform.sandbox.server import Sandbox
from c360_platform.settings import PROJECT_ROOT, SettingsError, load_settings
from tests.pipelines.accounts import KlaviyoAccount, Warehouse, ZendeskAccount, profile_id
from tests.pipelines.truth import differences, write_many_pages
from tests.platform.ingest_runs import Ingest
from tests.platform.killed_ingest import installation, load_small_packages

POINTS = ("zendesk.extract", "klaviyo.normalize", "klaviyo.merge", "zendesk.commit")


@pytest.fixture
def ingest(tmp_path: Path, sandbox: Sandbox) -> Ingest:
    return Ingest(installation(tmp_path, sandbox.url))


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    opened = Warehouse(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def zendesk(sandbox: Sandbox, warehouse: Warehouse) -> ZendeskAccount:
    return ZendeskAccount(sandbox, warehouse)


@pytest.fixture
def klaviyo(sandbox: Sandbox, warehouse: Warehouse) -> KlaviyoAccount:
    return KlaviyoAccount(sandbox, warehouse)


def states(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """What the loads remember, as it is stored."""
    return warehouse.rows(
        "select * from zendesk._dlt_pipeline_state union all select * from klaviyo._dlt_pipeline_state"
    )


def test_a_load_tells_while_it_runs_and_in_its_metadata_what_it_reads_and_what_it_waits_for(
    ingest: Ingest, sandbox: Sandbox, zendesk: ZendeskAccount
) -> None:
    zendesk.tickets(range(1, 26), subject="Hidden sorrow")
    zendesk.users(range(1, 4))
    fault = {"kind": "throttle", "retry_after": 2, "times": 1}
    order = urllib.request.Request(f"{sandbox.url}/sandbox/faults", json.dumps(fault).encode())
    urllib.request.urlopen(order, timeout=5).close()

    run = ingest.run("zendesk/tickets", "zendesk/ticket_metrics", "zendesk/users", "zendesk/ticket_fields")

    assert run.success
    told = [line for line in run.log if line.startswith("zendesk: ")]
    assert "zendesk: waiting 2 s: Zendesk answered 429" in told
    assert any(line.startswith("zendesk: package 1, ") for line in told)
    tickets = run.metadata["zendesk/tickets"]
    assert (tickets["rows_read"], tickets["pages"], tickets["dagster/row_count"]) == (25, 1, 25)
    assert 60 <= tickets["cursor_lag_seconds"] < 90  # the end of the export, which leaves out the last minute
    assert tickets["load/refused_429"] == 1
    assert tickets["load/waited_seconds (Zendesk answered 429)"] == 2
    columns = {
        column.name: column.constraints.other
        for column in run.metadata["zendesk/users"]["dagster/column_schema"].columns
    }
    assert columns["email"] == ["personal data: contact"]
    assert "x-personal-data" not in str(columns)
    assert columns["verified"] == []
    everything = "\n".join(run.log)
    assert "Hidden sorrow" not in everything
    assert "u1@shop.example" not in everything


def test_what_an_api_sends_otherwise_is_named_by_checks_and_loses_no_row(
    ingest: Ingest, warehouse: Warehouse, zendesk: ZendeskAccount
) -> None:
    tables = ("zendesk/tickets", "zendesk/ticket_metrics")
    zendesk.tickets(range(1, 11), priority="low")
    before = ingest.run(*tables)
    zendesk.tickets([11], loyalty_tier="gold", is_public={"to": "Zoë"})
    zendesk.tickets([12, 13], id=None, subject="Hidden sorrow")

    run = ingest.run(*tables)  # in the same process

    assert before.warnings == {}
    assert run.success
    assert run.warnings == {
        "zendesk/tickets:no_drift": (
            "zendesk.tickets: new field loyalty_tier, kept in extra_fields; "
            "is_public changed its type (Expected `bool | null`, got `object`); "
            "field priority no longer comes"
        ),
        "zendesk/tickets:no_rejected_rows": (
            "zendesk.tickets: 2 rows could not be read: id: Expected `int | str`, got `null` (2); "
            "kept in zendesk.rejected_rows, where table_name = 'tickets'"
        ),
    }
    severities = {each.severity for each in run.result.get_asset_check_evaluations()}
    assert severities == {dg.AssetCheckSeverity.WARN}
    assert warehouse.rows("select count(*), count(distinct id) from zendesk.tickets") == [(11, 11)]
    assert warehouse.value("select count(*) from zendesk.rejected_rows") == 2
    assert not [line for line in run.log if "Zoë" in line or "Hidden" in line]


def test_chosen_tables_load_alone_with_their_rejected_rows(
    ingest: Ingest, sandbox: Sandbox, warehouse: Warehouse, klaviyo: KlaviyoAccount
) -> None:
    klaviyo.profiles(range(1, 4))
    klaviyo.mailing_list("L1", [1, 2])

    run = ingest.run("klaviyo/list_members")

    assert run.success
    assert list(run.metadata) == ["klaviyo/list_members"]
    assert warehouse.value("select count(*) from klaviyo.list_members") == 2
    assert warehouse.value("select count(*) from klaviyo.rejected_rows") == 0
    assert not [call for call in sandbox.calls() if "profiles/" in call or call.endswith("/api/profiles")]


@pytest.mark.parametrize(
    ("selection", "reason"),
    [
        (
            dg.AssetSelection.assets("zendesk/tickets"),
            "load zendesk: tickets and ticket_metrics come from one export and share its cursor: loading one "
            "of them alone would skip rows of the other for ever; select both",
        ),
        (
            dg.AssetSelection.assets("klaviyo/rejected_rows"),
            "load klaviyo: rejected_rows holds what the other tables could not take and comes with each of "
            "them: select one of these",
        ),
        (
            dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(["klaviyo", "events"]), "no_drift")),
            "load klaviyo: what a load meets is judged while it runs: materialize the table itself",
        ),
    ],
    ids=["one of two", "rejected rows", "a check"],
)
def test_what_does_not_load_alone_is_refused_with_the_reason_before_any_call(
    ingest: Ingest, sandbox: Sandbox, selection: dg.AssetSelection, reason: str
) -> None:
    run = ingest.run(selection=selection)

    assert list(run.failures.values()) == [reason]
    assert sandbox.calls() == {}


def test_a_window_of_events_is_read_again_beside_the_load_and_moves_no_cursor(
    ingest: Ingest, warehouse: Warehouse, klaviyo: KlaviyoAccount
) -> None:
    klaviyo.profiles([1])
    klaviyo.metric("M1", "Placed Order")
    klaviyo.events(["recent"], age=timedelta(days=1))
    ingest.run("klaviyo/events", "klaviyo/profiles")
    klaviyo.events(["imported-1", "imported-2"], age=lambda number: timedelta(days=60 - 10 * number))
    ordinary = ingest.run("klaviyo/events", "klaviyo/profiles")
    missed = warehouse.value("select count(*) from klaviyo.events where id like 'imported%'")
    now = datetime.now(UTC).date()
    window = {"events_from": str(now - timedelta(days=61)), "events_to": str(now - timedelta(days=49))}

    again = ingest.run("klaviyo/events", config={"klaviyo": window | {"pages_per_package": 1}})
    without_events = ingest.run("klaviyo/lists", config={"klaviyo": window})
    later = ingest.run("klaviyo/events")
    half = ingest.run("klaviyo/events", config={"klaviyo": {"events_from": "2026-01-01"}})

    assert ordinary.success
    assert missed == 0
    assert again.success
    assert "klaviyo: package 3, 2 rows so far" in again.log  # the load and two weeks
    assert warehouse.rows("select id from klaviyo.events order by id") == [
        ("imported-1",),
        ("imported-2",),
        ("recent",),
    ]
    assert list(without_events.failures.values()) == [
        "load klaviyo: events_from and events_to read events again: select klaviyo/events"
    ]
    assert list(half.failures.values()) == [
        "load klaviyo: a window of events needs both its first and its last day"
    ]
    # From the end of the window on, it would have read the recent one again.
    assert later.metadata["klaviyo/events"]["rows_read"] == 0


def test_a_refused_load_remembers_what_the_last_one_did(
    ingest: Ingest, warehouse: Warehouse, zendesk: ZendeskAccount, klaviyo: KlaviyoAccount
) -> None:
    tables = ("zendesk/users", "klaviyo/profiles")
    zendesk.users(range(1, 4))
    klaviyo.profiles(range(1, 4))
    first = ingest.run(*tables)
    remembered = states(warehouse)
    zendesk.users(range(4, 6), age=timedelta(hours=1))
    klaviyo.profiles(range(4, 6), age=timedelta(hours=1))
    locked_out = replace(
        ingest.settings, zendesk_api_token=SecretStr("wrong"), klaviyo_api_key=SecretStr("sk_wrong")
    )

    refused = Ingest(locked_out).run(*tables)
    after = states(warehouse)
    third = ingest.run(*tables)

    assert first.success
    assert sorted(refused.failures) == ["load_klaviyo", "load_zendesk"]
    assert all("401" in line for line in refused.failures.values())
    assert "zendesk: requests: 1, refused_429: 0" in refused.log
    assert after == remembered
    assert third.metadata["zendesk/users"]["rows_read"] == 2
    assert warehouse.rows("select id from klaviyo.profiles order by id") == [
        (profile_id(number),) for number in range(1, 6)
    ]
    assert warehouse.value("select count(*) from zendesk.users") == 5


def test_runs_that_are_killed_again_and_again_are_finished_by_the_next_one(
    ingest: Ingest, warehouse: Warehouse, zendesk: ZendeskAccount, klaviyo: KlaviyoAccount
) -> None:
    """At every instant once; that each source survives all of them is proven without Dagster."""
    write_many_pages(zendesk, klaviyo)
    store = zendesk.sandbox.store
    warehouse.close()

    killed = subprocess.run(
        [
            *(sys.executable, "-m", "tests.platform.killed_ingest", ",".join(POINTS)),
            *(str(ingest.settings.home), zendesk.sandbox.url),
        ],
        cwd=PROJECT_ROOT,
        timeout=180,
        check=False,
    )
    committed = [warehouse.value(f"select count(*) from {s}._dlt_loads") for s in ("zendesk", "klaviyo")]
    unfinished = differences(store, warehouse)
    finished = [load_small_packages(ingest, source).success for source in ("zendesk", "klaviyo")]

    assert killed.returncode == -signal.SIGKILL
    assert committed == [2, 2]  # each process one, and died in its second
    assert unfinished
    assert finished == [True, True]
    assert differences(store, warehouse) == {}


@pytest.mark.parametrize(
    ("variable", "value"),
    [("KLAVIYO_RATE_SHARE", "1.5"), ("KLAVIYO_RATE_SHARE", "nan"), ("ZENDESK_EXPORTS_PER_MINUTE", "0")],
)
def test_a_pace_that_is_none_is_refused(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable}='{value}'.*write it like"):
        load_settings({variable: value})


def test_paces_survive_the_way_through_a_child_process_environment() -> None:
    settings = load_settings({"KLAVIYO_RATE_SHARE": "0.5", "ZENDESK_EXPORTS_PER_MINUTE": "30"})

    assert (settings.klaviyo_rate_share, settings.zendesk_exports_per_minute) == (0.5, 30)
    assert load_settings(settings.variables()) == settings

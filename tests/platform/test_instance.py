"""A home's Dagster instance: killed runs do not block the next one, the event log is Dagster's own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage

from c360_platform.event_log import OpenSqliteEventLogStorage
from c360_platform.instance import home_instance
from c360_platform.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CHECKS = [dg.AssetCheckSpec(f"check_{n}", asset="table") for n in range(20)]

KILLED_IN_A_STEP = """
import os, signal, sys
from pathlib import Path

import dagster as dg

from c360_platform.instance import home_instance
from c360_platform.settings import load_settings

@dg.asset(pool="warehouse")
def table() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

with home_instance(load_settings({}, home=Path(sys.argv[1]))) as instance:
    definitions = dg.Definitions(assets=[table], jobs=[dg.define_asset_job("job", "*")])
    definitions.resolve_job_def("job").execute_in_process(instance=instance)
"""


@dg.multi_asset(specs=[dg.AssetSpec("table")], check_specs=CHECKS, pool="warehouse")
def table() -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    yield dg.MaterializeResult("table", metadata={"dagster/row_count": 3})
    for check in CHECKS:
        yield dg.AssetCheckResult(asset_key="table", check_name=check.name, passed=True)


def run(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(assets=[table], jobs=[dg.define_asset_job("job", "*")])
    return definitions.resolve_job_def("job").execute_in_process(instance=instance, run_config=QUIET)


def test_a_killed_run_is_ended_and_the_next_one_starts(home: Settings) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_A_STEP, str(home.home)], capture_output=True, timeout=60, check=False
    )
    assert killed.returncode == -9

    with home_instance(home) as instance:
        [left_behind] = instance.get_runs()
        assert left_behind.status is dg.DagsterRunStatus.FAILURE
        assert run(instance).success  # it would wait for the pool's slot for ever


def test_a_run_that_is_alive_is_left_alone(home: Settings) -> None:
    with home_instance(home) as instance:
        definitions = dg.Definitions(assets=[table], jobs=[dg.define_asset_job("job", "*")])
        alive = instance.create_run_for_job(
            definitions.resolve_job_def("job"), status=dg.DagsterRunStatus.STARTED
        )
        with home_instance(home) as again:
            found = again.get_run_by_id(alive.run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.STARTED


def test_a_home_that_was_copied_writes_into_itself(home: Settings, tmp_path: Path) -> None:
    with home_instance(home) as instance:
        run(instance)
    copy = replace(home, home=tmp_path / "copy")
    shutil.copytree(home.home, copy.home)

    with home_instance(copy) as instance:
        run(instance)
        assert len(instance.get_runs()) == 2
    with home_instance(home) as instance:
        assert len(instance.get_runs()) == 1
        assert len(list((home.dagster_home / "history" / "runs").glob("*.db"))) == 2  # the run and the index


def test_a_plain_dagster_reads_the_same_events_from_the_log(home: Settings) -> None:
    with home_instance(home) as instance:
        assert isinstance(instance.event_log_storage, OpenSqliteEventLogStorage)
        done = run(instance)
        expected = [str(entry) for entry in instance.all_logs(done.run_id)]

    plain = SqliteEventLogStorage(str(home.dagster_home / "history" / "runs"))
    assert [str(entry) for entry in plain.get_logs_for_run(done.run_id)] == expected
    assert len([line for line in expected if "ASSET_CHECK_EVALUATION'" in line]) == len(CHECKS)
    [summary] = plain.get_asset_check_summary_records(
        [dg.AssetCheckKey(dg.AssetKey("table"), "check_7")]
    ).values() or [None]
    assert summary is not None


def test_what_the_event_log_overrides_is_still_there() -> None:
    assert {"_connect", "_initdb", "dispose", "from_config_value"} <= set(vars(SqliteEventLogStorage))

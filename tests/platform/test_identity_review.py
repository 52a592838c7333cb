"""Probable duplicates in Dagster and on the command line: on demand, masked, nobody in the event log."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
import pytest
from rich.console import Console

from c360_platform import cli, terminal
from c360_platform.assets.identity_review import JOB, KEY, ReviewConfig, identity_review_assets
from c360_platform.dbt_manifest import read_manifest
from c360_platform.definitions import build
from c360_platform.resources import WarehouseAccess
from c360_platform.settings import Settings, load_settings
from tests.unit.identity_review_shop import GUARDS, TWICE, shop, table

ADDRESS = f"other{TWICE[0]}z@y.example"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings({}, home=tmp_path_factory.mktemp("review"))


@pytest.fixture
def review(settings: Settings) -> dg.AssetsDefinition:
    [asset] = identity_review_assets(settings, read_manifest(settings))
    return asset


def test_it_has_a_job_of_its_own_and_is_in_no_other(settings: Settings) -> None:
    definitions = build(settings)
    jobs = {job.name for job in definitions.jobs or []}
    assert JOB in jobs
    for job in jobs:
        made = definitions.resolve_job_def(job).asset_layer.selected_asset_keys
        assert (KEY in made) == (job == JOB)
    assert JOB not in {schedule.job_name for schedule in definitions.schedules or []}
    assert definitions.resolve_asset_graph().get(KEY).parent_keys == {
        dg.AssetKey(["identity", "identity_records"]),
        dg.AssetKey(["identity", "customer_ids"]),
        dg.AssetKey(["seeds", "identity_decisions"]),
    }


def test_without_the_models_it_says_what_to_do(settings: Settings, review: dg.AssetsDefinition) -> None:
    settings.warehouse_path.unlink(missing_ok=True)
    duckdb.connect(str(settings.warehouse_path)).close()
    result = run(settings, review)
    [failure] = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    data = failure.step_failure_data.user_failure_data
    assert data is not None
    assert "build the models first, `c360 build`" in str(data.description)


def test_pairs_are_proposed_and_shown_masked_until_somebody_decides(
    settings: Settings,
    review: dg.AssetsDefinition,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fill(settings.warehouse_path)
    result = run(settings, review, ReviewConfig(min_probability=0.6))
    [made] = result.asset_materializations_for_node(review.op.name)
    assert made.metadata["dagster/row_count"].value == len(TWICE)
    told = capfd.readouterr()
    events = "".join(map(str, result.all_events))
    for secret in (ADDRESS, "1951"):
        assert secret not in events
        assert secret not in told.out + told.err

    monkeypatch.setenv("C360_HOME", str(settings.home))
    screen = c360(monkeypatch, capfd, "--pairs", "2")
    assert screen.count("webshop:") == 2
    assert "o…@y….example" in screen
    assert ADDRESS not in c360(monkeypatch, capfd)
    assert ADDRESS in c360(monkeypatch, capfd, "--unmask")
    assert "nothing to decide" in c360(monkeypatch, capfd, "--at-least", "1")

    lines = c360(monkeypatch, capfd, "--lines").splitlines()
    assert len(lines) == len(TWICE)
    [decided] = [line for line in lines if f"webshop:{TWICE[0]}," in line]
    keys = decided.split(",")[:2]
    assert decided.startswith(f'{",".join(keys)},,,,"')
    assert "same birth date" in decided
    decide(settings.warehouse_path, keys[1], keys[0], "never")
    assert f"webshop:{TWICE[0]}," not in c360(monkeypatch, capfd, "--lines")


def fill(warehouse: Path) -> None:
    """The models and seeds that the review reads."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.register("records", table(shop()))
        connection.register("names", pa.table({"name": GUARDS.names}))
        connection.register("dates", pa.table({"birth_date": GUARDS.birth_dates}))
        connection.register("mailboxes", pa.table({"local_part": GUARDS.mailboxes}))
        connection.execute("""
            create schema identity;
            create schema seeds;
            create table identity.identity_records as
            select * exclude (customer_id), split_part(record_key, ':', 1) as source from records;
            create table identity.customer_ids as select record_key, customer_id from records;
            create table seeds.placeholder_names as from names;
            create table seeds.placeholder_birth_dates as from dates;
            create table seeds.role_mailboxes as from mailboxes;
            create table seeds.identity_decisions
            (record_key_a varchar, record_key_b varchar, decision varchar);
        """)


def decide(warehouse: Path, *decision: str) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("insert into seeds.identity_decisions values (?, ?, ?)", decision)


def run(
    settings: Settings, review: dg.AssetsDefinition, config: ReviewConfig | None = None
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [review],
        resources={"warehouse": WarehouseAccess(settings)},
        run_config=dg.RunConfig(ops={review.op.name: config or ReviewConfig()}),
        raise_on_error=False,
    )


def c360(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `c360 review` prints."""
    printed = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=printed, width=200, highlight=False))
    monkeypatch.setattr(sys, "argv", ["c360", "review", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    return printed.getvalue() + capfd.readouterr().out

"""The components as a team uses them: YAML in a Dagster project, upstream assets, a warehouse, a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from dagster.components.testing import create_defs_folder_sandbox

from c360_platform.components.contract import PROFILE
from c360_platform.warehouse.duckdb import DuckDBWarehouse

PLANTED = "planted.person@example.com"
CONTACTS = [
    {"email": " Planted.Person@Example.com", "user_id": 7, "first_name": "Anna", "created_at": "2026-01-01"},
    {"email": "ben@example.com", "user_id": 8, "first_name": "Ben", "created_at": "2026-05-01"},
    {"email": None, "user_id": None, "first_name": "Nobody", "created_at": "2026-05-01"},
]
PAYMENTS = [{"id": f"p{n}", "email": PLANTED, "amount": 1250, "created": 1780000000 + n} for n in range(3)]


@dg.asset
def contacts() -> pd.DataFrame:
    return pd.DataFrame(CONTACTS)


@dg.asset
def payments() -> pa.Table:
    return pa.Table.from_pylist(PAYMENTS)


@dg.asset
def report(customer_360: pd.DataFrame) -> int:
    return int(customer_360["total_orders"].sum())


def attributes(**more: Any) -> dict[str, Any]:
    return {
        "asset_name": "customer_360",
        "sources": [{"kind": "crm", "asset": "contacts"}, {"kind": "stripe", "asset": "payments"}],
        "as_of": "2026-06-30",
        **more,
    }


@contextmanager
def loaded(
    written: dict[str, Any], *assets: Any, kind: str = "Customer360Component", **resources: Any
) -> Iterator[dg.Definitions]:
    """A project with one component in YAML, beside assets of the team's own."""
    with create_defs_folder_sandbox() as project:
        folder = project.defs_folder_path / "shop"
        folder.mkdir()
        content = {"type": f"c360_platform.components.{kind}", "attributes": written}
        (folder / "defs.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        with project.build_all_defs() as defs:
            yield dg.Definitions.merge(defs, dg.Definitions(assets=assets, resources=resources))


def run(defs: dg.Definitions, instance: dg.DagsterInstance, **options: Any) -> dg.ExecuteInProcessResult:
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, raise_on_error=False, **options)


def said(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step tells."""
    failures = result.filter_events(lambda event: event.is_step_failure)
    return " ".join(str(event.step_failure_data.user_failure_data.description) for event in failures)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_a_component_in_yaml_makes_asset_table_checks_and_metadata(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    path = tmp_path / "shop.duckdb"
    written = attributes(
        secondary_join_keys=["user_id"],
        warehouse={"duckdb": str(path)},
        table="marts.customer_360",
        group_name="customer",
        owners=["team:growth"],
        tags={"domain": "customer"},
    )
    with loaded(written, contacts, payments, report) as defs:
        spec = defs.resolve_asset_graph().get(dg.AssetKey("customer_360"))
        first, second = run(defs, instance), run(defs, instance)

    assert (spec.group_name, list(spec.owners), spec.tags["domain"]) == (
        "customer",
        ["team:growth"],
        "customer",
    )
    assert {key.to_user_string() for key in spec.parent_keys} == {"contacts", "payments"}
    assert first.success
    assert second.success
    assert first.asset_value("report") == 3

    frame = first.asset_value("customer_360")
    assert list(frame.columns) == [column.name for column in PROFILE]
    assert frame["total_revenue"].sum() == Decimal("37.50")
    with duckdb.connect(str(path), read_only=True) as connection:
        stored = connection.execute("describe marts.customer_360").fetchall()
        assert [(name, kind) for name, kind, *_ in stored] == [
            (column.name, column.type) for column in PROFILE
        ]
        assert connection.execute(
            "select count(*), count(distinct customer_id) from marts.customer_360"
        ).fetchone() == (2, 2)
        assert connection.execute("from duckdb_tables() select table_name").fetchall() == [("customer_360",)]
    pd.testing.assert_frame_equal(frame, second.asset_value("customer_360"))

    (materialized,) = first.asset_materializations_for_node("customer_360")
    metadata = {name: value.value for name, value in materialized.metadata.items()}
    assert metadata["dagster/row_count"] == 2
    assert (metadata["as_of"], metadata["rows_in"], metadata["rows_without_key"]) == ("2026-06-30", 6, 1)
    lines = {line.data["source"]: line.data for line in metadata["sources"].records}
    assert lines["crm"]["matched_by_email"] == pytest.approx(1 / 3, abs=1e-3)
    assert lines["stripe"]["match_rate"] == 1.0
    assert {check.check_name: check.passed for check in first.get_asset_check_evaluations()} == {
        "unique_customer_id": True,
        "match_rate": True,
    }
    logged = " ".join(record.to_json() for record in instance.all_logs(first.run_id)).lower()
    assert "planted" not in logged
    assert "nobody" not in logged


def test_sources_can_be_tables_and_may_be_missing_only_where_the_yaml_says_so(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """The warehouse is a resource here, as in a project that has one already."""
    warehouse = DuckDBWarehouse(tmp_path / "shop.duckdb")
    warehouse.create_schema("raw")
    warehouse.append('"raw"."payments"', pa.Table.from_pylist(PAYMENTS))
    gone: dict[str, Any] = {"kind": "marketing", "asset": "never_made"}
    sources = [{"kind": "stripe", "asset": "raw/payments", "table": "raw.payments"}, gone]
    where = {"warehouse": {"resource": "shop"}, "table": "marts.customer_360", "returns_dataframe": False}

    with loaded(attributes(sources=sources, **where), shop=warehouse) as defs:
        failed = run(defs, instance)
    gone |= {"optional": True}
    with loaded(attributes(sources=sources, **where), shop=warehouse) as defs:
        made = run(defs, instance)

    assert said(failed) == (
        "asset customer_360: source marketing is missing: materialize it, load it, or set `optional: true`"
    )
    assert made.success
    assert warehouse.row_counts(['"marts"."customer_360"']) == [1]
    (materialized,) = made.asset_materializations_for_node("customer_360")
    assert materialized.metadata["missing_sources"].value == "marketing"


def test_a_source_that_matches_nobody_fails_its_check(instance: dg.DagsterInstance) -> None:
    @dg.asset(name="payments")
    def strangers() -> pa.Table:
        return pa.Table.from_pylist([{**row, "email": f"{row['id']}@example.net"} for row in PAYMENTS])

    with loaded(attributes(min_match_rate=0.3), contacts, strangers) as defs:
        (check,) = [one for one in run(defs, instance).get_asset_check_evaluations() if not one.passed]

    assert (check.check_name, check.severity) == ("match_rate", dg.AssetCheckSeverity.ERROR)
    assert check.metadata["match_rate_stripe"].value == 0.0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"join_key": "mail"}, ["defs.yaml", "attributes.join_key", "'mail' is none of email, user_id"]),
        ({"active_customer_days": -1}, ["defs.yaml", "active_customer_days", "give at least 0"]),
        ({"dedupe": "merge"}, ["defs.yaml", "dedupe", "Extra inputs are not permitted"]),
        ({"secondary_join_keys": ["email"]}, ["email is the join key already"]),
        ({"table": "customers"}, ["table 'customers' has no schema"]),
        ({"sources": [{"kind": "crm", "asset": "a", "columns": {"x": "y"}}]}, ["source has no column 'x'"]),
        ({"include_sample_data": True}, ["give either `sources` or `include_sample_data: true`"]),
        ({"as_of": "tomorrow"}, ["attributes.as_of", "as_of is 'tomorrow' and no day"]),
    ],
)  # fmt: skip
def test_a_wrong_attribute_stops_the_project_from_loading(wrong: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(Exception) as raised, loaded(attributes(**wrong)):  # noqa: PT011  (Dagster wraps it)
        pass

    told = "".join(_chain(raised.value))
    assert [word for word in words if word not in told] == []


def _chain(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield str(error)
        error = error.__cause__ or error.__context__


def test_the_day_comes_from_config_partition_or_the_start_of_the_run(instance: dg.DagsterInstance) -> None:
    target = dg.AssetKey("customer_360")
    daily = dg.DailyPartitionsDefinition("2026-01-01")
    configured = {"ops": {"customer_360": {"config": {"as_of": "2026-02-28"}}}}

    def day(defs: dg.Definitions, **options: Any) -> object:
        (materialized,) = run(defs, instance, **options).asset_materializations_for_node("customer_360")
        return materialized.metadata["as_of"].value

    with loaded(attributes(as_of=None), contacts, payments) as defs:
        before = datetime.now(UTC).date().isoformat()
        started = day(defs)
        assert started in (before, datetime.now(UTC).date().isoformat())
        assert day(defs, run_config=configured, asset_selection=[target]) == "2026-02-28"
        by_day = defs.map_asset_specs(
            func=lambda spec: spec.replace_attributes(partitions_def=daily) if spec.key == target else spec
        )
        assert day(by_day, partition_key="2026-03-31", asset_selection=[target]) == "2026-03-31"


def test_sample_data_are_the_synthetic_shop(instance: dg.DagsterInstance) -> None:
    with loaded(attributes(sources=[], include_sample_data=True, secondary_join_keys=["user_id"])) as defs:
        result = run(defs, instance)

    frame = result.asset_value("customer_360")
    assert len(frame) > 100
    assert (frame[["total_orders", "total_sessions"]].sum() > 10).all()
    assert frame["acquisition_source"].notna().sum() > 20
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_rejected_rows_are_an_asset_and_a_table_of_their_own(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    @dg.asset
    def catalogue() -> pd.DataFrame:
        return pd.DataFrame(
            [{"sku": "1", "title": "Tea", "price": "3.5"}, {"sku": None, "title": "?", "price": "x"}]
        )

    path = tmp_path / "shop.duckdb"
    written = {
        "asset_name": "core/products",
        "asset": "catalogue",
        "columns": {"product_id": "sku"},
        "warehouse": {"duckdb": str(path)},
        "table": "core.products",
    }
    with loaded(written, catalogue, kind="ProductsComponent") as defs:
        result = run(defs, instance)

    assert result.asset_value(["core", "products"])["name"].tolist() == ["Tea"]
    assert result.asset_value(["core", "products_rejected"])["column_name"].tolist() == ["product_id"]
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select reason from core.products_rejected").fetchall() == [("missing",)]
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.metadata["rejected_share"].value) == (False, 0.5)

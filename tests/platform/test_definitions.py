"""The code location: loads everywhere without a secret, says who everything belongs to, costs little."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from c360_platform.activation.spec import load_specs
from c360_platform.assets.ingest import sources
from c360_platform.assets.raw import raw_key, raw_tables
from c360_platform.assets.transform import model_key, with_singular_tests_attached
from c360_platform.dbt_manifest import ManifestError, manifest_path, read_manifest
from c360_platform.definitions import build
from c360_platform.resources import Dbt, WarehouseAccess, make_resources
from c360_platform.settings import PROJECT_ROOT, Settings, load_settings
from tests.platform.tiny_shop import write_project

ENVIRONMENTS = ("local", "embedded", "staging", "production")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("definitions")


@pytest.fixture(scope="module")
def by_environment(directory: Path) -> Mapping[str, dg.Definitions]:
    """Every environment, with nothing set but its name."""
    return {name: build(load_settings({"C360_ENV": name}, home=directory)) for name in ENVIRONMENTS}


@pytest.fixture(scope="module")
def manifest(directory: Path, by_environment: Mapping[str, dg.Definitions]) -> Mapping[str, Any]:
    return read_manifest(load_settings({}, home=directory))


def test_every_environment_loads_without_a_credential_and_has_the_same_keys(
    by_environment: Mapping[str, dg.Definitions], directory: Path
) -> None:
    shapes = {}
    for name, definitions in by_environment.items():
        dg.Definitions.validate_loadable(definitions)
        graph = definitions.resolve_asset_graph()
        shapes[name] = (
            graph.get_all_asset_keys(),
            graph.asset_check_keys,
            {job.name for job in definitions.jobs or []},
        )

    assert shapes["local"] == shapes["embedded"] == shapes["staging"] == shapes["production"]
    assert not list(directory.iterdir()), "loading the definitions wrote into the home"


def test_dagster_validates_the_location_and_loads_no_library_of_a_step(tmp_path: Path) -> None:
    # sitecustomize runs in the very process that validates.
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, json, sys\n"
        "heavy = ('dlt', 'duckdb', 'pyarrow', 'pandas', 'klaviyo_api', 'google.auth', 'google.api_core',\n"
        "         'google.cloud.bigquery', 'dagster_gcp', 'splink')\n"
        "atexit.register(lambda: print('LOADED', json.dumps([m for m in heavy if m in sys.modules])))\n"
    )
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "c360_platform.definitions"],
        cwd=PROJECT_ROOT,
        env=bare | {"PYTHONPATH": str(tmp_path), "C360_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    loaded = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("LOADED ")]
    assert loaded
    assert not any(loaded)


def test_google_is_imported_by_functions_and_never_by_a_module() -> None:
    """So that nothing of it costs time where there is no BigQuery."""
    found = []
    for file in [*PROJECT_ROOT.glob("c360_platform/**/*.py"), *PROJECT_ROOT.glob("dlt_pipelines/**/*.py")]:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:  # the module's own statements
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            found += [
                f"{file.relative_to(PROJECT_ROOT)}:{node.lineno} imports {name}"
                for name in names
                if name.split(".")[0] in ("google", "dagster_gcp") and not name.startswith("google.protobuf")
            ]
    assert found == []


def test_on_bigquery_the_connection_is_dagsters_own_resource(directory: Path) -> None:
    from dagster_gcp import BigQueryResource

    settings = load_settings(
        {"C360_ENV": "staging", "C360_BIGQUERY_PROJECT": "shop-playground", "C360_BIGQUERY_LOCATION": "EU"},
        home=directory,
    )

    resources = make_resources(settings)

    bigquery = resources["bigquery"]
    assert isinstance(bigquery, BigQueryResource)
    assert (bigquery.project, bigquery.location) == ("shop-playground", "EU")
    warehouse = resources["warehouse"]
    assert isinstance(warehouse, WarehouseAccess)
    assert warehouse.bigquery is bigquery
    assert "bigquery" not in make_resources(load_settings({}, home=directory))


def test_datasets_have_the_installations_prefix_and_keys_have_not(directory: Path) -> None:
    environment = {"C360_ENV": "staging", "C360_BIGQUERY_PROJECT": "shop-playground"}
    prefixed = load_settings(environment | {"C360_BIGQUERY_DATASET_PREFIX": "dev_anna_"}, home=directory)
    manifest = read_manifest(prefixed)

    assert {node["schema"].startswith("dev_anna_") for node in manifest["nodes"].values()} == {True}
    schemas = {table.source: table.schemas[0] for table in raw_tables(manifest)}
    assert (schemas["klaviyo"], schemas["zendesk"]) == ("dev_anna_klaviyo", "dev_anna_zendesk")
    assert schemas["shopify"] == "shopify"  # others bring it, and everybody reads it
    assert model_key(manifest["nodes"]["model.c360.dim_customers"]).path == ["marts", "dim_customers"]


def test_every_asset_says_what_it_is_and_whose(by_environment: Mapping[str, dg.Definitions]) -> None:
    specs = by_environment["local"].resolve_all_asset_specs()

    lacking = {
        spec.key.to_user_string(): [
            name
            for name, value in (
                ("group", spec.group_name not in (None, "default")),
                ("kinds", spec.kinds),
                ("owners", spec.owners),
                ("description", spec.description),
            )
            if not value
        ]
        for spec in specs
    }
    assert {key: names for key, names in lacking.items() if names} == {}


def test_every_model_test_is_a_check_and_every_error_blocks(
    by_environment: Mapping[str, dg.Definitions], manifest: Mapping[str, Any]
) -> None:
    graph = by_environment["local"].resolve_asset_graph()
    checks = {key.name: graph.get(key).blocking for key in graph.asset_check_keys}
    tests = {
        node["name"]: node["config"]["severity"].lower() == "error"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
    }

    assert {name: checks.get(name) for name in tests} == tests


def test_a_singular_test_belongs_to_the_last_model_that_it_reads() -> None:
    def node(name: str, kind: str, parents: list[str]) -> dict[str, Any]:
        return {"name": name, "resource_type": kind, "config": {}, "depends_on": {"nodes": parents}}

    nodes = {
        "model.x.a": node("a", "model", []),
        "model.x.b": node("b", "model", ["model.x.a"]),
        "test.x.t": node("t", "test", ["model.x.b", "model.x.a"]),
        "test.x.raw": node("raw", "test", ["source.x.s", "model.x.a"]),
        "test.x.one": node("one", "test", ["model.x.a"]),
    }
    parents = {name: node["depends_on"]["nodes"] for name, node in nodes.items()}

    attached = with_singular_tests_attached({"nodes": nodes, "parent_map": parents})

    assert attached["nodes"]["test.x.t"]["config"]["meta"] == {"dagster": {"ref": {"name": "b"}}}
    assert attached["nodes"]["test.x.raw"]["config"]["meta"] == {"dagster": {"ref": {"name": "a"}}}
    assert attached["nodes"]["test.x.one"] == nodes["test.x.one"]


def test_lineage_runs_from_raw_table_to_push(
    by_environment: Mapping[str, dg.Definitions], manifest: Mapping[str, Any]
) -> None:
    graph = by_environment["local"].resolve_asset_graph()
    pushes = [dg.AssetKey(["klaviyo", spec.name]) for spec in load_specs(manifest)]
    profiles = dg.AssetKey(["klaviyo", "klaviyo_profiles"])

    assert len(pushes) == 8
    for push in pushes:
        ancestors = graph.get_ancestor_asset_keys(push)
        assert dg.AssetKey(["shopify", "order"]) in ancestors
        assert ancestors & set(pushes) <= {profiles}
    assert {dg.AssetKey(["zendesk", "tickets"]), raw_key("klaviyo", "profiles")} <= (
        graph.get_ancestor_asset_keys(profiles) & {table.key for table in raw_tables(manifest)}
    )


def test_the_assets_that_dlt_loads_are_the_tables_that_its_sources_make(
    home: Settings, manifest: Mapping[str, Any]
) -> None:
    for name, make_source in sources(home).items():
        contract = {t.name for t in raw_tables(manifest) if t.source == name}
        assert set(make_source().selected_resources) == contract


def test_every_table_that_dlt_fills_is_judged_by_checks_that_block_nothing(
    by_environment: Mapping[str, dg.Definitions], manifest: Mapping[str, Any]
) -> None:
    graph = by_environment["local"].resolve_asset_graph()
    loaded = {t.key for t in raw_tables(manifest) if t.loader == "dlt" and t.name != "rejected_rows"}
    judged = {
        name: {key.asset_key for key in graph.asset_check_keys if key.name == name}
        for name in ("no_drift", "no_rejected_rows")
    }

    assert judged == {"no_drift": loaded, "no_rejected_rows": loaded}
    assert not any(graph.get(key).blocking for key in graph.asset_check_keys if key.name in judged)


def test_a_manifest_is_parsed_when_missing_or_older_than_a_file_and_an_error_names_the_file(
    home: Settings, tmp_path: Path
) -> None:
    settings = replace(home, dbt_project_dir=write_project(tmp_path / "project"))
    models = settings.dbt_project_dir / "models" / "marts"

    (models / "extra.sql").write_text("select {{ ref('nothing') }")
    with pytest.raises(ManifestError, match=r"models/marts/extra\.sql"):
        read_manifest(settings)

    (models / "extra.sql").write_text("select 1 as one")
    assert {"model.tiny.extra", "model.tiny.seg_everybody"} <= read_manifest(settings)["nodes"].keys()
    first = manifest_path(settings).stat()
    read_manifest(settings)
    assert manifest_path(settings).stat() == first

    (models / "extra.sql").unlink()
    assert "model.tiny.extra" not in read_manifest(settings)["nodes"]


def test_a_missing_project_is_said_in_one_line(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="C360_DBT_PROJECT_DIR"):
        read_manifest(replace(home, dbt_project_dir=tmp_path))


def test_what_dagster_dbt_does_before_every_command_is_still_where_we_cut_it_short() -> None:
    [parent] = Dbt.__bases__
    assert hasattr(parent, "_cli_version")
    assert hasattr(parent, "_initialize_dbt_core_adapter")

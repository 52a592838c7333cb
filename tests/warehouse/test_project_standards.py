"""What holds for every model of the dbt project, whoever adds the next: tests, words, owners, readers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from c360_platform import exposures
from c360_platform.activation.spec import load_specs
from c360_platform.assets.raw import raw_tables, table_metadata
from c360_platform.dbt_manifest import ManifestError, read_manifest
from c360_platform.settings import Settings, load_settings
from tests.warehouse.dbt_home import DBT_PROJECT

Nodes = dict[str, dict[str, Any]]

LEAST_TESTS_OF_A_MODEL = 4
LEAST_TESTS = 250
# Public are the marts alone: what others build on, and what leaves for Klaviyo.
PUBLIC_LAYER = "marts"
# Read inside of one area only, so nobody else may: they can change without a word to anybody.
PRIVATE_PREFIXES = ("int_", "base_")
# Keys that join models of different layers.
JOIN_KEYS = {"customer_id", "order_key", "product_key", "partner_product_key", "record_key", "path_key"}
# Keys that lead nowhere: (model, key) and why.
LOOSE_KEYS = {
    ("customer_ids", "customer_id"): "makes the ids",
    ("identity_map", "customer_id"): "remembers ids whose records are gone",
    ("int_conversion__paths", "path_key"): "makes the paths",
    ("stg_amazon__order_lines", "order_key"): "later orders are left out; stg_order_lines is tested",
    ("stg_shopify__order_lines", "order_key"): "test orders are left out; stg_order_lines is tested",
    ("stg_shopify__fulfillments", "order_key"): "test orders are left out",
    ("stg_shopify__payments", "order_key"): "test orders are left out; stg_payments is tested",
    ("stg_webshop__order_lines", "order_key"): "test orders are left out; stg_order_lines is tested",
    ("stg_webshop__payments", "order_key"): "test orders are left out; stg_payments is tested",
}
# Sources of which nobody can say when a row was loaded, and why.
UNDATED_SOURCES = {
    "ga4": "Google's export dates events and not their loads",
    "marketing": "a shop's own files, loaded when there is something to load",
    "attribution": "computed by us within the run that reads it",
}
# From how many models on the same words about the same column are a doc block.
SHARED_FROM = 4


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings({}, home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def manifest(settings: Settings) -> dict[str, Any]:
    return read_manifest(settings)


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> Nodes:
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}


@pytest.fixture(scope="module")
def tests(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Data tests; unit tests are counted nowhere here."""
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]


def names_of(tests: list[dict[str, Any]]) -> Counter[str]:
    return Counter((test.get("test_metadata") or {}).get("name", "singular") for test in tests)


def test_every_model_has_four_data_tests_of_its_own(models: Nodes, tests: list[dict[str, Any]]) -> None:
    attached = Counter(test.get("attached_node") for test in tests)

    assert {node["name"]: attached[key] for key, node in models.items()} == {
        node["name"]: max(attached[key], LEAST_TESTS_OF_A_MODEL) for key, node in models.items()
    }
    assert sum(attached[key] for key in models) >= LEAST_TESTS


def test_our_generic_tests_are_documented_and_used(
    manifest: dict[str, Any], tests: list[dict[str, Any]]
) -> None:
    own = {
        macro["name"].removeprefix("test_"): macro
        for macro in manifest["macros"].values()
        if macro["package_name"] == "c360" and macro["original_file_path"].startswith("tests/generic/")
    }

    assert {"positive_value", "percentage_range", "recency_freshness"} <= own.keys()
    assert not [name for name, macro in own.items() if not macro["description"]]
    assert not own.keys() - names_of(tests).keys()


def test_everything_is_described_down_to_the_column(manifest: dict[str, Any]) -> None:
    """Models, seeds, snapshots, singular tests, sources and exposures."""
    found = [
        *(node for node in manifest["nodes"].values() if not node.get("test_metadata")),
        *manifest["sources"].values(),
        *manifest["exposures"].values(),
        *manifest["groups"].values(),
    ]
    silent = [node["unique_id"] for node in found if not (node.get("description") or "").strip()]
    silent += [
        f"{node['unique_id']}.{column['name']}"
        for node in found
        for column in (node.get("columns") or {}).values()
        if not column["description"].strip()
    ]

    assert silent == []


def test_every_column_of_every_table_is_described_and_none_that_is_not_there(
    small_home: Settings, manifest: dict[str, Any]
) -> None:
    described = {
        (node["schema"], node["alias"]): {name.lower() for name in node["columns"]}
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed", "snapshot")
        and node["config"]["materialized"] != "ephemeral"
    }
    built = defaultdict(set)
    with duckdb.connect(str(small_home.warehouse_path), read_only=True) as connection:
        for schema, table, column in connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
        ).fetchall():
            built[schema, table].add(column.lower())

    assert {name: built[name] ^ columns for name, columns in described.items()} == {
        name: set() for name in described
    }


def test_the_same_words_about_the_same_column_are_written_once() -> None:
    written: Counter[tuple[str, str]] = Counter()
    for file in [*DBT_PROJECT.glob("models/**/*.yml"), *DBT_PROJECT.glob("snapshots/*.yml")]:
        content = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
        for model in [*(content.get("models") or ()), *(content.get("snapshots") or ())]:
            for column in model.get("columns") or ():
                written[column["name"], " ".join(column["description"].split())] += 1
    repeated = {
        words: times
        for words, times in written.items()
        if times >= SHARED_FROM
        and "{{ doc(" not in words[1]
        and not words[1].startswith("Name of the channel,")
    }

    assert repeated == {}


def test_marts_are_public_contracts_and_the_rest_is_not(models: Nodes) -> None:
    marts = {key for key, node in models.items() if node["fqn"][1] == PUBLIC_LAYER}

    assert {key for key, node in models.items() if node["access"] == "public"} == marts
    assert {key for key, node in models.items() if node["contract"]["enforced"]} == marts


def test_streets_are_compared_and_go_no_further(models: Nodes) -> None:
    with_street = {name for name, node in models.items() if "street" in node["columns"]}
    readers = {
        name
        for name, node in models.items()
        if any(parent.endswith(".identity_residences") for parent in node["depends_on"]["nodes"])
    }

    beyond_staging = {name.split(".")[-1] for name in with_street if "stg_" not in name}
    assert beyond_staging == {"identity_records", "identity_contacts"}
    assert {name.split(".")[-1] for name in readers} == {"identity_identifiers"}


def test_every_model_belongs_to_a_group_and_every_group_to_somebody(
    manifest: dict[str, Any], models: Nodes
) -> None:
    owned = {group["name"] for group in manifest["groups"].values() if group["owner"].get("email")}

    assert {node["name"]: node["group"] for node in models.values() if node["group"] not in owned} == {}
    assert {node["group"] for node in models.values()} == owned


def test_what_only_its_own_group_reads_is_private(manifest: dict[str, Any], models: Nodes) -> None:
    groups = {key: node.get("group") for key, node in manifest["nodes"].items()}
    inside = {
        node["name"]
        for key, node in models.items()
        if node["name"].startswith(PRIVATE_PREFIXES)
        and {groups.get(reader) for reader in _readers(manifest, key)} <= {node["group"]}
    }

    assert inside == {node["name"] for node in models.values() if node["access"] == "private"}


def _readers(manifest: Mapping[str, Any], model: str) -> Iterator[str]:
    """Models, snapshots, tests, exposures and the like that read a model; unit tests belong to it."""
    for reader in manifest["child_map"][model]:
        if not reader.startswith("unit_test."):
            yield reader


def test_every_key_between_layers_is_tested_to_lead_somewhere(
    models: Nodes, tests: list[dict[str, Any]]
) -> None:
    tested = {
        (test.get("attached_node"), test.get("column_name"))
        for test in tests
        if (test.get("test_metadata") or {}).get("name") in ("relationships", "unique")
    }
    untested = {
        (node["name"], column)
        for key, node in models.items()
        for column in node["columns"]
        if column in JOIN_KEYS and (key, column) not in tested
    }

    assert untested - LOOSE_KEYS.keys() == set()


def test_every_source_that_dates_its_rows_has_a_freshness(manifest: dict[str, Any]) -> None:
    judged = {
        node["source_name"]
        for node in manifest["sources"].values()
        if (node.get("freshness") or {}).get("warn_after", {}).get("count")
    }

    assert judged | UNDATED_SOURCES.keys() == {node["source_name"] for node in manifest["sources"].values()}
    assert not judged & UNDATED_SOURCES.keys()
    # and Dagster shows it
    shown = {table.source for table in raw_tables(manifest) if "stale_after" in table_metadata(table)}
    assert shown == judged


def test_the_snapshot_of_segments_holds_every_list(manifest: dict[str, Any], models: Nodes) -> None:
    lists = {key for key, node in models.items() if node["name"].startswith("seg_")}
    snapshot = manifest["nodes"]["snapshot.c360.segment_memberships_snapshot"]

    assert lists <= set(snapshot["depends_on"]["nodes"])
    assert "model.c360.customer_segmentation" in snapshot["depends_on"]["nodes"]


def test_every_sync_has_the_exposure_that_its_block_says(
    settings: Settings, manifest: dict[str, Any]
) -> None:
    assert exposures.are_current(settings), "run `c360 exposures`"
    assert {
        node["meta"]["asset"]: node["depends_on"]["nodes"] for node in manifest["exposures"].values()
    } == {f"klaviyo/{spec.name}": [spec.unique_id] for spec in load_specs(manifest)}


def test_an_exposure_of_a_sync_that_is_gone_does_not_keep_the_file_from_being_written(
    settings: Settings, manifest: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = replace(settings, dbt_project_dir=tmp_path)
    file = tmp_path / exposures.EXPOSURES_FILE
    file.parent.mkdir()
    gone = "exposures: [{name: klaviyo__seg_gone, depends_on: [ref('seg_gone')]}]"

    def parse(_: Settings) -> dict[str, Any]:
        if file.exists() and "seg_gone" in file.read_text():
            raise ManifestError("klaviyo__seg_gone depends on a node named seg_gone, which was not found")
        if (tmp_path / "broken.sql").exists():
            raise ManifestError("broken.sql does not parse")
        return one_sync

    its_models = ("seg_vip_customers", "klaviyo_aliases")
    nodes = {key: node for key, node in manifest["nodes"].items() if node["name"] in its_models}
    one_sync = json.loads(json.dumps({**manifest, "nodes": nodes}))
    monkeypatch.setattr(exposures, "read_manifest", parse)
    monkeypatch.setattr(exposures, "load_specs", lambda manifest, **_: load_specs(manifest))

    file.write_text(gone)
    (tmp_path / "broken.sql").touch()
    with pytest.raises(ManifestError, match=r"broken\.sql"):
        exposures.write_exposures(project)
    assert file.read_text() == gone, "a project that does not parse lost its file"

    (tmp_path / "broken.sql").unlink()
    assert exposures.write_exposures(project)
    [written] = yaml.safe_load(file.read_text())["exposures"]
    assert (written["name"], written["label"]) == ("klaviyo__seg_vip_customers", "Klaviyo list VIP Customers")
    assert written["depends_on"] == ["ref('seg_vip_customers')"]
    assert written["config"]["meta"]["sent"] == ["email"]
    assert not exposures.write_exposures(project), "said the same twice"

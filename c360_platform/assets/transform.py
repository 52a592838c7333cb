"""The dbt project as assets: one `dbt build`, tests as checks.

Belongs here: how dbt's nodes look in Dagster, and the one command that builds them. Does not belong here:
SQL, and parsing the project (dbt_manifest.py).
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliInvocation,
    DbtProject,
    dbt_assets,
)
from dagster_dbt.errors import DagsterDbtError

from c360_platform.assets.raw import raw_key
from c360_platform.dbt_manifest import dbt_arguments, manifest_path
from c360_platform.failures import one_line_failures
from c360_platform.resources import Dbt, WarehouseAccess
from c360_platform.settings import Settings
from c360_platform.warehouse import Warehouse

DBT_OP = "dbt_build"
OWNERS = {"segments": ["team:marketing"], "marketing": ["team:marketing"]}
DEFAULT_OWNERS = ["team:data"]
COUNTED = {"table", "incremental", "seed", "snapshot"}
MOST_PROBLEMS_SHOWN = 5
PARTIAL_PARSE = "partial_parse.msgpack"


class ModelTranslator(DagsterDbtTranslator):
    """Keys [layer, model] and [source, table]; one group per layer or, in the marts, per area."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        if node["resource_type"] == "source":
            return spec.replace_attributes(key=raw_key(node["source_name"], node["name"]))
        group = group_of(node)
        return spec.replace_attributes(
            group_name=group, owners=spec.owners or OWNERS.get(group, DEFAULT_OWNERS)
        )


def group_of(node: Mapping[str, Any]) -> str:
    """The layer; but the conformed half of staging and every area of the marts stand for themselves."""
    if node["resource_type"] == "seed":
        return "seeds"
    layer, *areas = node["fqn"][1:-1] or ["models"]
    if layer == "marts" and areas:
        return str(areas[0])
    return "conformed" if areas == ["conformed"] else str(layer)


def model_key(node: Mapping[str, Any]) -> dg.AssetKey:
    """The asset key of a model or seed: its configured schema, which is its layer, and its name."""
    return dg.AssetKey([part for part in (node["config"].get("schema"), node["name"]) if part])


def transform_assets(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """Every model and seed of the project. A subset of them is one `dbt build` too, with a selection."""
    manifest = with_singular_tests_attached(manifest)
    # One fixed directory: dbt keeps its partial parse there, and nothing piles up from run to run.
    target = settings.dbt_home / "target"

    @dbt_assets(manifest=manifest, name=DBT_OP, dagster_dbt_translator=ModelTranslator(), pool="warehouse")
    def dbt_build(
        context: dg.AssetExecutionContext, dbt: Dbt, warehouse: dg.ResourceParam[WarehouseAccess]
    ) -> Iterator[Any]:
        _begin_with_parsed_project(target, settings)
        invocation = dbt.cli(build_arguments(settings), context=context, target_path=target)
        if settings.engine == "bigquery":
            events: Iterable[Any] = invocation.stream().fetch_row_counts()
        else:
            events = _counted_at_the_end(
                invocation, warehouse.open(), counted_tables(manifest), context.log.info
            )
        try:
            yield from events
        except DagsterDbtError as error:
            raise _failure(invocation, error) from None

    return dbt_build


def build_arguments(settings: Settings) -> list[str]:
    """Arguments of `dbt` for a full build.

    dbt's unit tests are left out: they test the code and not the data, and belong to the test suite.
    """
    return ["build", "--exclude-resource-type", "unit_test", *dbt_arguments(settings)]


def _begin_with_parsed_project(target: Path, settings: Settings) -> None:
    """Give the first build of a home what `dbt parse` found out for the manifest."""
    parsed = manifest_path(settings).with_name(PARTIAL_PARSE)
    target.mkdir(parents=True, exist_ok=True)
    if parsed.exists() and not (target / PARTIAL_PARSE).exists():
        shutil.copyfile(parsed, target / PARTIAL_PARSE)


def with_singular_tests_attached(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The manifest with every test that reads several tables attached to the last model among them.

    dagster-dbt makes no check of such a test, so its failure would not hold back a push that another run
    starts.
    """
    ancestors = _ancestors(manifest["parent_map"])
    nodes = dict(manifest["nodes"])
    for unique_id, node in nodes.items():
        if node["resource_type"] != "test" or node.get("attached_node"):
            continue
        read = node["depends_on"]["nodes"]
        models = [parent for parent in read if parent in nodes]
        if models and len(read) > 1:
            last = max(models, key=lambda model: (len(ancestors(model)), model))
            meta = node["config"].get("meta") or {}
            attached = {"dagster": {"ref": {"name": nodes[last]["name"]}}} | meta
            nodes[unique_id] = node | {"config": node["config"] | {"meta": attached}}
    return {**manifest, "nodes": nodes}


def _ancestors(parents: Mapping[str, Sequence[str]]) -> Any:
    from functools import cache

    @cache
    def of(unique_id: str) -> frozenset[str]:
        direct = parents.get(unique_id, ())
        return frozenset(direct).union(*(of(parent) for parent in direct))

    return of


def counted_tables(manifest: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Output name of every asset that holds rows of its own to its schema and table."""
    return {
        model_key(node).to_python_identifier(): (node["schema"], node["alias"])
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed", "snapshot")
        and node["config"]["materialized"] in COUNTED
    }


def _counted_at_the_end(
    invocation: DbtCliInvocation,
    warehouse: Warehouse,
    tables: Mapping[str, tuple[str, str]],
    progress: Callable[[str], None],
) -> Iterator[Any]:
    """dbt's events with row counts. DuckDB lets nobody in while dbt runs, so they wait until it has ended.

    When dbt fails, what it built before is reported all the same, and then the failure.
    """
    events: list[Any] = []
    failure: Exception | None = None
    try:
        for event in invocation.stream():
            events.append(event)
            if isinstance(event, dg.Output):
                progress(f"built {event.output_name.replace('__', '.', 1)}")
    except DagsterDbtError as error:
        failure = error
    built = [e.output_name for e in events if isinstance(e, dg.Output) and e.output_name in tables]
    with one_line_failures("row counts"):
        counts = _row_counts(warehouse, {name: tables[name] for name in built})
    for event in events:
        if isinstance(event, dg.Output) and event.output_name in counts:
            yield event.with_metadata({**event.metadata, "dagster/row_count": counts[event.output_name]})
        else:
            yield event
    if failure is not None:
        raise failure


def _row_counts(warehouse: Warehouse, tables: Mapping[str, tuple[str, str]]) -> dict[str, int]:
    if not tables:
        return {}
    selects = [
        f"select '{name}' as name, count(*) as row_count from {warehouse.relation(*table)}"
        for name, table in tables.items()
    ]
    rows = warehouse.table(" union all ".join(selects)).to_pylist()
    return {row["name"]: row["row_count"] for row in rows}


def _failure(invocation: DbtCliInvocation, error: Exception) -> dg.Failure:
    """dbt's own words about each model and test that failed; its log stays in the home for the rest."""
    problems = list(_problems(invocation.target_path))
    if not problems:
        problems = [" ".join(str(error).split())]
    shown = "; ".join(problems[:MOST_PROBLEMS_SHOWN])
    more = f"; and {len(problems) - MOST_PROBLEMS_SHOWN} more" if len(problems) > MOST_PROBLEMS_SHOWN else ""
    locked = "Could not set lock" in shown
    return dg.Failure(
        description=f"dbt build: {shown}{more}",
        metadata={"dbt log": dg.MetadataValue.path(str(invocation.target_path / "dbt.log"))},
        allow_retries=locked,
    )


def _problems(target: Path) -> Iterator[str]:
    """One line per failed node of the invocation's run results."""
    try:
        results = json.loads((target / "run_results.json").read_text())["results"]
    except (OSError, ValueError, KeyError):
        return
    for result in results:
        kind, _package, name, *_hash = result["unique_id"].split(".")
        if result["status"] == "fail":
            yield f"test {name} failed for {result['failures']} row{'s' * (result['failures'] != 1)}"
        elif result["status"] == "error":
            yield f"{kind} {name}: {' '.join((result['message'] or 'failed').split())}"

"""The dbt project as assets: one `dbt build`, tests as checks; and one more for what reads Python assets.

Belongs here: how dbt's nodes look in Dagster, and the one command that builds them. Does not belong here:
SQL, and parsing the project (dbt_manifest.py).
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from pydantic import Field

from c360_platform.assets.raw import COMPUTED_BY_US, raw_key
from c360_platform.dbt_manifest import dbt_arguments, manifest_path
from c360_platform.failures import one_line_failures, retry_policy
from c360_platform.resources import Dbt, WarehouseAccess
from c360_platform.settings import Settings
from c360_platform.warehouse import Warehouse

DBT_OP = "dbt_build"
COMPUTED_OP = "dbt_build_computed"
OWNERS = {"segments": ["team:marketing"], "marketing": ["team:marketing"]}
DEFAULT_OWNERS = ["team:data"]
# What dbt-bigquery reports of a statement; bytes are Google's own figures, slot_ms milliseconds of one slot.
COST_METADATA = ("bytes_billed", "bytes_processed", "slot_ms", "job_id")
COUNTED = {"table", "incremental", "seed", "snapshot"}
MOST_PROBLEMS_SHOWN = 5
PARTIAL_PARSE = "partial_parse.msgpack"
RUN_RESULTS = "run_results.json"
# dbt's frame around what the warehouse said.
DATABASE_ERROR = re.compile(r"^Database Error[^\n]*\n(?P<said>.*?)(?:\n\s*compiled code at .*)?$", re.DOTALL)


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
    if node["resource_type"] in ("seed", "snapshot"):
        return f"{node['resource_type']}s"
    layer, *areas = node["fqn"][1:-1] or ["models"]
    if layer == "marts" and areas:
        return str(areas[0])
    return "conformed" if areas == ["conformed"] else str(layer)


def model_key(node: Mapping[str, Any]) -> dg.AssetKey:
    """The asset key of a model, seed or snapshot: its configured schema, which is its layer, and its name."""
    return dg.AssetKey([part for part in (node["config"].get("schema"), node["name"]) if part])


class BuildConfig(dg.Config):
    """What a run of the build can be told, in the launchpad or by a job."""

    full_refresh: bool = Field(
        default=False,
        description="Make incremental models anew from all raw rows, whose old deletions then show.",
    )


def transform_assets(settings: Settings, manifest: Mapping[str, Any]) -> list[dg.AssetsDefinition]:
    """Every model, seed and snapshot of the project. A subset is one `dbt build` too, with a selection.

    Models on a table that a Python asset computes of other models have a build of their own, after it:
    Dagster would otherwise cut the one build in two at a place of its own choice.
    """
    manifest = with_singular_tests_attached(manifest)
    computed = computed_models(manifest)
    if computed is None:
        return [_dbt_build(settings, manifest, DBT_OP)]
    return [
        _dbt_build(settings, manifest, DBT_OP, exclude=computed),
        _dbt_build(settings, manifest, COMPUTED_OP, select=computed),
    ]


def computed_models(manifest: Mapping[str, Any]) -> str | None:
    """dbt's selection of everything that reads what Python assets compute; None when nothing does."""
    sources = {
        node["source_name"]
        for node in manifest["sources"].values()
        if (node.get("source_meta") or {}).get("loader") == COMPUTED_BY_US
    }
    return " ".join(f"source:{name}+" for name in sorted(sources)) or None


def _dbt_build(
    settings: Settings,
    manifest: Mapping[str, Any],
    name: str,
    *,
    select: str = "fqn:*",
    exclude: str | None = None,
) -> dg.AssetsDefinition:
    """One `dbt build` over a part of the project."""
    # One fixed directory: dbt keeps its partial parse there, and nothing piles up from run to run.
    target = settings.dbt_home / "target"

    @dbt_assets(
        manifest=manifest,
        select=select,
        exclude=exclude,
        name=name,
        dagster_dbt_translator=ModelTranslator(),
        pool="warehouse",
        retry_policy=retry_policy(settings),
    )
    def dbt_build(
        context: dg.AssetExecutionContext,
        dbt: Dbt,
        warehouse: dg.ResourceParam[WarehouseAccess],
        config: BuildConfig,
    ) -> Iterator[Any]:
        _begin_with_parsed_project(target, settings)
        with one_line_failures("dbt build"):
            opened = warehouse.open(asset=name, run=context.run_id)
            opened.check()
        arguments = build_arguments(settings, full_refresh=config.full_refresh)
        invocation = dbt.cli(arguments, context=context, target_path=target)
        try:
            yield from _measured_at_the_end(invocation, opened, counted_tables(manifest), context.log.info)
        except DagsterDbtError as error:
            raise _failure(invocation, error, settings) from None

    return dbt_build


def build_arguments(settings: Settings, *, full_refresh: bool = False) -> list[str]:
    """Arguments of `dbt` for a build of everything.

    dbt's unit tests are left out: they test the code and not the data, and belong to the test suite.
    """
    refresh = ["--full-refresh"] if full_refresh else []
    return ["build", "--exclude-resource-type", "unit_test", *refresh, *dbt_arguments(settings)]


def _begin_with_parsed_project(target: Path, settings: Settings) -> None:
    """Give the first build of a home what `dbt parse` found out for the manifest; forget the last results."""
    parsed = manifest_path(settings).with_name(PARTIAL_PARSE)
    target.mkdir(parents=True, exist_ok=True)
    (target / RUN_RESULTS).unlink(missing_ok=True)
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


def _measured_at_the_end(
    invocation: DbtCliInvocation,
    warehouse: Warehouse,
    tables: Mapping[str, tuple[str, str]],
    progress: Callable[[str], None],
) -> Iterator[Any]:
    """dbt's events with row counts and, on BigQuery, what a model's statement cost.

    DuckDB lets nobody in while dbt runs, so the events wait until it has ended. When dbt fails, what it built
    before is reported all the same, and then the failure.
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
        counted = warehouse.row_counts([warehouse.relation(*tables[name]) for name in built])
    counts = dict(zip(built, counted, strict=True))
    costs = _costs(invocation.target_path)
    for event in events:
        if not isinstance(event, dg.Output):
            yield event
            continue
        count = {"dagster/row_count": counts[event.output_name]} if event.output_name in counts else {}
        cost = costs.get(getattr(event.metadata.get("unique_id"), "value", ""), {})
        yield event.with_metadata({**event.metadata, **count, **cost})
    if failure is not None:
        raise failure


def _costs(target: Path) -> dict[str, dict[str, Any]]:
    """Node to what BigQuery says about its statement; DuckDB says nothing of the kind."""
    return {
        result["unique_id"]: {name: answer[name] for name in COST_METADATA if answer.get(name) is not None}
        for result in _results(target)
        if (answer := result.get("adapter_response"))
    }


def _failure(invocation: DbtCliInvocation, error: Exception, settings: Settings) -> dg.Failure:
    """dbt's own words about each model and test that failed; the statements and results stay in the home."""
    explain = _bigquery_words if settings.engine == "bigquery" else _plain_words
    problems = list(_problems(invocation.target_path, explain)) or [explain(str(error))]
    shown = "; ".join(problems[:MOST_PROBLEMS_SHOWN])
    more = f"; and {len(problems) - MOST_PROBLEMS_SHOWN} more" if len(problems) > MOST_PROBLEMS_SHOWN else ""
    return dg.Failure(
        description=f"dbt build: {shown}{more}",
        metadata={"dbt target": dg.MetadataValue.path(str(invocation.target_path))},
        allow_retries=_can_pass(problems, settings),
    )


def _plain_words(message: str) -> str:
    return " ".join(message.split())


def _bigquery_words(message: str) -> str:
    """What BigQuery said, with advice and without values; other errors of dbt stay as they are."""
    from c360_platform.warehouse.bigquery_errors import condition_of, explained_text

    framed = DATABASE_ERROR.search(message)
    if framed is None and condition_of(message) is None:
        return _plain_words(message)
    return explained_text(" ".join((framed["said"] if framed else message).split()))


def _can_pass(problems: Sequence[str], settings: Settings) -> bool:
    """Whether all that went wrong can be gone when dbt is started again; tests that failed stay failed."""
    if settings.engine == "duckdb":
        return any("Could not set lock" in problem for problem in problems)
    from c360_platform.warehouse.bigquery_errors import condition_of

    conditions = [condition_of(problem) for problem in problems]
    return all(condition is not None and condition.passes for condition in conditions)


def _problems(target: Path, explain: Callable[[str], str]) -> Iterator[str]:
    """One line per failed node of the invocation's run results."""
    for result in _results(target):
        kind, _package, name, *_hash = result["unique_id"].split(".")
        if result["status"] == "fail":
            yield f"test {name} failed for {result['failures']} row{'s' * (result['failures'] != 1)}"
        elif result["status"] == "error":
            yield f"{kind} {name}: {explain(result['message'] or 'failed')}"


def _results(target: Path) -> list[dict[str, Any]]:
    """What dbt wrote down about every node of its last command; nothing when it did not get so far."""
    try:
        results: list[dict[str, Any]] = json.loads((target / RUN_RESULTS).read_text())["results"]
    except (OSError, ValueError, KeyError):
        return []
    return results

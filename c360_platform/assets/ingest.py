"""What dlt loads: Zendesk and Klaviyo's own data, one asset per raw table.

Belongs here: running a source of `dlt_pipelines` inside Dagster and telling what came. Does not belong here:
how a source is read, judging what came (load_checks.py), raw tables that other pipelines bring (raw.py).

The assets are declared from the raw contract and dlt is imported by the first load, not by every process that
loads the definitions: dlt with a pipeline costs as much as Dagster itself.
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from c360_platform.assets.load_checks import REJECTED_ROWS, judge, load_check_specs
from c360_platform.assets.load_config import CONFIGS, Part
from c360_platform.assets.raw import LOADED_BY_US, OWNERS, RawTable, raw_group, raw_key, table_metadata
from c360_platform.failures import one_line_failures, retry_policy
from c360_platform.resources import KlaviyoAccess, WarehouseAccess
from c360_platform.settings import Settings
from dlt_pipelines.journal import Journal

# What dagster-dlt says about a table that is worth keeping; the rest are file names and job ids.
COLUMN_SCHEMA = "dagster/column_schema"
KEPT_METADATA = ("first_run", "started_at", "finished_at", COLUMN_SCHEMA)


def ingest_assets(settings: Settings, tables: Sequence[RawTable]) -> list[dg.AssetsDefinition]:
    """One multi-asset per source that dlt loads; its tables, or the selected ones, come and fail together."""
    contract = {
        name: [table for table in tables if table.source == name and table.loader == LOADED_BY_US]
        for name in sources(settings)
    }
    return [
        _load(name, make_source, contract[name], settings)
        for name, make_source in sources(settings).items()
        if contract[name]
    ]


def sources(settings: Settings) -> dict[str, Callable[..., Any]]:
    """Source name to a function that makes a fresh dlt source; credentials are read when it is called.

    It takes further arguments of the source by name.
    """

    def zendesk(**options: Any) -> Any:
        from dlt_pipelines.zendesk import zendesk_source

        base_url, email, api_token = settings.zendesk_access()
        return zendesk_source(
            base_url,
            email.get_secret_value(),
            api_token.get_secret_value(),
            exports_per_minute=settings.zendesk_exports_per_minute,
            **options,
        )

    def klaviyo(**options: Any) -> Any:
        from dlt_pipelines.klaviyo import klaviyo_source

        return klaviyo_source(
            settings.klaviyo_base_url,
            settings.klaviyo_key().get_secret_value(),
            rate_share=settings.klaviyo_rate_share,
            paces=KlaviyoAccess(settings).ingest_pace,
            **options,
        )

    return {"zendesk": zendesk, "klaviyo": klaviyo}


def make_destination_pipeline(
    name: str, settings: Settings, *, schema: str | None = None, labels: Mapping[str, str] | None = None
) -> Any:
    """A fresh dlt pipeline into a schema of this installation's warehouse (default: its `name`).

    A schema may be in another BigQuery project than that of the settings: `project.schema`. `labels` mark
    what its jobs cost.
    """
    from dlt_pipelines.pipeline import make_pipeline

    if settings.engine == "duckdb":
        return make_pipeline(name, settings.warehouse_path, settings.dlt_home, dataset=schema)

    from c360_platform.warehouse.bigquery_client import bound_metadata_search
    from c360_platform.warehouse.bigquery_jobs import JobOptions
    from dlt_pipelines.bigquery import BigQuery

    bound_metadata_search()
    project, _, dataset = (schema or settings.bigquery_dataset_prefix + name).rpartition(".")
    jobs = JobOptions(settings.bigquery_project or "", labels=labels or {})
    destination = BigQuery(
        project or jobs.project,
        settings.bigquery_location,
        maximum_bytes_billed=settings.bigquery_max_bytes_billed,
        timeout_seconds=settings.bigquery_job_timeout_seconds,
        labels=jobs.job_labels(),
    )
    return make_pipeline(name, destination, settings.dlt_home, dataset=dataset)


def _load(
    name: str, make_source: Callable[..., Any], tables: Sequence[RawTable], settings: Settings
) -> dg.AssetsDefinition:
    config_type = CONFIGS[name]

    @dg.multi_asset(
        name=f"load_{name}",
        specs=[
            dg.AssetSpec(
                table.key,
                group_name=raw_group(name),
                description=table.description,
                kinds={"dlt", name, settings.engine},
                owners=OWNERS,
                metadata=table_metadata(table),
            )
            for table in tables
        ],
        check_specs=load_check_specs(tables),
        config_schema=config_type.to_fields_dict(),
        can_subset=True,
        pool="warehouse",
        retry_policy=retry_policy(settings),
    )
    def load(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[WarehouseAccess]
    ) -> Iterator[dg.MaterializeResult]:
        schema, labels = tables[0].schemas[0], {"asset": f"load_{name}", "run": context.run_id}
        chosen = [table for table in tables if table.key in context.selected_asset_keys]
        journal = Journal(name, context.log.info)
        with one_line_failures(f"load {name}"):
            parts = config_type(**context.op_execution_context.op_config).parts(_selection(chosen, tables))
            warehouse.open(**labels).check()
            try:
                loaded = _load_parts(
                    parts,
                    lambda options: make_source(journal=journal, **options),
                    lambda: make_destination_pipeline(name, settings, schema=schema, labels=labels),
                    journal,
                )
            finally:
                journal.tell(", ".join(f"{what}: {count}" for what, count in journal.traffic().items()))
            counts = row_counts(name, chosen, warehouse)
        traffic = {f"load/{what}": count for what, count in journal.traffic().items()}
        for table in chosen:
            yield dg.MaterializeResult(
                asset_key=table.key,
                metadata={
                    "dagster/row_count": counts[table.name],
                    **loaded.get(table.key, {}),
                    **journal.metadata(table.name),
                    **traffic,
                },
                check_results=list(judge(table, journal, context.selected_asset_check_keys)),
            )

    return load


def _selection(chosen: Sequence[RawTable], tables: Sequence[RawTable]) -> list[str] | None:
    """The names of the chosen tables, None for all. Raises `ResourceSelectionError`."""
    from dlt_pipelines.errors import ResourceSelectionError

    names = [table.name for table in chosen if table.name != REJECTED_ROWS]
    if not chosen:
        raise ResourceSelectionError(
            "what a load meets is judged while it runs: materialize the table itself"
        )
    if not names:
        raise ResourceSelectionError(
            f"{REJECTED_ROWS} holds what the other tables could not take and comes with each of them: "
            "select one of these"
        )
    return None if len(chosen) == len(tables) else names


def _load_parts(
    parts: Sequence[Part],
    make_source: Callable[[Mapping[str, Any]], Any],
    make_pipeline: Callable[[], Any],
    journal: Journal,
) -> Mapping[dg.AssetKey, dict[str, Any]]:
    """Metadata of every table, rows summed over the packages that it took.

    Source and pipeline are new for every package, because dagster-dlt takes their schema apart when it
    reports it (dagster-io/dagster#34052).
    """
    from dagster_dlt import DagsterDltResource

    from dlt_pipelines.pipeline import is_caught_up, with_resources

    chosen: Any = _Chosen()
    loaded: dict[dg.AssetKey, dict[str, Any]] = {}
    waiting, packages = list(parts), 0
    while waiting:
        part, packages = waiting[0], packages + 1
        source, pipeline = with_resources(make_source(part.options), part.tables), make_pipeline()
        results = DagsterDltResource().run(
            context=chosen,
            dlt_source=source,
            dlt_pipeline=pipeline,
            dagster_dlt_translator=_translator(source.name),
        )
        for result in results:
            before = loaded.get(result.asset_key, {}).get("rows_loaded", 0)
            now = getattr(result.metadata.get("rows_loaded"), "value", 0)
            kept = {key: result.metadata[key] for key in KEPT_METADATA if key in result.metadata}
            if COLUMN_SCHEMA in kept:
                columns = pipeline.default_schema.tables[result.asset_key.path[-1]]["columns"]
                kept[COLUMN_SCHEMA] = _with_personal_data(kept[COLUMN_SCHEMA], columns)
            loaded[result.asset_key] = kept | {"rows_loaded": before + now}
        rows = sum(metadata["rows_loaded"] for metadata in loaded.values())
        journal.tell(f"package {packages}, {rows} rows so far")
        if part.once or is_caught_up(pipeline, source):
            del waiting[0]
    return loaded


def _with_personal_data(schema: dg.TableSchema, hints: Mapping[str, Mapping[str, Any]]) -> dg.TableSchema:
    """The schema, where a column says what it tells about a person instead of that a hint says it."""
    from dlt_pipelines.personal_data import HINT, Personal

    columns = []
    for column in schema.columns:
        personal = hints[column.name].get(HINT, Personal.NONE)
        said = [] if personal == Personal.NONE else [f"personal data: {personal}"]
        others = [each for each in column.constraints.other if each != HINT]
        constraints = dg.TableColumnConstraints(
            column.constraints.nullable, column.constraints.unique, [*others, *said]
        )
        columns.append(dg.TableColumn(column.name, column.type, column.description, constraints, column.tags))
    return dg.TableSchema(columns, schema.constraints)


class _Chosen:
    """What dagster-dlt asks a context for, said of a source whose resources are chosen already.

    Given the step's own one it would choose again by asset, and leave out the rejected rows.
    """

    is_subset = False
    has_assets_def = True


def row_counts(source: str, tables: Sequence[RawTable], warehouse: WarehouseAccess) -> dict[str, int]:
    """Rows of a source's loaded tables, by name: dlt makes them under the names of the contract."""
    opened = warehouse.open(asset=f"load_{source}")
    relations = [opened.relation(table.schemas[0], table.name) for table in tables]
    return dict(zip((table.name for table in tables), opened.row_counts(relations), strict=True))


def _translator(source: str) -> Any:
    from dagster_dlt import DagsterDltTranslator

    class RawTranslator(DagsterDltTranslator):
        """A dlt resource is the raw table of the same name; it depends on nothing that Dagster knows."""

        def get_asset_spec(self, data: Any) -> dg.AssetSpec:
            return (
                super()
                .get_asset_spec(data)
                .replace_attributes(key=raw_key(source, data.resource.name), deps=[])
            )

    return RawTranslator()

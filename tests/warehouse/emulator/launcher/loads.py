"""Load jobs: files by column name, compressed or not, with the schema that the job asks for.

Belongs here: what `jobs.insert` with a `load` block does to a table. Does not belong here: queries.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bqemulator.api.routes.jobs as routes
import bqemulator.catalog.models as catalog
from bqemulator.api.routes import upload
from bqemulator.api.routes.tables import _parse_schema_fields
from bqemulator.jobs import executor
from bqemulator.storage.sql_identifiers import quoted_table_ref
from bqemulator.storage.type_map import duckdb_type_to_bq_field

from launcher import journal
from launcher.tables import described, refresh

_GZIP = b"\x1f\x8b"
_JSON = ("NEWLINE_DELIMITED_JSON", "JSON")


def install() -> None:
    _columns_by_name()
    _schema_of_parquet_files()
    _new_tables_with_layout()
    _truncate_replaces_the_schema()


def _columns_by_name() -> None:
    """Files are matched by position, gzip is not read, and unknown columns are dropped without a word."""
    by_format = executor._load_path_into_target

    def load(path, job, context):
        if job.source_format in ("AVRO", "ORC"):
            return by_format(path, job, context)
        stored = described(context, job.target_ref)
        known = {name.lower() for name in stored}
        offered = described(context, f"SELECT * FROM {_reader(path, job, stored, all_columns=True)}", [path])
        new = {name: kind for name, kind in offered.items() if name.lower() not in known}
        may_add = "ALLOW_FIELD_ADDITION" in (job.raw_config.get("schemaUpdateOptions") or [])
        if job.raw_config.get("ignoreUnknownValues"):
            new = {}
        if new and not may_add:
            raise executor.InvalidQueryError(
                f"Provided Schema does not match Table. Cannot add fields (field: {next(iter(new))})"
            )
        for name, kind in new.items():
            context.engine.execute(f'ALTER TABLE {job.target_ref} ADD COLUMN "{name}" {kind}')
        reader = _reader(path, job, stored | new, all_columns=False)
        context.engine.execute(f"INSERT INTO {job.target_ref} BY NAME SELECT * FROM {reader}", [path])
        if new:
            refresh(job.project_id, job.dataset_id, job.table_id, context)
        return None

    executor._load_path_into_target = load


def _reader(path: str, job, columns: dict[str, str], *, all_columns: bool) -> str:
    """DuckDB's table function for the file `?`; with `all_columns`, also those that the table has not."""
    if job.source_format == "PARQUET":
        return "read_parquet(?)"
    with Path(path).open("rb") as file:
        compression = "gzip" if file.read(2) == _GZIP else "uncompressed"
    typed = "columns={" + ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items()) + "}"
    if job.source_format in _JSON:
        shape = "" if all_columns else f", {typed}"
        return f"read_json(?, format='newline_delimited', compression='{compression}'{shape})"
    skip = int(job.raw_config.get("skipLeadingRows") or 0)
    delimiter = job.raw_config.get("fieldDelimiter") or ","
    return (
        f"read_csv(?, header=false, skip={skip}, delim='{delimiter}', compression='{compression}', {typed}, "
        "allow_quoted_nulls=false)"
    )


def _schema_of_parquet_files() -> None:
    """A Parquet file says its columns by itself; the emulator wants a schema beside it."""
    infer = executor._infer_autodetect_schema

    def infer_schema(context, relation, uris, form):
        if form != "PARQUET":
            return infer(context, relation, uris, form)
        path = executor._resolve_uri(uris[0], context)
        context.engine.execute(f"CREATE TABLE {relation} AS SELECT * FROM read_parquet(?) LIMIT 0", [path])
        fields = [duckdb_type_to_bq_field(*column) for column in described(context, relation).items()]
        return tuple(_parse_schema_fields(fields))

    executor._infer_autodetect_schema = infer_schema


def _new_tables_with_layout() -> None:
    """Tables that a load makes: from Parquet alone, and with the partitions and clusters asked for."""
    create = executor._maybe_create_load_destination

    def create_destination(**options: Any) -> None:
        load, context = options["load_config"], options["ctx"]
        name = (options["dest_project"], options["dest_dataset"], options["dest_table_id"])
        schema = (load.get("schema") or {}).get("fields")
        if load.get("sourceFormat", "CSV").upper() == "PARQUET" and not schema:
            fields = executor._infer_autodetect_schema(
                context, quoted_table_ref(*name), load["sourceUris"], "PARQUET"
            )
            context.catalog.create_table(
                catalog.TableMeta(
                    **dict(zip(("project_id", "dataset_id", "table_id"), name, strict=True)),
                    schema=catalog.TableSchema(fields=fields),
                    creation_time=options["now"],
                    last_modified_time=options["now"],
                    etag="made-by-load",
                )
            )
        else:
            create(**options)
        _set_layout(context, name, load)

    executor._maybe_create_load_destination = create_destination


def _set_layout(context, name: tuple[str, str, str], load: dict[str, Any]) -> None:
    known = context.catalog.get_table(*name)
    partition, cluster = load.get("timePartitioning"), (load.get("clustering") or {}).get("fields")
    if not known or not (partition or cluster):
        return
    layout = {
        "time_partitioning": partition
        and catalog.TimePartitioning(type=partition.get("type", "DAY"), field=partition.get("field")),
        "clustering": catalog.Clustering(fields=tuple(cluster)) if cluster else None,
    }
    context.catalog.update_table(known.model_copy(update=layout))


def _truncate_replaces_the_schema() -> None:
    """WRITE_TRUNCATE gives the table the load's schema; the emulator only empties it."""
    execute = executor.execute_load_job

    async def execute_load_job(project_id, job_id, config, context):
        job = executor._parse_load_job_config(project_id, config)
        schema = (job.raw_config.get("schema") or {}).get("fields") or job.raw_config.get("autodetect")
        replaces = job.write_disposition == "WRITE_TRUNCATE" and job.create_disposition == "CREATE_IF_NEEDED"
        known = context.catalog.get_table(job.project_id, job.dataset_id, job.table_id)
        if replaces and known is not None and (schema or job.source_format == "PARQUET"):
            context.engine.execute(f"DROP TABLE IF EXISTS {job.target_ref}")
            context.catalog.delete_table(job.project_id, job.dataset_id, job.table_id, not_found_ok=True)
        done = await execute(project_id, job_id, config, context)
        loaded = context.catalog.get_table(job.project_id, job.dataset_id, job.table_id)
        journal.write(config, _columns(loaded.schema_.fields) if loaded else None)
        return done

    for module in (executor, routes, upload):
        module.execute_load_job = execute_load_job


def _columns(fields) -> dict[str, str]:
    """Column to type, as GoogleSQL writes it."""
    return {field.name: _type(field) for field in fields}


def _type(field) -> str:
    kind = field.type
    if kind in ("RECORD", "STRUCT"):
        kind = "STRUCT<" + ", ".join(f"`{inner.name}` {_type(inner)}" for inner in field.fields) + ">"
    kind = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}.get(kind, kind)
    return f"ARRAY<{kind}>" if field.mode == "REPEATED" else kind

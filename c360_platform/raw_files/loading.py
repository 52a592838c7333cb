"""Loads a folder of exports as raw tables into a DuckDB warehouse: everything, or nothing.

Belongs here: the order of the steps and the one transaction that writes. Does not belong here: how a file
is read (`reading`), what its rows mean (dbt).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from c360_platform.raw_files.contract import ContractError, RawContract, load_contract
from c360_platform.raw_files.discovery import Discovery, RawFile, discover
from c360_platform.raw_files.problems import Problem, RawFileError
from c360_platform.raw_files.reading import StagedFile, stage_file
from c360_platform.raw_files.report import LoadedTable, LoadReport
from c360_platform.raw_files.tables import literal, quoted
from c360_platform.warehouse.duckdb import DuckDBWarehouse

WORLD_MARKER = "world.json"
WORLD_SCHEMA = "world"
_DLT_STATE = "_dlt_version"
_STAGE = "raw_files_stage"

Progress = Callable[[str], None]
Tables = Mapping[str, frozenset[str]]  # table names by schema, lower case


def load_folder(
    folder: Path, warehouse_path: Path, dbt_project_dir: Path, *, progress: Progress = lambda _: None
) -> LoadReport:
    """Replace raw tables by the files of `folder` (`<schema>/<table>.csv`, `.tsv`, either `.gz`, or
    `.parquet`).

    `warehouse_path` is absolute; the warehouse is made when it is missing, and locked only while finished
    tables are copied into it. Raises `RawFileError` with the problems of all files, and `WarehouseError`;
    nothing is written then. Same files twice leave the same tables.
    """
    started = time.monotonic()
    contract = _contract(dbt_project_dir)
    found = discover(folder, contract)
    if not found.files:
        raise RawFileError(found.problems)
    warehouse = DuckDBWarehouse(warehouse_path)
    existing = _existing_tables(warehouse)
    problems = [*found.problems, *_obstacles(found.files, existing)]
    with tempfile.TemporaryDirectory(prefix="c360-load-") as directory:
        stage = Path(directory) / "stage.duckdb"
        staged = _stage(found.files, stage, problems, progress)
        progress("writing …")
        with _without_world(warehouse.path):
            _write(warehouse, stage, staged)
    return LoadReport(
        tables=tuple(map(_loaded, staged)),
        missing_tables=tuple(_missing_tables(found, existing)),
        ignored=found.ignored,
        notes=tuple(_notes(contract, found, existing)),
        seconds=time.monotonic() - started,
    )


def _contract(dbt_project_dir: Path) -> RawContract:
    try:
        return load_contract(dbt_project_dir)
    except ContractError as error:
        raise RawFileError([Problem(str(dbt_project_dir), str(error))]) from error


def _existing_tables(warehouse: DuckDBWarehouse) -> Tables:
    if not warehouse.path.exists():
        return {}
    rows = warehouse.table(
        "select lower(table_schema) as schema, list(lower(table_name)) as tables "
        "from information_schema.tables where table_catalog = current_database() group by all"
    )
    return {row["schema"]: frozenset(row["tables"]) for row in rows.to_pylist()}


def _obstacles(files: Sequence[RawFile], existing: Tables) -> Iterator[Problem]:
    """What stands against loading these tables, whatever they hold."""
    for source in {file.source.name: file.source for file in files}.values():
        there = existing.get(source.schema.lower(), frozenset())
        brought = [file for file in files if file.source is source]
        subfolder = brought[0].label.split("/", maxsplit=1)[0] + "/"
        if _DLT_STATE in there:
            message = (
                f"the tables of {source.name} in this warehouse are kept by its ingest (dlt), which would "
                "mix its own rows into yours: load into another home (--home DIR), or leave this folder out"
            )
            yield Problem(subfolder, message)
        for table in source.tables:
            known_as = (table.name, *table.aliases)
            if (
                table.required
                and there.isdisjoint(known_as)
                and table not in [file.table for file in brought]
            ):
                message = (
                    f"{source.name} needs its table {table.name}, and neither this folder nor the warehouse "
                    f"has it: add {table.name}.csv (a header line alone will do)"
                )
                yield Problem(subfolder, message)


def _stage(
    files: Sequence[RawFile], stage: Path, problems: Sequence[Problem], progress: Progress
) -> list[StagedFile]:
    """Read every file into the database `stage`. Raises `RawFileError` with `problems` and those of all
    files.
    """
    import duckdb

    staged, problems = [], list(problems)
    with duckdb.connect(str(stage)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for number, file in enumerate(files):
            progress(f"reading {file.label} …")
            try:
                staged.append(stage_file(connection, file, f"staged_{number}"))
            except RawFileError as error:
                problems.extend(error.problems)
    if problems:
        raise RawFileError(problems)
    return staged


@contextmanager
def _without_world(warehouse_path: Path) -> Iterator[None]:
    """Remove the marker of a generated world around the write; put it back when the write fails.

    It goes first: a home without marker is never taken for disposable, a stale marker would make it so.
    """
    marker = warehouse_path.with_name(WORLD_MARKER)
    content = marker.read_bytes() if marker.exists() else None
    marker.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        if content is not None:
            marker.write_bytes(content)
        raise


def _write(warehouse: DuckDBWarehouse, stage: Path, staged: Sequence[StagedFile]) -> None:
    """Copy the staged tables in one transaction, and drop the truth about a generated world that they end."""
    import duckdb

    warehouse.path.parent.mkdir(parents=True, exist_ok=True)
    with warehouse.connection() as connection:
        connection.execute(f"attach {literal(stage)} as {_STAGE} (read_only)")
        connection.begin()
        try:
            for file in staged:
                schema = quoted(file.file.source.schema)
                connection.execute(f"create schema if not exists {schema}")
                connection.execute(
                    f"create or replace table {schema}.{quoted(file.file.table.name)} as "
                    f"select *{_loader_columns(file)} from {_STAGE}.{file.relation}"
                )
            connection.execute(f"drop schema if exists {WORLD_SCHEMA} cascade")
            connection.commit()
        except duckdb.Error:
            connection.rollback()
            raise
        finally:
            with suppress(duckdb.Error):
                connection.execute(f"detach {_STAGE}")


def _loader_columns(file: StagedFile) -> str:
    """dlt cannot add its own columns, which are not nullable, to a table that has rows: so it finds them
    here.
    """
    if file.file.source.loader != "dlt":
        return ""
    columns = {
        "_dlt_load_id": "'c360_load'",
        "_dlt_id": f"md5('{file.file.table.name}' || row_number() over ())",
    }
    return "".join(f", {value} as {name}" for name, value in columns.items() if name not in file.extra)


def _loaded(file: StagedFile) -> LoadedTable:
    return LoadedTable(
        source=file.file.source.name,
        table=file.file.table.name,
        schema=file.file.source.schema,
        file=file.file.label,
        rows=file.rows,
        mapped=file.mapped,
        missing=file.missing,
        extra=file.extra,
        notes=file.notes,
    )


def _missing_tables(found: Discovery, existing: Tables) -> Iterator[str]:
    """Declared tables of the loaded sources that neither a file nor the warehouse has."""
    brought = [file.table for file in found.files]
    for source in {file.source.name: file.source for file in found.files}.values():
        there = existing.get(source.schema.lower(), frozenset())
        for table in source.tables:
            if table not in brought and there.isdisjoint((table.name, *table.aliases)):
                yield f"{source.name}.{table.name}"


def _notes(contract: RawContract, found: Discovery, existing: Tables) -> Iterator[str]:
    if WORLD_SCHEMA not in existing:
        return
    yield "the truth about the generated world was removed (world.json, schema world): it no longer holds"
    brought = [file.table for file in found.files]
    stay = [
        f"{source.name}.{table.name}"
        for source in contract.sources
        for table in source.tables
        if table.name in existing.get(source.schema.lower(), frozenset()) and table not in brought
    ]
    if stay:
        yield (
            f"generated tables stay beside yours: {', '.join(stay)}; "
            "for your data alone, load into a new home (--home DIR)"
        )

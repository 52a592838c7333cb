"""From a source to the warehouse: the dlt pipeline, and loading until a source is caught up.

Belongs here: how dlt is set up, and the loop around its runs. Does not belong here: what is loaded.

The destination is the only authority on how far a source was read: cursors are committed there together
with their rows, and what a killed load left behind on disk is thrown away and read again. Every table merges
by key or is replaced, so reading again changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.telemetry import stop_telemetry

from dlt_pipelines import quarantine
from dlt_pipelines.bigquery import BigQuery
from dlt_pipelines.errors import IngestionError, plain_errors
from dlt_pipelines.journal import Journal

_MOST_PACKAGES: Final = 10_000

_DEFAULTS: Final[dict[str, Any]] = {
    "runtime.dlthub_telemetry": False,
    # what fails is raised, in one line; dlt's own log adds traces, and those can quote rows
    "runtime.log_level": "CRITICAL",
    # one resource after the other: the last one stores what the others could not read
    "extract.next_item_mode": "fifo",
    # pages come gathered; to wait for thousands of rows more would fill the memory when they are wide
    "data_writer.buffer_max_items": 1,
    # which load wrote a row: lineage, and telling rows of a load that never finished
    "normalize.parquet_normalizer.add_dlt_load_id": True,
    # people's data need not lie in the warehouse twice
    "load.truncate_staging_dataset": True,
}

# When DuckDB closes its file it joins small groups of rows, several at once and as whole rows: after a
# package of wide ones that takes twice the memory of the load. The next process that writes joins them.
# Set when connected, so that all connections of a process are still configured alike.
_DUCKDB: Final[dict[str, Any]] = {"max_vacuum_tasks": 0}


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did: rows written by table (re-read ones included), packages committed, seconds.

    `drift` has a line for everything that came otherwise than expected, `traffic` the requests and waits.
    """

    source: str
    rows: dict[str, int] = field(default_factory=dict)
    packages: int = 0
    seconds: float = 0.0
    drift: list[str] = field(default_factory=list)
    traffic: dict[str, Any] = field(default_factory=dict)


def make_pipeline(
    name: str,
    destination: Path | str | BigQuery,
    pipelines_dir: Path | str | None = None,
    *,
    dataset: str | None = None,
) -> Any:
    """A new dlt pipeline that loads into a dataset (schema), which is called `name` unless told otherwise.

    `destination` is the path of a DuckDB file, opened without any configuration so that other connections
    of the process agree with it, or a place in BigQuery. `pipelines_dir` holds dlt's working files (default:
    dlt's own). Make a new pipeline and a new source for every run: Dagster's integration changes the schema
    of the objects it is given, and a second run with the same ones fails.
    """
    _set_defaults()
    if isinstance(destination, BigQuery):
        made = destination.destination()
    else:
        from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

        path = Path(destination)
        if not path.is_absolute():
            raise IngestionError(f"the warehouse path must be absolute, got {path}")
        made = dlt.destinations.duckdb(
            DuckDbCredentials(str(path), global_config=_DUCKDB),
            # a reader never sees the table half empty
            replace_strategy="insert-from-staging",
            # names are what the warehouse's owner calls them
            enable_dataset_name_normalization=False,
        )
    return dlt.pipeline(
        pipeline_name=name,
        dataset_name=dataset or name,
        destination=made,
        pipelines_dir=str(pipelines_dir) if pipelines_dir is not None else None,
    )


def with_resources(source: Any, resources: Sequence[str] | None) -> Any:
    """The source with these resources only (None: all), and always with the one for rejected rows."""
    return source.with_resources(*resources, quarantine.NAME) if resources else source


def load_until_caught_up(
    make_source: Callable[[], Any],
    make_pipeline: Callable[[], Any],
    journal: Journal | None = None,
    *,
    once: bool = False,
) -> LoadReport:
    """Run a source package by package until it says that it is caught up; a kill costs one package at most.

    `journal` is the one that the sources write; with `once` there is one package only. Raises an
    `IngestionError` for everything that a person can mend; what was committed before stays.
    """
    started = time.monotonic()
    rows: dict[str, int] = {}
    with plain_errors():
        pipeline = make_pipeline()
        pipeline.drop()
        for packages in range(1, _MOST_PACKAGES):
            source = make_source()
            pipeline.run(source)
            for table, count in pipeline.last_trace.last_normalize_info.row_counts.items():
                if not table.startswith("_dlt"):
                    rows[table] = rows.get(table, 0) + count
            log = journal or Journal(source.name)
            log.tell(f"package {packages}, {sum(rows.values())} rows")
            if once or is_caught_up(pipeline, source):
                seconds = time.monotonic() - started
                return LoadReport(source.name, rows, packages, seconds, log.drift(), log.traffic())
            pipeline = make_pipeline()
    raise IngestionError(f"{source.name} was not caught up after {_MOST_PACKAGES} packages")


def is_caught_up(pipeline: Any, source: Any) -> bool:
    """False when a resource of the source just run stopped at its page budget and more is waiting."""
    resources = pipeline.state.get("sources", {}).get(source.name, {}).get("resources", {})
    read = {resource.name for resource in source.resources.extracted}
    return all(resources.get(name, {}).get("caught_up", True) for name in read)


def _set_defaults() -> None:
    """Our defaults below the user's own dlt configuration, which wins."""
    missing = {key: value for key, value in _DEFAULTS.items() if dlt.config.get(key) is None}
    if not missing:
        return
    for key, value in missing.items():
        dlt.config[key] = value
    # dlt settles log level and telemetry when it is first touched, which is before this
    stop_telemetry()
    Container()[PluggableRunContext].initialize_runtime()

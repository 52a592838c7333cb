"""Klaviyo as raw tables: profiles with consent, their predictions, suppressions, events, metrics, lists and
their members, and the rows that could not be read.

Belongs here: `load`. Does not belong here: the dlt source (`source`) and what it is made of.

    from dlt_pipelines.klaviyo import load
    load(warehouse, api_key=key)

or `python -m dlt_pipelines.klaviyo --help`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dlt_pipelines.bigquery import BigQuery
from dlt_pipelines.errors import IngestionError
from dlt_pipelines.journal import Journal
from dlt_pipelines.klaviyo import settings
from dlt_pipelines.klaviyo.source import NAME, RESOURCES, klaviyo_source
from dlt_pipelines.pipeline import LoadReport, load_until_caught_up, make_pipeline, with_resources

__all__ = ["NAME", "RESOURCES", "event_windows", "klaviyo_source", "load", "make_pipeline"]


def load(
    warehouse: Path | str | BigQuery,
    *,
    dataset: str = NAME,
    base_url: str | None = None,
    api_key: str | None = None,
    pipelines_dir: Path | str | None = None,
    resources: Sequence[str] | None = None,
    events_window: tuple[datetime, datetime] | None = None,
    report: Callable[[str], None] | None = None,
    **options: Any,
) -> LoadReport:
    """Load everything that is new into a schema of `warehouse`: a DuckDB file, or a place in BigQuery.

    With `events_window` the events of that window are read again instead, in packages of a week; the
    ordinary loads go on afterwards as if nothing had been. What is not given comes from dlt's configuration
    (`sources.klaviyo.api_key`, …); `options` are further arguments of `klaviyo_source`. `report` gets lines
    while it runs. Raises an `IngestionError` whose message is one line for a person.
    """
    given = {"base_url": base_url, "api_key": api_key, **options}
    arguments = {name: value for name, value in given.items() if value is not None}
    journal = Journal(NAME, report)

    def load_part(part: dict[str, Any], chosen: Sequence[str] | None) -> LoadReport:
        return load_until_caught_up(
            lambda: with_resources(klaviyo_source(**arguments, **part, journal=journal), chosen),
            lambda: make_pipeline(NAME, warehouse, pipelines_dir, dataset=dataset),
            journal,
            once=bool(part),
        )

    if events_window is None:
        return load_part({}, resources)
    if resources not in (None, ["events"], ("events",)):
        raise IngestionError("only events can be read by window: nothing else in Klaviyo is dated for ever")
    parts = [load_part({"events_window": part}, ["events"]) for part in event_windows(*events_window)]
    return LoadReport(
        NAME,
        {"events": sum(part.rows.get("events", 0) for part in parts)},
        len(parts),
        sum(part.seconds for part in parts),
        journal.drift(),
        journal.traffic(),
    )


def event_windows(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """A window cut into packages. Raises an `IngestionError` when it is empty."""
    if not start < end:
        raise IngestionError(f"the window of events is empty: {start:%Y-%m-%d} is not before {end:%Y-%m-%d}")
    windows = []
    while start < end:
        stop = min(start + settings.WINDOW_PER_PACKAGE, end)
        windows.append((start, stop))
        start = stop
    return windows

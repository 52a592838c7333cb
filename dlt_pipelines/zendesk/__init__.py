"""Zendesk Support as raw tables: tickets and their metrics, events and fields, users, organizations, both
forms of customer satisfaction, and the rows that could not be read.

Belongs here: `load`. Does not belong here: the dlt source (`source`) and what it is made of.

How far a load got is Zendesk's own cursor, not `updated_at`: system changes move a ticket in the export
without touching that. Tables merge by id, so rows that come twice stay one.

    from dlt_pipelines.zendesk import load
    load(warehouse, base_url="https://acme.zendesk.com", email="admin@acme.example", api_token=token)

or `python -m dlt_pipelines.zendesk --help`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dlt_pipelines.bigquery import BigQuery
from dlt_pipelines.journal import Journal
from dlt_pipelines.pipeline import LoadReport, load_until_caught_up, make_pipeline, with_resources
from dlt_pipelines.zendesk.source import NAME, RESOURCES, zendesk_source

__all__ = ["NAME", "RESOURCES", "load", "make_pipeline", "zendesk_source"]


def load(
    warehouse: Path | str | BigQuery,
    *,
    dataset: str = NAME,
    base_url: str | None = None,
    email: str | None = None,
    api_token: str | None = None,
    pipelines_dir: Path | str | None = None,
    resources: Sequence[str] | None = None,
    report: Callable[[str], None] | None = None,
    **options: Any,
) -> LoadReport:
    """Load everything that is new into a schema of `warehouse`: a DuckDB file, or a place in BigQuery.

    What is not given comes from dlt's configuration (`sources.zendesk.api_token`, …); `options` are further
    arguments of `zendesk_source`. `report` gets lines while it runs. Raises an `IngestionError` whose message
    is one line for a person.
    """
    given = {"base_url": base_url, "email": email, "api_token": api_token, **options}
    arguments = {name: value for name, value in given.items() if value is not None}
    journal = Journal(NAME, report)

    def make_source() -> Any:
        return with_resources(zendesk_source(**arguments, journal=journal), resources)

    return load_until_caught_up(
        make_source, lambda: make_pipeline(NAME, warehouse, pipelines_dir, dataset=dataset), journal
    )

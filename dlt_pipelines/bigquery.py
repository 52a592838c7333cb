"""BigQuery as a destination: where, as whom, and how much a job may cost.

Belongs here: setting up dlt's BigQuery destination. Does not belong here: what is loaded, and how tables are
partitioned (`tables`). Google's client is imported when the destination is used.

Credentials are Google's application default ones; dlt finds them by itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import dlt

# A request to Google, and how long dlt tries one again.
_REQUEST_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class BigQuery:
    """A project's datasets in one location.

    `maximum_bytes_billed` bounds what a single statement of a load may bill, `timeout_seconds` how long a job
    may run; BigQuery enforces both. `labels` go onto every job.
    """

    project: str
    location: str = "EU"
    maximum_bytes_billed: int | None = None
    timeout_seconds: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def destination(self) -> Any:
        """dlt's destination with these limits."""
        return _limited(self)(
            location=self.location,
            project_id=self.project,
            destination_name="bigquery",
            # names are what the warehouse's owner calls them
            enable_dataset_name_normalization=False,
            # a reader never sees the table half empty
            replace_strategy="insert-from-staging",
            http_timeout=_REQUEST_SECONDS,
            retry_deadline=_RETRY_SECONDS,
        )


def _limited(limits: BigQuery) -> type:
    """dlt's destination class; it has no options for labels and limits, the client underneath does."""

    class LimitedBigQuery(dlt.destinations.bigquery):
        @property
        def client_class(self) -> type:
            from dlt.destinations.impl.bigquery.bigquery import BigQueryClient

            class LimitedClient(BigQueryClient):
                def __init__(self, *arguments: Any, **options: Any) -> None:
                    super().__init__(*arguments, **options)
                    _limit(self.sql_client, limits)

            return LimitedClient

    return LimitedBigQuery


def _limit(sql_client: Any, limits: BigQuery) -> None:
    """Make every connection of dlt's SQL client begin with the defaults of `limits`."""
    connect = sql_client.open_connection

    def open_connection() -> Any:
        from google.cloud.bigquery import LoadJobConfig, QueryJobConfig

        # dlt asks for Google's storage API and goes without; the hint that it is not installed helps nobody
        warnings.filterwarnings("ignore", message="Cannot create BigQuery Storage client")
        client = connect()
        common: dict[str, Any] = {"labels": dict(limits.labels)}
        if limits.timeout_seconds:
            common["job_timeout_ms"] = limits.timeout_seconds * 1000
        client.default_load_job_config = LoadJobConfig(**common)
        client.default_query_job_config = QueryJobConfig(**common)
        if limits.maximum_bytes_billed:
            client.default_query_job_config.maximum_bytes_billed = limits.maximum_bytes_billed
        return client

    sql_client.open_connection = open_connection

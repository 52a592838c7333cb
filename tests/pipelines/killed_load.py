"""Loads Zendesk in a process of its own and kills it, as `kill -9` would, at the named instant.

`python -m tests.pipelines.killed_load INSTANT WAREHOUSE DLT_HOME BASE_URL`, with one page per package, so
that some packages are committed before. WAREHOUSE is a DuckDB file or `bigquery:PROJECT`.
Instants: `extract` while the second page is read, `merge` as soon
as the tickets of the second package are merged, `commit` before the second package is recorded as loaded.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from dlt.destinations.job_client_impl import SqlLoadJob
from dlt.load.load import Load

from dlt_pipelines.bigquery import BigQuery
from dlt_pipelines.pipeline import load_until_caught_up, make_pipeline
from dlt_pipelines.transport import Transport
from dlt_pipelines.zendesk import settings, zendesk_source


def main(instant: str, warehouse: str, dlt_home: str, base_url: str) -> None:
    kind, _, project = warehouse.partition(":")
    destination = BigQuery(project) if kind == "bigquery" else warehouse
    settings.EXPORT_PAGE = settings.SMALLEST_EXPORT_PAGE = 10  # type: ignore[misc]
    packages = 0  # that are committed or about to be

    def before_commit(_: Load) -> None:
        nonlocal packages
        packages += 1
        die_when(instant == "commit" and packages == 2)

    def before_page(_: Transport) -> None:
        die_when(instant == "extract" and packages == 1)

    def after_job(job: SqlLoadJob) -> None:
        is_for_tickets = job.job_file_info().table_name == "tickets"
        die_when(instant == "merge" and packages == 1 and is_for_tickets)

    around(Load, "complete_package", before=before_commit)
    around(Transport, "get", before=before_page)
    around(SqlLoadJob, "run", after=after_job)
    load_until_caught_up(
        lambda: zendesk_source(
            base_url=base_url, email="admin@shop.example", api_token="demo", pages_per_package=1
        ),
        lambda: make_pipeline("zendesk", destination, dlt_home),
    )


def around(
    owner: type,
    name: str,
    before: Callable[[Any], None] = lambda _: None,
    after: Callable[[Any], None] = lambda _: None,
) -> None:
    """Call `before` and `after` with the object whenever its method `name` is called."""
    original = getattr(owner, name)

    def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
        before(self)
        result = original(self, *arguments, **named)
        after(self)
        return result

    setattr(owner, name, wrapped)


def die_when(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])

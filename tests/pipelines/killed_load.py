"""Loads a source in a process of its own and kills it, as `kill -9` would, at the named instants.

`python -m tests.pipelines.killed_load POINT,… WAREHOUSE DLT_HOME BASE_URL`. A point is an instant, or a
source and an instant (`klaviyo.merge`); every one kills a new process, which goes on where the one before
was killed, and the last kills this one. WAREHOUSE is a DuckDB file or `bigquery:PROJECT`. Packages have one
small page, and each process commits one before it dies in the next:

    extract     some tables of the package are read
    normalize   its files are written and not yet handed to the load
    merge       rows of the source's first table are merged, other tables are not
    commit      everything is merged and not yet recorded as loaded
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

from dlt.common.storages.load_storage import LoadStorage
from dlt.destinations.job_client_impl import SqlLoadJob
from dlt.load.load import Load

from dlt_pipelines.bigquery import BigQuery
from dlt_pipelines.klaviyo import klaviyo_source
from dlt_pipelines.klaviyo import settings as klaviyo
from dlt_pipelines.pipeline import load_until_caught_up, make_pipeline, with_resources
from dlt_pipelines.transport import Transport
from dlt_pipelines.zendesk import settings as zendesk
from dlt_pipelines.zendesk import zendesk_source

UNLIMITED = 1_000_000
TABLES = {"zendesk": ("tickets", "ticket_metrics", "organizations"), "klaviyo": ("profiles", "events")}
REQUESTS_BEFORE_EXTRACT_IS_KILLED = 2


def main(points: str, warehouse: str, dlt_home: str, base_url: str) -> None:
    kind, _, project = warehouse.partition(":")
    destination = BigQuery(project) if kind == "bigquery" else warehouse
    makers: dict[str, Callable[[], Any]] = {
        "zendesk": lambda: zendesk_source(
            base_url, "admin@shop.example", "demo", pages_per_package=1, exports_per_minute=UNLIMITED
        ),
        "klaviyo": lambda: klaviyo_source(
            base_url, "pk_demo_pipelines", profile_pages_per_package=1, event_pages_per_package=1
        ),
    }

    def load(source: str, destination: str | BigQuery = destination, dlt_home: str = dlt_home) -> None:
        load_until_caught_up(
            lambda: with_resources(makers[source](), TABLES[source]),
            lambda: make_pipeline(source, destination, dlt_home),
        )

    def load_elsewhere(source: str) -> None:
        with TemporaryDirectory() as elsewhere:
            load(source, f"{elsewhere}/warehouse.duckdb", elsewhere)

    die_at(points, load, load_elsewhere)


def die_at(points: str, load: Callable[[str], object], load_elsewhere: Callable[[str], object]) -> None:
    """Call `load` with the point's source and be killed, point by point; ends with an error when not.

    `load_elsewhere` runs once before, so that the processes need not import everything each for itself.
    """
    *others, last = points.split(",")
    if others:
        load_elsewhere(last.partition(".")[0])
    zendesk.EXPORT_PAGE = zendesk.SMALLEST_EXPORT_PAGE = 10  # type: ignore[misc]
    klaviyo.PROFILE_PAGE = klaviyo.EVENT_PAGE = 5  # type: ignore[misc]
    for point in others:
        child = os.fork()
        if child == 0:
            _die_at(point, load)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(f"{point}: not killed")
    _die_at(last, load)


def _die_at(point: str, load: Callable[[str], object]) -> None:
    source, _, instant = point.rpartition(".")
    source = source or "zendesk"
    packages = requests = 0  # packages that are committed or about to be, requests of the second one

    def before_page(_: Transport) -> None:
        nonlocal requests
        requests += packages
        _die_when(instant == "extract" and requests == REQUESTS_BEFORE_EXTRACT_IS_KILLED)

    def before_handing_on(_: LoadStorage) -> None:
        _die_when(instant == "normalize" and packages == 1)

    def after_job(job: SqlLoadJob) -> None:
        is_first_table = job.job_file_info().table_name == TABLES[source][0]
        _die_when(instant == "merge" and packages == 1 and is_first_table)

    def before_commit(_: Load) -> None:
        nonlocal packages
        packages += 1
        _die_when(instant == "commit" and packages == 2)

    _around(Transport, "get", before=before_page)
    _around(LoadStorage, "commit_new_load_package", before=before_handing_on)
    _around(SqlLoadJob, "run", after=after_job)
    _around(Load, "complete_package", before=before_commit)
    load(source)
    os._exit(1)  # not killed


def _around(
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


def _die_when(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])

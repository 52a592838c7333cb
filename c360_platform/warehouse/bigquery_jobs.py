"""Running BigQuery jobs: labels, limits, time-outs, retries, and no statement twice.

Belongs here: how a query or load job is started, awaited and repeated. Does not belong here: SQL and Arrow
(`bigquery`), and what Google's errors mean to a person (`bigquery_errors`).

Every job is started under an id that is chosen before the first attempt. When the answer to a start is lost,
the start is repeated under the same id; if Google says that the id exists, that job is the one to wait for.
(The client's own handling takes a new id once its retries are used up, see `_job_helpers.query_jobs_insert`:
an INSERT may then run twice.) A job is started anew, under a new id, only when BigQuery has reported that it
failed and left nothing behind.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as WaitedTooLong
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, TypeVar
from uuid import uuid4

from c360_platform.warehouse.bigquery_errors import JobTimedOut, is_transient

T = TypeVar("T")

# One request; BigQuery answers a question for results after ten seconds at the latest, ready or not.
REQUEST_SECONDS = 60.0
# How long what may pass by itself is tried again.
RETRY_SECONDS = 120.0
DEFAULT_JOB_SECONDS = 1800
# The server's own time-out comes first, so that it is the one to be reported.
_SLACK_SECONDS = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 15.0
# Rows in one page of results: what a page is in memory as Python objects stays below some ten megabytes.
PAGE_ROWS = 20_000
COMPONENT = {"component": "c360"}
_NOT_IN_LABEL = re.compile(r"[^a-z0-9_-]+")
_LONGEST_LABEL = 63


@dataclass(frozen=True)
class JobOptions:
    """What all jobs of a warehouse have in common.

    `maximum_bytes_billed`: bytes that one query may bill; BigQuery refuses a larger one before it reads.
    `labels` are added to `component: c360`; they are on the bill and in INFORMATION_SCHEMA.JOBS.
    """

    project: str
    location: str | None = None
    maximum_bytes_billed: int | None = None
    timeout_seconds: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    retry_seconds: float = RETRY_SECONDS

    @property
    def job_seconds(self) -> int:
        return self.timeout_seconds or DEFAULT_JOB_SECONDS

    def job_labels(self) -> dict[str, str]:
        """The labels as BigQuery takes them."""
        return {label(name): label(value) for name, value in {**COMPONENT, **self.labels}.items() if value}


def label(text: str) -> str:
    """Text within BigQuery's rules for labels: at most 63 of small letters, digits, _ and -.

    https://cloud.google.com/bigquery/docs/labels-intro#requirements
    """
    return _NOT_IN_LABEL.sub("_", text.lower())[:_LONGEST_LABEL]


class Jobs:
    """Jobs of one client. Raises what Google's client raises; the caller translates."""

    def __init__(self, client: Any, options: JobOptions) -> None:
        from google.api_core.retry import Retry

        self.client = client
        self.options = options
        self.retry = Retry(
            predicate=is_transient,
            initial=_FIRST_PAUSE,
            maximum=_LONGEST_PAUSE,
            timeout=options.retry_seconds,
        )

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run one statement or script to its end; its rows as the client's `RowIterator`."""
        from google.cloud.bigquery import QueryJobConfig

        config = QueryJobConfig(query_parameters=list(parameters), **self._common())
        if self.options.maximum_bytes_billed:
            config.maximum_bytes_billed = self.options.maximum_bytes_billed

        def start(job_id: str) -> Any:
            return self.client.query(
                sql,
                job_id=job_id,
                job_config=config,
                job_retry=None,
                retry=self.retry,
                timeout=REQUEST_SECONDS,
                location=self.options.location,
            )

        return self._run(
            start,
            lambda job: job.result(page_size=PAGE_ROWS, retry=self.retry, timeout=REQUEST_SECONDS),
        )

    def load(self, content: BytesIO, table: str, config: Any) -> None:
        """Load a file's content into `project.dataset.table`; nobody sees a part of it."""
        size = content.getbuffer().nbytes
        config.labels = self._common()["labels"]
        config.job_timeout_ms = self._common()["job_timeout_ms"]

        def start(job_id: str) -> Any:
            return self.client.load_table_from_file(
                content,
                table,
                rewind=True,
                size=size,
                num_retries=0,  # an upload that breaks is repeated as a whole, below
                job_id=job_id,
                job_config=config,
                timeout=REQUEST_SECONDS,
                location=self.options.location,
            )

        self._run(self.retry(start), self._until_loaded)

    def _common(self) -> dict[str, Any]:
        return {
            "labels": self.options.job_labels(),
            "job_timeout_ms": self.options.job_seconds * 1000,
        }

    def _run(self, start: Callable[[str], Any], wait: Callable[[Any], T]) -> T:
        """Start a job and wait for it; start another one while the last failed of something that passes."""
        give_up = time.monotonic() + self.options.retry_seconds
        pause = _FIRST_PAUSE
        while True:
            job = self._started(start, f"c360_{uuid4().hex}")
            try:
                return self._awaited(job, wait)
            except Exception as error:
                if not (is_transient(error) and self._has_failed(job)) or time.monotonic() + pause > give_up:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (jobs in each other's way should part)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _started(self, start: Callable[[str], Any], job_id: str) -> Any:
        from google.api_core.exceptions import Conflict

        try:
            return start(job_id)
        except Conflict as error:
            if "job" not in str(error).lower():
                raise
            # An earlier attempt got through and its answer was lost.
            return self.client.get_job(
                job_id, location=self.options.location, retry=self.retry, timeout=REQUEST_SECONDS
            )

    def _awaited(self, job: Any, wait: Callable[[Any], T]) -> T:
        deadline = time.monotonic() + self.options.job_seconds + _SLACK_SECONDS
        while True:
            try:
                return wait(job)
            except WaitedTooLong:  # of one request, not of the job
                if time.monotonic() > deadline:
                    job.cancel(retry=None, timeout=REQUEST_SECONDS)
                    raise JobTimedOut(self.options.job_seconds) from None

    def _until_loaded(self, job: Any) -> None:
        pause = _FIRST_PAUSE
        deadline = time.monotonic() + REQUEST_SECONDS
        while not job.done(retry=self.retry, timeout=REQUEST_SECONDS):
            if time.monotonic() > deadline:
                raise WaitedTooLong
            time.sleep(pause)
            pause = min(1.5 * pause, 5.0)
        failure = job.exception()
        if failure is not None:
            raise failure

    def _has_failed(self, job: Any) -> bool:
        """Whether BigQuery itself says that the job is over and failed; a lost answer is no such word."""
        try:
            over: bool = job.done(retry=None, timeout=REQUEST_SECONDS)
        except Exception:  # noqa: BLE001  (whatever it is, it is no word of BigQuery's)
            return False
        return over and job.error_result is not None

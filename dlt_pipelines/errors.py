# ruff: noqa: N818 - an exception is named for what happened
"""What can go wrong while loading a source, each with one line that says where and what to do.

Belongs here: the exceptions, and finding them again below the ones dlt wraps around them. Does not belong
here: deciding when to raise; `transport` and the sources do. No message holds a secret or a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class IngestionError(Exception):
    """A load that cannot go on; the message is one line for a person."""


class SourceUnauthorized(IngestionError):
    """401: the credentials are not accepted. Trying again does not help."""


class SourceForbidden(IngestionError):
    """403: the credentials lack a right. Trying again does not help."""


class SourceUnreachable(IngestionError):
    """No answer: refused, timed out, or the connection broke again and again."""


class SourceUnavailable(IngestionError):
    """The service kept answering with an error of its own (5xx, 408, 409), or 429 for too long."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class SourceRejected(IngestionError):
    """The service refuses the request itself (4xx)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class SourceProtocolError(IngestionError):
    """An answer that is not what the API documents: not JSON, a wrong type, pages without end."""


class ResourceSelectionError(IngestionError):
    """Resources that only load together were selected apart."""


class WarehouseError(IngestionError):
    """The warehouse cannot be used."""


class WarehouseInUse(WarehouseError):
    """Another process has the warehouse file open."""


class WarehouseUnavailable(WarehouseError):
    """BigQuery did not answer, or was busy, for as long as it was asked."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raise the `IngestionError` below dlt's own exceptions instead of them.

    What DuckDB says about its file, and what Google says, becomes a `WarehouseError`; anything else passes
    unchanged.
    """
    try:
        yield
    except IngestionError:
        raise
    except Exception as error:
        found = find_ingestion_error(error)
        if found is None:
            raise
        raise found from None


def find_ingestion_error(error: BaseException) -> IngestionError | None:
    """The `IngestionError` that caused `error`, when there is one."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, IngestionError):
            return cause
        if type(cause).__name__ == "IOException" and "duckdb" in type(cause).__module__:
            return _warehouse_error(str(cause))
        if type(cause).__module__.startswith(("google.api_core.", "google.auth.")):
            return _bigquery_error(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def _warehouse_error(text: str) -> WarehouseError:
    file = re.search(r'file "([^"]+)"', text)
    where = file.group(1) if file else "the warehouse"
    if "lock on file" in text:
        process = re.search(r"PID (\d+)", text)
        who = f"process {process.group(1)}" if process else "another process"
        return WarehouseInUse(f"{where} is open in {who}: DuckDB allows one writer, stop it and load again")
    if "not a valid DuckDB" in text:
        return WarehouseError(f"{where} is not a DuckDB file: give another path or move it away")
    if "No such file or directory" in text:
        return WarehouseError(f"{where} cannot be created: its directory does not exist")
    return WarehouseError(f"{where} cannot be used: {text.splitlines()[0]}")


# https://cloud.google.com/bigquery/docs/error-messages
_PASSING_REASONS = {
    "rateLimitExceeded",
    "backendError",
    "internalError",
    "jobBackendError",
    "jobInternalError",
}
_PASSING_CODES = {429, 500, 502, 503, 504}
_ADVICE = {
    401: "sign in again with `gcloud auth application-default login`",
    403: "grant the account roles/bigquery.jobUser on the project and dataEditor on the dataset",
    404: "check project, dataset and location",
}


def _bigquery_error(error: BaseException) -> WarehouseError:
    last = getattr(error, "cause", None)
    if type(error).__name__ == "RetryError" and isinstance(last, Exception):
        error = last
    if type(error).__module__.startswith("google.auth.") and type(error).__name__ != "TransportError":
        return WarehouseError(
            "Google's credentials are missing or refused: run `gcloud auth application-default login` or set "
            "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account"
        )
    code = getattr(error, "code", None)
    entry: dict[str, Any] = next(iter(getattr(error, "errors", None) or ()), {})
    reason = entry.get("reason")
    if code is None or reason in _PASSING_REASONS or (not reason and code in _PASSING_CODES):
        return WarehouseUnavailable("BigQuery cannot be reached or is busy: load again later")
    # between quotation marks there may be a value of a row
    said = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", str(entry.get("message") or reason or code).split("\n", 1)[0])
    advice = f": {_ADVICE[code]}" if code in _ADVICE else ""
    return WarehouseError(f"BigQuery refused: {said.rstrip('.')}{advice}")

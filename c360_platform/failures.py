"""What a failed step says and whether trying again can help.

Belongs here: turning the errors of our packages into `dagster.Failure` with one clear line. Does not belong
here: raising them, and alerts. An error that is not known here stays what it is: a bug needs its traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from c360_platform.settings import Settings


@contextmanager
def one_line_failures(subject: str) -> Iterator[None]:
    """Raise the known errors of the body as a `Failure` that begins with `subject`.

    The original is dropped on purpose: its own cause may hold an answer of the other side with a person's
    data, and the event log keeps causes. Its message says everything that somebody can act on.
    """
    try:
        yield
    except Exception as error:
        known = known_cause(error)
        if known is None:
            raise
        raise dg.Failure(
            description=f"{subject}: {' '.join(str(known).split())}", allow_retries=is_transient(known)
        ) from None


def retry_policy(settings: Settings) -> dg.RetryPolicy | None:
    """In production, what was down is tried again; on a laptop somebody waits for the message.

    A `Failure` that says that trying again cannot help (`one_line_failures`) is final all the same.
    """
    if settings.uses_sandbox:
        return None
    return dg.RetryPolicy(
        max_retries=3, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
    )


def known_cause(error: Exception) -> Exception | None:
    """The error of ours in `error` or below it (dlt wraps what its sources raise); None for a stranger."""
    from c360_platform.activation.errors import SyncError
    from c360_platform.settings import SettingsError
    from c360_platform.warehouse import WarehouseError
    from c360_platform.warehouse.bigquery_errors import explained_below
    from dlt_pipelines.errors import WarehouseError as IngestionWarehouseError
    from dlt_pipelines.errors import find_ingestion_error

    if isinstance(error, (SyncError, SettingsError, WarehouseError)):
        return error
    found = find_ingestion_error(error)
    if found is None or isinstance(found, IngestionWarehouseError):
        return explained_below(error) or found
    return found


def is_transient(error: Exception) -> bool:
    """Whether the same call can succeed later without anybody doing something.

    A wrong key or a missing right never does: retrying it only delays the message.
    """
    from c360_platform.activation.errors import KlaviyoUnreachable
    from c360_platform.warehouse import WarehouseUnavailable
    from dlt_pipelines.errors import SourceUnavailable, SourceUnreachable, WarehouseInUse

    return isinstance(
        error,
        (KlaviyoUnreachable, WarehouseUnavailable, SourceUnreachable, SourceUnavailable, WarehouseInUse),
    )

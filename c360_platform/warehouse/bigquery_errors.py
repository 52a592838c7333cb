"""What BigQuery's refusals mean: one line with what to do, and whether trying again can help.

Belongs here: the table of known conditions, and finding Google's own exception below others. Does not belong
here: retrying (`bigquery_jobs`). Only text and names of types are looked at, so that words which dbt hands on
can be explained as well, and so that this module imports nothing of Google's.

Reasons and their meaning: https://cloud.google.com/bigquery/docs/error-messages
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from c360_platform.warehouse.protocol import WarehouseError, WarehouseUnavailable

PERMISSIONS = "docs/bigquery.md#permissions"
CREDENTIALS = "docs/bigquery.md#credentials"
SIGN_IN = (
    "run `gcloud auth application-default login` or set GOOGLE_APPLICATION_CREDENTIALS to the file of a "
    "service account"
)


@dataclass(frozen=True)
class Condition:
    """A known refusal: `pattern` is searched in "reason: message", `advice` may use the pattern's groups."""

    pattern: str
    advice: str
    passes: bool = False

    def found_in(self, text: str) -> re.Match[str] | None:
        return re.search(self.pattern, text, re.IGNORECASE)


# The first that fits is taken.
CONDITIONS = (
    Condition(
        r"bytesBilledLimitExceeded|exceeded limit for bytes billed",
        "raise C360_BIGQUERY_MAX_BYTES_BILLED if reading so much is meant; nothing was billed",
    ),
    Condition(
        r"job timed out|\btimeout: |timed out after|operation did not complete within the designated",
        "raise C360_BIGQUERY_JOB_TIMEOUT_SECONDS if such a job is meant; nothing was written",
    ),
    Condition(
        r"rateLimitExceeded|exceeded rate limits",
        "too much at once for BigQuery's rate limits: start again in a few minutes",
        passes=True,
    ),
    Condition(
        r"quotaExceeded|quota exceeded|custom quota",
        "a quota is used up: wait until it is renewed (daily ones at midnight Pacific time) or raise it "
        "under IAM & Admin > Quotas",
    ),
    Condition(
        r"accessNotConfigured|SERVICE_DISABLED|has not enabled BigQuery|API has not been used",
        "enable the BigQuery API in the project, or check C360_BIGQUERY_PROJECT",
    ),
    Condition(
        r"billingNotEnabled|billing has not been enabled",
        "attach a billing account to the project: without one BigQuery takes no DML",
    ),
    Condition(
        r"not found: project|invalid project ?id|unknown project|projectId must be non-empty",
        "check C360_BIGQUERY_PROJECT and that the account may see that project",
    ),
    Condition(
        r"different locations|is in location|location mismatch",
        "set C360_BIGQUERY_LOCATION to where the raw datasets are; one job reads in one location only",
    ),
    Condition(
        r"not found: dataset (?P<dataset>[\w:.-]*\w)(?: was not found in location (?P<place>[\w-]*\w))?",
        "load it, name it in the dbt variable raw_schemas, or set C360_BIGQUERY_LOCATION to where it is",
    ),
    Condition(r"not found: (table|view)", "was it built or loaded? a name of its own goes into raw_schemas"),
    Condition(
        r"(?P<permission>bigquery\.[A-Za-z]+\.[A-Za-z]+)[\s\S]*|access denied|accessDenied|permission",
        f"grant the account what {PERMISSIONS} lists",
    ),
    Condition(
        r"could not serialize access|concurrent update",
        "another job kept changing the same table: start again",
        passes=True,
    ),
    Condition(
        r"invalid_grant|invalid_client|invalid authentication credentials|authError|token has been expired"
        r"|could not refresh|unable to acquire impersonated",
        f"the credentials are expired or were withdrawn: {SIGN_IN} ({CREDENTIALS})",
    ),
    Condition(
        r"default credentials were not found|could not automatically determine credentials",
        f"no Google credentials: {SIGN_IN} ({CREDENTIALS})",
    ),
    Condition(
        r"backendError|internalError|jobBackendError|jobInternalError|service unavailable|bad gateway"
        r"|server error|error encountered during execution|retrying may solve the problem",
        "trouble at BigQuery: start again later",
        passes=True,
    ),
    Condition(
        r"connection (aborted|refused|reset|broken|error)|max retries exceeded|timed out|remote end closed"
        r"|failed to establish a new connection|name resolution",
        "check the network, and BIGQUERY_EMULATOR_HOST if it is set: start again when it is there",
        passes=True,
    ),
)  # fmt: skip

_TRANSIENT_REASONS = {
    "rateLimitExceeded", "jobRateLimitExceeded", "backendError", "jobBackendError", "internalError",
    "jobInternalError", "badGateway",
}  # fmt: skip
_BROKEN_CONNECTIONS = {
    "requests.exceptions.ConnectionError", "requests.exceptions.ConnectTimeout",
    "requests.exceptions.ReadTimeout", "requests.exceptions.ChunkedEncodingError",
    "requests.exceptions.ProxyError", "google.auth.exceptions.TransportError",
}  # fmt: skip
_TRANSIENT_CODES = {408, 429, 500, 502, 503, 504}
_CONFLICT = re.compile(r"could not serialize access|due to concurrent update", re.IGNORECASE)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
# After these words BigQuery writes a value of a row without quotes.
_VALUE = re.compile(
    r"((?:bad|invalid) (?:bool|int64|double|float64|(?:big)?numeric|date|(?:date)?time|timestamp|bytes|json)"
    r"(?: value)?: |could not (?:parse|convert) |duplicate key:? |value: )[^;]*",
    re.IGNORECASE,
)
_LONGEST_MESSAGE = 400


class JobTimedOut(Exception):  # noqa: N818  (reads as what happened)
    """A job that ran beyond the server's time-out and was cancelled from here."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the job timed out after {seconds} s")


def is_transient(error: BaseException) -> bool:
    """Whether the same call, or for a job that failed the same job, can go through a little later."""
    error = _last_attempt(error)
    name = _qualified(error)
    if isinstance(error, ConnectionError) or name in _BROKEN_CONNECTIONS:
        return True
    if name.startswith("google.auth."):
        return bool(getattr(error, "retryable", False))
    if not name.startswith("google.api_core."):
        return False
    reason = _reason(error)
    return (
        reason in _TRANSIENT_REASONS
        or (not reason and getattr(error, "code", None) in _TRANSIENT_CODES)
        or _CONFLICT.search(_words(error)) is not None
    )


def dataset_not_found(error: BaseException) -> bool:
    """Whether a 404 is about a dataset, and not about the project that it would be in."""
    return "not found: project" not in str(error).lower()


def explained(
    error: BaseException, *, location_of: Callable[[str], str] | None = None
) -> WarehouseError | None:
    """An error that Google's client raised as one of ours; None when it is none of its errors.

    `location_of` tells where a dataset is, to tell one that is elsewhere from one that is missing.
    """
    if isinstance(error, JobTimedOut):
        return WarehouseError(explained_text(str(error)))
    found = _last_attempt(error)
    if _qualified(found).startswith(("google.auth.", "requests.")) or isinstance(found, ConnectionError):
        return _without_answer(found)
    if not _is_googles(found):
        return None
    text = f"{_reason(found)}: {_words(found)}"
    elsewhere = _elsewhere(text, location_of)
    if elsewhere is not None:
        return WarehouseError(elsewhere)
    kind = WarehouseUnavailable if is_transient(found) else WarehouseError
    return kind(explained_text(_words(found), reason=_reason(found), transient=kind is WarehouseUnavailable))


def explained_below(error: BaseException) -> WarehouseError | None:
    """Google's exception in or below another library's error as one of ours; None without one.

    A broken connection below an error may have been to anybody; it is none of Google's.
    """
    found = next((one for one in _chain(error) if _is_googles(one)), None)
    return explained(found) if found is not None else None


def explained_text(message: str, *, reason: str = "", transient: bool = False) -> str:
    """Google's words without values of rows, and what to do about them when that is known."""
    said = without_values(message)
    condition = condition_of(f"{reason}: {message}")
    if condition is not None:
        return f"BigQuery: {said}: {condition.advice}"
    return f"BigQuery: {said}" + (": start again later" if transient else "")


def condition_of(text: str) -> Condition | None:
    """The known condition that a text of Google's tells of."""
    return next((condition for condition in CONDITIONS if condition.found_in(text)), None)


def without_values(message: str) -> str:
    """One line of a message; what is quoted, and what stands where BigQuery puts values, is blanked."""
    line = " ".join(message.split("\n\n", 1)[0].split())
    line = _QUOTED.sub("'…'", line)
    # An odd quote is inside a value: nobody knows where that ends.
    line = re.sub(r"(?<!')'(?!…').*|\".*", "'…'", line.replace("'…'", "\0")).replace("\0", "'…'")
    line = _VALUE.sub(r"\1…", line).rstrip(" .;:")
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


def _without_answer(error: BaseException) -> WarehouseError:
    """Errors of signing in and of the network; their texts hold addresses and tokens and are dropped."""
    name = type(error).__name__
    if name == "DefaultCredentialsError":
        file = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        if file:
            return WarehouseError(
                f"GOOGLE_APPLICATION_CREDENTIALS names {file}, which is missing or no credentials file: "
                f"give another one, or take the variable away and sign in with gcloud ({CREDENTIALS})"
            )
        return WarehouseError(f"no Google credentials: {SIGN_IN} ({CREDENTIALS})")
    if name == "RefreshError" and not is_transient(error):
        code = re.search(r"\b(invalid_\w+|unauthorized_client|access_denied)\b", str(error))
        what = f" ({code[1]})" if code else ""
        return WarehouseError(
            f"Google refused the credentials{what}, they are expired or were withdrawn: {SIGN_IN} "
            f"({CREDENTIALS})"
        )
    if not is_transient(error):
        return WarehouseError(f"no connection to BigQuery ({name}): check BIGQUERY_EMULATOR_HOST and proxies")
    return WarehouseUnavailable(
        f"BigQuery cannot be reached ({name}): check the network, and BIGQUERY_EMULATOR_HOST if it is set"
    )


def _elsewhere(text: str, location_of: Callable[[str], str] | None) -> str | None:
    found = re.search(
        r"not found: dataset (?:[\w.-]+[:.])?(?P<name>\w+) was not found in location (?P<place>[\w-]*\w)",
        text,
        re.IGNORECASE,
    )
    if found is None or location_of is None:
        return None
    try:
        actual = location_of(found["name"])
    except Exception:  # noqa: BLE001  (it is missing, or this account may not know)
        return None
    if actual.lower() == found["place"].lower():
        return None
    return (
        f"BigQuery: dataset {found['name']} is in {actual} and the job ran in {found['place']}: "
        f"set C360_BIGQUERY_LOCATION={actual}"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it; dlt and the DB-API keep the original as an argument."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [*one.args, getattr(one, "inner_exc", None), one.__cause__, one.__context__]


def _last_attempt(error: BaseException) -> BaseException:
    """What the last of several attempts raised, when retrying has given up."""
    cause = getattr(error, "cause", None)
    return cause if type(error).__name__ == "RetryError" and isinstance(cause, BaseException) else error


def _is_googles(error: BaseException) -> bool:
    return _qualified(error).startswith(("google.api_core.exceptions.", "google.auth.exceptions."))


def _qualified(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _reason(error: BaseException) -> str:
    """BigQuery's own word for an error, such as quotaExceeded."""
    entries = getattr(error, "errors", None) or ()
    return next((str(one["reason"]) for one in entries if isinstance(one, dict) and one.get("reason")), "")


def _words(error: BaseException) -> str:
    """Google's message; the client's own text has the address and the job's id around it."""
    entries = getattr(error, "errors", None) or ()
    message = next((one["message"] for one in entries if isinstance(one, dict) and one.get("message")), None)
    return str(message or getattr(error, "message", None) or error)

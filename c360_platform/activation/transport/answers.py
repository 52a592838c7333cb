"""What came back for a request: a document, a failure that may pass, or an error that says who has to act.

Belongs here: statuses, shapes of answers, broken connections. Does not belong here: asking again
(`connection`), and what an answer means for a row (`engine`).
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from c360_platform.activation.errors import (
    ApiProblem,
    KlaviyoForbidden,
    KlaviyoRefused,
    KlaviyoUnauthorized,
    KlaviyoUnreachable,
    without_personal_data,
)
from c360_platform.activation.transport.endpoints import Answer, Operation
from c360_platform.activation.transport.limits import retry_after_seconds

_TRANSIENT = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that may be repeated."""

    reason: str
    may_have_arrived: bool = False
    is_throttled: bool = False
    retry_after: float | None = None


def read_answer(
    operation: Operation, host: str, status: int, headers: Mapping[str, str], data: bytes
) -> dict[str, Any] | Failure:
    """The document of a success, or a failure. `headers` find their names in any case.

    Raises `KlaviyoUnauthorized`, `KlaviyoForbidden`, `KlaviyoRefused`, and `KlaviyoUnreachable` for an answer
    that leads to another address.
    """
    kind = headers.get("content-type", "no content type").split(";")[0]
    document = _document(data, kind)
    if status in operation.success:
        if operation.answer == "nothing" and kind != "text/html":
            return {}
        if document is not None and _holds(document, operation.answer):
            return document
        # Done or not done: nobody can tell from what came.
        return Failure(f"answered {status} with {kind} that holds no answer", may_have_arrived=True)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after_seconds(headers.get("retry-after"), headers.get("date"))
        asked = "" if wait is None else f", asks to wait {wait:.0f} s"
        return Failure(f"throttled{asked}", is_throttled=True, retry_after=wait)
    if status == HTTPStatus.UNAUTHORIZED:
        raise KlaviyoUnauthorized(
            f"Klaviyo ({host}) does not accept the API key (401): check KLAVIYO_API_KEY"
        )
    if status == HTTPStatus.FORBIDDEN and document is not None:
        raise KlaviyoForbidden(
            f"the API key must not {operation.words} (403): give it the scopes {operation.scopes}"
        )
    if 300 <= status < 400:
        raise KlaviyoUnreachable(
            f"{host} leads elsewhere ({status}) and is not followed: check KLAVIYO_BASE_URL"
        )
    # A gateway in front of Klaviyo that finds a body too large says so with a page of its own.
    is_klaviyo = document is not None or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if 400 <= status < 500 and status not in _TRANSIENT and is_klaviyo:
        raise KlaviyoRefused(operation.words, status, _problems(document or {}))
    # A page of a proxy or a server error: what was done is not known.
    return Failure(f"answered {status} with {kind}", may_have_arrived=True)


def read_broken(host: str, error: Exception) -> Failure:
    """What an error of urllib3 means. Raises `KlaviyoUnreachable` when there is no trusted connection."""
    import urllib3

    cause = getattr(error, "reason", None) or error
    if isinstance(cause, urllib3.exceptions.SSLError) and not _broke_off(cause):
        # Never fall back to an unprotected connection, and never try this one again.
        raise KlaviyoUnreachable(
            f"no trusted TLS connection to {host}: nothing was sent, check KLAVIYO_BASE_URL"
        ) from None
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return Failure("its name cannot be resolved")
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return Failure("cannot be reached")
    if isinstance(cause, urllib3.exceptions.ConnectTimeoutError):
        return Failure("cannot be reached in time")
    if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
        return Failure("no answer in time", may_have_arrived=True)
    return Failure("the connection broke", may_have_arrived=True)


def _broke_off(error: Exception) -> bool:
    """Whether a protected connection ended, as any other can; it was not a wrong one."""
    return any(isinstance(each, ssl.SSLEOFError | ssl.SSLZeroReturnError) for each in error.args)


def _holds(document: Mapping[str, Any], answer: Answer) -> bool:
    data = document.get("data")
    if answer == "collection":
        return isinstance(data, list) and all(isinstance(each, dict) and "id" in each for each in data)
    return answer == "nothing" or (isinstance(data, dict) and isinstance(data.get("id"), str))


def _document(data: bytes, kind: str) -> dict[str, Any] | None:
    """A JSON object from an answer that says it is JSON, else None."""
    if "json" not in kind:
        return None
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _problems(document: Mapping[str, Any]) -> list[ApiProblem]:
    errors = document.get("errors")
    return (
        [api_problem(each) for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    )


def api_problem(entry: Mapping[str, Any]) -> ApiProblem:
    """An entry of Klaviyo's `errors` or of a job's import errors; any part of it may be missing."""
    source = entry.get("source") or {}
    words = entry.get("detail") or entry.get("title") or ""
    return ApiProblem(
        code=str(entry.get("code") or "unknown"),
        detail=without_personal_data(str(words)),
        pointer=str(source.get("pointer") or "") if isinstance(source, Mapping) else "",
    )


def next_cursor(page: Mapping[str, Any]) -> str | None:
    """Where the page after this one begins. Only the cursor is taken: the key goes to no other host."""
    links = page.get("links")
    link = links.get("next") if isinstance(links, Mapping) else None
    return parse_qs(urlsplit(str(link)).query).get("page[cursor]", [None])[0] if link else None

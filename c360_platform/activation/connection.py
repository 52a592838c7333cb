"""One request to Klaviyo over the official SDK: limits, retries, time-outs, and answers as dictionaries.

Belongs here: everything about a request that does not depend on the endpoint. Does not belong here: the
endpoints (`transport`) and what an answer means for a row (`engine`).

The SDK (klaviyo-api 25) gives authentication, revision, URLs and the connection pool. Its typed methods are
not used: they build every profile several times (78 µs a row), raise after the server has accepted when an
answer has an unknown word, and retry by rules of their own on two levels.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from pydantic import SecretStr

from c360_platform.activation.errors import (
    ApiProblem,
    KlaviyoError,
    KlaviyoForbidden,
    KlaviyoRefused,
    KlaviyoUnauthorized,
    KlaviyoUnreachable,
    without_personal_data,
)
from c360_platform.activation.limits import Tier, account_limits, retry_after_seconds

_MEDIA_TYPE = "application/vnd.api+json"
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 60.0
# How often a request is tried when network or server fail, and how long it may take, throttling included.
_ATTEMPTS = 5
_PATIENCE_SECONDS = 300.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 20.0
_TRANSIENT = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})
Query = Mapping[str, str | int]
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint: what it does in words, its limit, the scopes it needs, the answers that mean success."""

    words: str
    method: str
    path: str
    tier: Tier
    scopes: str
    success: tuple[int, ...]
    has_body: bool = True


class OutcomeUnknown(KlaviyoUnreachable):
    """The connection broke after a request that must not be repeated blindly had left."""


@dataclass(slots=True)
class Traffic:
    """What a client has done so far."""

    requests: int = 0
    bytes_sent: int = 0
    throttled: int = 0
    waited_seconds: float = 0.0


class Connection:
    """Sends single requests. Thread-safe; clients with the same key and address share one budget."""

    def __init__(
        self,
        api_key: SecretStr | str,
        base_url: str,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
        _check_key(key)
        self.host = _check_address(base_url, key)
        self.traffic = Traffic()
        self._key = SecretStr(key)
        self._base_url = base_url.rstrip("/")
        self._limits = account_limits(base_url, key)
        self._patience = patience_seconds
        self._clock = clock
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"Connection({self.host!r})"

    def send(
        self,
        operation: Operation,
        *,
        id: str = "",  # noqa: A002  (the name that Klaviyo's paths have)
        query: Query | None = None,
        body: bytes | None = None,
        repeatable: bool = True,
    ) -> dict[str, Any]:
        """One successful answer as a dictionary (empty when the operation answers without a body).

        Throttling, server errors and broken connections are waited out within bounds. Raises
        `KlaviyoUnauthorized`, `KlaviyoForbidden`, `KlaviyoRefused` (the request's content),
        `KlaviyoUnreachable`, and `OutcomeUnknown` instead of trying again when it is not `repeatable`.
        """
        url, headers = self._address(operation, id, query)
        limiter = self._limits.of(f"{operation.method} {operation.path}", operation.tier)
        deadline = self._clock() + self._patience
        failures = throttles = 0
        while True:
            self.traffic.waited_seconds += limiter.wait()
            answer = self._attempt(operation, url, headers, body)
            if isinstance(answer, dict):
                return answer
            if answer.may_have_arrived and not repeatable:
                raise OutcomeUnknown(f"Klaviyo ({self.host}): {answer.reason}, could not {operation.words}")
            if answer.is_throttled:
                throttles += 1
                pause = _backoff(throttles) if answer.retry_after is None else answer.retry_after
                limiter.pause(pause)  # for everybody: the budget is the account's
            else:
                failures += 1
                pause = _backoff(failures)
            if failures >= _ATTEMPTS or self._clock() + pause > deadline:
                raise KlaviyoUnreachable(
                    f"Klaviyo ({self.host}): {answer.reason}, could not {operation.words}; "
                    "run the sync again later, it goes on where it stopped"
                )
            if not answer.is_throttled:
                self._sleep(pause)

    def pages(
        self,
        operation: Operation,
        *,
        id: str = "",  # noqa: A002
        query: Query | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Every page of a collection. Raises `KlaviyoUnreachable` when a page leads to itself."""
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            asked = {**(query or {}), **({"page[cursor]": cursor} if cursor else {})}
            page = self.send(operation, id=id, query=asked)
            yield page
            cursor = _next_cursor(page)
            if cursor is None:
                return
            if cursor in seen:
                raise KlaviyoUnreachable(
                    f"Klaviyo ({self.host}) leads {operation.words} in a circle of pages"
                )
            seen.add(cursor)

    @cached_property
    def _api(self) -> Any:
        """The SDK's client, made with the first request: its import takes half a second."""
        import urllib3
        from klaviyo_api import KlaviyoAPI

        sdk = KlaviyoAPI(self._key.get_secret_value(), test_host=self._base_url, max_retries=1)
        # The pool would retry by itself, and obey Retry-After a second time.
        no_retries = urllib3.Retry(0, redirect=False, respect_retry_after_header=False)
        sdk.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = no_retries
        return sdk.api_client

    def _address(
        self, operation: Operation, identifier: str, query: Query | None
    ) -> tuple[str, dict[str, str]]:
        _, url, headers, _, _ = self._api.param_serialize(
            operation.method,
            operation.path,
            path_params={"id": identifier} if identifier else None,
            query_params=list((query or {}).items()),
            header_params={"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE},
            auth_settings=["Klaviyo-API-Key"],
        )
        return url, headers

    def _attempt(
        self, operation: Operation, url: str, headers: dict[str, str], body: bytes | None
    ) -> dict[str, Any] | _Failure:
        import urllib3

        self.traffic.requests += 1
        self.traffic.bytes_sent += len(body or b"")
        try:
            response = self._api.rest_client.pool_manager.request(
                operation.method,
                url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
                redirect=False,
            )
        except urllib3.exceptions.SSLError:
            # Never fall back to an unprotected connection, and never try a broken one again.
            raise KlaviyoUnreachable(f"no trusted TLS connection to {self.host}: check the address") from None
        except urllib3.exceptions.HTTPError as error:
            return _connection_failure(error)
        return self._read(operation, response)

    def _read(self, operation: Operation, response: Any) -> dict[str, Any] | _Failure:
        status, data = response.status, response.data
        kind = response.headers.get("content-type", "no content type").split(";")[0]
        document = _document(data, kind)
        if status in operation.success:
            if not operation.has_body and kind != "text/html":
                return {}
            if isinstance(document, dict) and "data" in document:
                return document
        elif status == HTTPStatus.TOO_MANY_REQUESTS:
            self.traffic.throttled += 1
            wait = retry_after_seconds(response.headers.get("retry-after"), response.headers.get("date"))
            asked = "" if wait is None else f", asks to wait {wait:.0f} s"
            return _Failure(f"throttled{asked}", is_throttled=True, retry_after=wait)
        elif status == HTTPStatus.UNAUTHORIZED:
            raise KlaviyoUnauthorized(
                f"Klaviyo ({self.host}) does not accept the API key (401): check KLAVIYO_API_KEY"
            )
        elif status == HTTPStatus.FORBIDDEN and document is not None:
            raise KlaviyoForbidden(
                f"the API key must not {operation.words} (403): give it the scopes {operation.scopes}"
            )
        elif 400 <= status < 500 and status not in _TRANSIENT and document is not None:
            raise KlaviyoRefused(operation.words, status, _problems(document))
        # A page of a proxy, a server error, or a success that nobody can read: what was done is not known.
        return _Failure(f"answered {status} with {kind}", may_have_arrived=True)


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt that may be repeated."""

    reason: str
    may_have_arrived: bool = False
    is_throttled: bool = False
    retry_after: float | None = None


def _backoff(attempt: int) -> float:
    """Seconds before the next attempt: doubling, bounded, and never the same for two clients."""
    return min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311


def _connection_failure(error: Exception) -> _Failure:
    import urllib3

    cause = getattr(error, "reason", None) or error
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return _Failure("its name cannot be resolved")
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return _Failure("cannot be reached")
    if isinstance(cause, urllib3.exceptions.ConnectTimeoutError):
        return _Failure("cannot be reached in time")
    if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
        return _Failure(f"no answer within {_READ_SECONDS:.0f} s", may_have_arrived=True)
    return _Failure("the connection broke", may_have_arrived=True)


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
    return [api_problem(entry) for entry in document.get("errors") or [] if isinstance(entry, dict)]


def api_problem(entry: Mapping[str, Any]) -> ApiProblem:
    """An entry of Klaviyo's `errors` or of a job's import errors; any part of it may be missing."""
    source = entry.get("source") or {}
    words = entry.get("detail") or entry.get("title") or ""
    return ApiProblem(
        code=str(entry.get("code") or "unknown"),
        detail=without_personal_data(str(words)),
        pointer=str(source.get("pointer") or "") if isinstance(source, Mapping) else "",
    )


def _next_cursor(page: Mapping[str, Any]) -> str | None:
    link = (page.get("links") or {}).get("next")
    return parse_qs(urlsplit(link).query).get("page[cursor]", [None])[0] if link else None


def _check_key(key: str) -> None:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise KlaviyoUnauthorized("the Klaviyo API key is empty or has spaces in it: check KLAVIYO_API_KEY")


def _check_address(base_url: str, key: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise KlaviyoError(f"the Klaviyo address {base_url!r} is not a URL: use https://a.klaviyo.com")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not key.startswith("pk_demo"):
        raise KlaviyoError(
            f"the Klaviyo address at {parts.hostname} is not https: the key would travel in clear"
        )
    return parts.netloc.rpartition("@")[2]

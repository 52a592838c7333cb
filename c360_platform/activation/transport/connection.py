"""One request to Klaviyo over the official SDK: limits, retries, time-outs, and answers as dictionaries.

Belongs here: sending, waiting, asking again, pages. Does not belong here: reading an answer (`answers`), the
endpoints (`endpoints`, `client`) and what an answer means for a row (`engine`).

The SDK (klaviyo-api 25) gives authentication, revision, URLs and the connection pool. Its typed methods are
not used: they build every profile several times (78 µs a row), raise after the server has accepted when an
answer has an unknown word, and retry by rules of their own on two levels.
"""

from __future__ import annotations

import io
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from c360_platform.activation.errors import KlaviyoError, KlaviyoUnauthorized, KlaviyoUnreachable
from c360_platform.activation.transport.answers import Failure, next_cursor, read_answer, read_broken
from c360_platform.activation.transport.budget import Lane, Limiter, account_budget
from c360_platform.activation.transport.endpoints import Operation
from c360_platform.activation.transport.limits import LONGEST_WINDOW

_MEDIA_TYPE = "application/vnd.api+json"
# How often a request is tried when network or server fail.
_ATTEMPTS = 5
_LONGEST_BACKOFF = 20.0
# A body leaves in pieces, each within the time for connecting: a slow line may take long for 5 MB.
_PIECE_BYTES = 128 * 1024
# A page of a thousand events with long texts has some megabytes.
_MOST_BYTES = 256 * 2**20
# A page may be empty though another one follows; so many in a row lead nowhere.
_MOST_EMPTY_PAGES = 10
Query = Mapping[str, str | int]
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long things may take, in seconds.

    connect, read      one attempt: until the connection stands, until the next bytes of the answer
    first_backoff      before the second attempt; doubles from there
    longest_throttle   the most that a Retry-After is obeyed: Klaviyo's windows never last longer
    patience           one request with all its attempts, from when it may leave for the first time
    turn               until it may leave: others use up the account's limits
    """

    connect: float = 10.0
    read: float = 60.0
    first_backoff: float = 0.5
    longest_throttle: float = LONGEST_WINDOW
    patience: float = 300.0
    turn: float = 1_800.0


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
    """Sends single requests. Thread-safe; who has the same key and `budget_path` shares one budget.

    `lane` says who goes first when several wait for an endpoint. `patience_seconds` is short for bounds that
    differ in nothing else.
    """

    def __init__(
        self,
        api_key: SecretStr | str,
        base_url: str,
        *,
        lane: Lane = "profiles",
        budget_path: Path | None = None,
        bounds: Bounds | None = None,
        patience_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
        _check_key(key)
        self.host = _check_address(base_url, key)
        self.traffic = Traffic()
        self.bounds = bounds or Bounds()
        if patience_seconds is not None:
            self.bounds = replace(self.bounds, patience=patience_seconds)
        self._key = SecretStr(key)
        self._base_url = base_url.rstrip("/")
        self._budget = account_budget(base_url, key, budget_path)
        self._lane: Lane = lane
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
        limiter = self._budget.limiter(f"{operation.method} {operation.path}", operation.tier, self._lane)
        self._await_turn(limiter, operation, self._clock() + self.bounds.turn, "others use up its limits")
        deadline = self._clock() + self.bounds.patience
        failures = throttles = 0
        while True:
            answer = self._attempt(operation, url, headers, body, deadline)
            if isinstance(answer, dict):
                return answer
            if answer.may_have_arrived and not repeatable:
                raise OutcomeUnknown(f"Klaviyo ({self.host}): {answer.reason}, could not {operation.words}")
            if answer.is_throttled:
                throttles += 1
                self.traffic.throttled += 1
                # As long as asked; longer when that did not help.
                pause = max(answer.retry_after or 0.0, self._backoff(throttles))
                pause = min(pause, self.bounds.longest_throttle)
                limiter.pause(pause)  # for everybody: the budget is the account's
            else:
                failures += 1
                pause = self._backoff(failures)
            if failures >= _ATTEMPTS or self._clock() + pause > deadline:
                raise self._unreachable(operation, answer.reason)
            if not answer.is_throttled:
                self._sleep(pause)
            self._await_turn(limiter, operation, deadline, answer.reason)

    def _await_turn(self, limiter: Limiter, operation: Operation, deadline: float, reason: str) -> None:
        while (pause := limiter.reserve()) > 0:
            if self._clock() + pause > deadline:
                limiter.leave()
                raise self._unreachable(operation, reason)
            self._sleep(pause)
            self.traffic.waited_seconds += pause

    def _unreachable(self, operation: Operation, reason: str) -> KlaviyoUnreachable:
        return KlaviyoUnreachable(
            f"Klaviyo ({self.host}): {reason}, could not {operation.words}; "
            "run the sync again later, it goes on where it stopped"
        )

    def _backoff(self, attempt: int) -> float:
        """Seconds before the next attempt: doubling, bounded, and never the same for two clients."""
        longest = min(self.bounds.first_backoff * 2 ** (attempt - 1), _LONGEST_BACKOFF)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311

    def pages(
        self,
        operation: Operation,
        *,
        id: str = "",  # noqa: A002
        query: Query | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Every page of a collection. Raises `KlaviyoUnreachable` when its pages never end."""
        cursor: str | None = None
        seen: set[str] = set()
        empty = 0
        while True:
            asked = {**(query or {}), **({"page[cursor]": cursor} if cursor else {})}
            page = self.send(operation, id=id, query=asked)
            yield page
            cursor = next_cursor(page)
            if cursor is None:
                return
            empty = 0 if page["data"] else empty + 1
            if cursor in seen or empty > _MOST_EMPTY_PAGES:
                raise self._unreachable(operation, "its pages never end")
            seen.add(cursor)

    @cached_property
    def _api(self) -> Any:
        """The SDK's client, made with the first request: its import takes half a second."""
        import urllib3
        from klaviyo_api import KlaviyoAPI

        logging.getLogger("urllib3.connectionpool").addFilter(_without_query)
        sdk = KlaviyoAPI(self._key.get_secret_value(), test_host=self._base_url, max_retries=1)
        # The pool would retry by itself, and obey Retry-After a second time.
        no_retries = urllib3.Retry(0, redirect=False, respect_retry_after_header=False)
        pool = sdk.api_client.rest_client.pool_manager.connection_pool_kw
        pool.update(retries=no_retries, blocksize=_PIECE_BYTES)
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
        self, operation: Operation, url: str, headers: dict[str, str], body: bytes | None, deadline: float
    ) -> dict[str, Any] | Failure:
        import urllib3

        self.traffic.requests += 1
        self.traffic.bytes_sent += len(body or b"")
        if body is not None:
            headers = {**headers, "Content-Length": str(len(body))}
        try:
            response = self._api.rest_client.pool_manager.request(
                operation.method,
                url,
                body=None if body is None else io.BytesIO(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=self.bounds.connect, read=self.bounds.read),
                redirect=False,
                preload_content=False,
            )
            data = self._content(response, deadline)
        except urllib3.exceptions.HTTPError as error:
            return read_broken(self.host, error)
        if data is None:
            return Failure("its answer does not end", may_have_arrived=True)
        return read_answer(operation, self.host, response.status, response.headers, data)

    def _content(self, response: Any, deadline: float) -> bytes | None:
        """The body; None when it comes without end, or is larger than any answer of Klaviyo's."""
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_PIECE_BYTES, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > _MOST_BYTES or self._clock() > deadline:
                response.close()
                return None
        response.release_conn()
        return b"".join(pieces)


def _check_key(key: str) -> None:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise KlaviyoUnauthorized("the Klaviyo API key is empty or has spaces in it: check KLAVIYO_API_KEY")


def _check_address(base_url: str, key: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise KlaviyoError("the Klaviyo address is not a URL: use https://a.klaviyo.com")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not key.startswith("pk_demo"):
        raise KlaviyoError(
            f"the Klaviyo address at {parts.hostname} is not https: the key would travel in clear"
        )
    return parts.netloc.rpartition("@")[2]


def _without_query(record: logging.LogRecord) -> bool:
    """The pool writes whole URLs at DEBUG, and a look-up has addresses in its query."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            part.split("?", 1)[0] if isinstance(part, str) and "?" in part else part for part in record.args
        )
    return True

"""GET requests to one service: time-outs, retries, pacing, and errors a person can act on.

Belongs here: everything between a URL and a decoded page. Does not belong here: what a page means. Redirects
are not followed and links in answers are never requested, so credentials reach no other host.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
import urllib3

from dlt_pipelines.errors import (
    IngestionError,
    SourceForbidden,
    SourceProtocolError,
    SourceRejected,
    SourceUnauthorized,
    SourceUnavailable,
    SourceUnreachable,
)
from dlt_pipelines.journal import Journal
from dlt_pipelines.pacing import Pace

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_TIMEOUT_SECONDS: Final = (10, 120)  # connect, read
_ATTEMPTS: Final = 5
_CONNECT_ATTEMPTS: Final = 3
_LONGEST_PAUSE_SECONDS: Final = 300.0
_LONGEST_THROTTLING_SECONDS: Final = 900.0
# A page of a thousand tickets with long texts has some tens of megabytes.
_MOST_BYTES: Final = 256 * 2**20
_RETRIED: Final = frozenset({408, 409, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Service:
    """A service's name and what to do when it refuses the credentials, in the words of a message."""

    name: str
    unauthorized: str
    forbidden: str


class Decoder(Protocol[T_co]):
    """Turns an answer's bytes into a page."""

    def decode(self, content: bytes, /) -> T_co: ...


@dataclass(slots=True)
class Transport:
    """A session with one service at `base_url`; `headers` and `auth` hold the credentials."""

    service: Service
    base_url: str
    journal: Journal
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    sleep: Callable[[float], None] = time.sleep
    _session: requests.Session = field(default_factory=requests.Session, repr=False, init=False)
    _clock: tuple[datetime, float] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise IngestionError(
                f"{self.service.name}: the base URL must begin with https:// and name a host"
            )
        self.base_url = self.base_url.rstrip("/")
        self._session.auth = self._authorize
        self._session.headers["Accept-Encoding"] = "gzip"

    @property
    def host(self) -> str:
        """The host (and port) of the service, without path and credentials."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def now(self) -> datetime | None:
        """The service's own time, by its latest answer; None before the first.

        How far a source was read is compared with times that the service gave, so its clock counts, not ours.
        """
        if self._clock is None:
            return None
        at, heard = self._clock
        return at + timedelta(seconds=time.monotonic() - heard)

    def get(
        self,
        path: str,
        params: Mapping[str, Any],
        decoder: Decoder[T],
        *,
        pacer: Pace | None = None,
        raise_at_once: frozenset[int] = frozenset(),
    ) -> T:
        """One page, decoded. Retries what may pass; `raise_at_once` names statuses to leave to the caller.

        Raises an `IngestionError`: `SourceUnauthorized` and `SourceForbidden` at the first answer,
        `SourceRejected` on other 4xx, `SourceUnreachable`, `SourceUnavailable` and `SourceProtocolError`
        when retrying did not help.
        """
        attempt, refused, throttled = 0, 0, 0.0
        while True:
            while pacer is not None and (pause := pacer.reserve()) > 0:
                self._wait(f"{self.service.name}'s rate limit", pause)
            try:
                return self._get_once(path, params, decoder)
            except _Throttled as refusal:
                refused += 1
                reason = f"{self.service.name} answered 429"
                pause = refusal.pause if refusal.pause is not None else _backoff(refused)
                throttled += pause
                if pacer is not None:
                    pacer.pause(pause)  # the others would be refused alike
                if throttled > _LONGEST_THROTTLING_SECONDS:
                    raise SourceUnavailable(
                        f"{self.service.name} keeps answering 429 to GET {path}: something else uses up the "
                        "account's rate limit, load again later",
                        429,
                    ) from None
            except SourceUnavailable as error:
                attempt, reason = attempt + 1, f"{self.service.name} answered {error.status}"
                if attempt >= _ATTEMPTS or error.status in raise_at_once:
                    raise
                pause = _backoff(attempt)
            except SourceUnreachable:
                attempt, reason = attempt + 1, f"{self.service.name} did not answer"
                if attempt >= _CONNECT_ATTEMPTS:
                    raise
                pause = _backoff(attempt)
            except _Unreadable as error:
                attempt, reason = attempt + 1, f"{self.service.name}'s answer was broken"
                if attempt >= _ATTEMPTS:
                    raise SourceProtocolError(str(error)) from None
                pause = _backoff(attempt)
            self._wait(reason, pause)

    def _wait(self, reason: str, seconds: float) -> None:
        self.journal.waits(reason, seconds)
        self.sleep(seconds)

    def _get_once(self, path: str, params: Mapping[str, Any], decoder: Decoder[T]) -> T:
        name = self.service.name
        self.journal.requests += 1
        try:
            response = self._session.get(
                self.base_url + path,
                params=params,
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            )
            content = self._content(path, response)
        except (urllib3.exceptions.ProtocolError, urllib3.exceptions.DecodeError):
            raise _Unreadable(f"{name} GET {path}: the answer was cut off again and again") from None
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise SourceUnreachable(f"{name} at {self.host} did not answer in time: try again") from None
        except requests.exceptions.SSLError:
            raise SourceUnreachable(f"{name} at {self.host}: no secure connection, check the host") from None
        except requests.RequestException:
            raise SourceUnreachable(
                f"{name} at {self.host} cannot be reached: check the base URL and that the service is up"
            ) from None
        self._hear_time(response.headers.get("Date"))
        if response.status_code != 200:
            raise self._refusal(path, response)
        try:
            return decoder.decode(content)
        except msgspec.ValidationError as error:
            # msgspec names the field and the types, never the value
            raise SourceProtocolError(f"{name} GET {path}: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _Unreadable(f"{name} GET {path} answered 200 with something that is not JSON") from None

    def _content(self, path: str, response: requests.Response) -> bytes:
        """The whole body, unpacked; a body that would fill the memory is refused."""
        with response:
            content: bytes = response.raw.read(_MOST_BYTES + 1, decode_content=True)
        if len(content) > _MOST_BYTES:
            raise SourceProtocolError(
                f"{self.service.name} GET {path}: the answer is larger than {_MOST_BYTES // 2**20} MiB"
            )
        return content

    def _refusal(self, path: str, response: requests.Response) -> Exception:
        name, status = self.service.name, response.status_code
        if status == 429:
            self.journal.refusals += 1
            return _Throttled(retry_after(response.headers.get("Retry-After")))
        if status == 401:
            return SourceUnauthorized(f"{name} at {self.host} answered 401: {self.service.unauthorized}")
        challenged = (
            status == 403 and "cf-mitigated" in response.headers
        )  # a proxy's mood, not a missing right
        if status == 403 and not challenged:
            return SourceForbidden(f"{name} answered 403 to GET {path}: {self.service.forbidden}")
        if status in _RETRIED or challenged:
            return SourceUnavailable(f"{name} answered {status} to GET {path} again and again", status)
        return SourceRejected(f"{name} answered {status} to GET {path}", status)

    def _hear_time(self, date: str | None) -> None:
        try:
            heard = parsedate_to_datetime(date) if date else None
        except ValueError:
            return
        if heard is not None:
            self._clock = (heard if heard.tzinfo else heard.replace(tzinfo=UTC), time.monotonic())

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sets the credentials; being a callable it keeps requests from looking into ~/.netrc."""
        request.headers.update(self.headers)
        return requests.auth.HTTPBasicAuth(*self.auth)(request) if self.auth else request


class _Throttled(Exception):  # noqa: N818 - caught here, never seen outside
    """429; `pause` is what Retry-After asks for, in seconds, or None."""

    def __init__(self, pause: float | None) -> None:
        super().__init__()
        self.pause = pause


class _Unreadable(Exception):  # noqa: N818
    """An answer that was cut off, or a 200 that does not hold JSON, such as a proxy's page."""


def retry_after(text: str | None) -> float | None:
    """Seconds to wait: an integer, a float or an HTTP date; None when absent, unreadable or in the past."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text).astimezone(UTC) - datetime.now(UTC)).total_seconds()
        except ValueError:
            return None
    # `not >` also refuses NaN
    return None if not seconds > 0 else min(seconds, _LONGEST_PAUSE_SECONDS)


def _backoff(attempt: int) -> float:
    """Seconds before the next attempt: about 0.5, 1, 2, 4, …, spread so that clients do not march in step."""
    return min(0.25 * 2**attempt, 30.0) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret depends on it

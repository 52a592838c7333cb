"""What every Klaviyo endpoint has in common: key, revision, rate limit, scopes, body, errors, headers.

Belongs here: the way of a request from HTTP to a resource's function and back. Does not belong here: what a
resource is. A resource module lists `Endpoint`s whose functions take a `Call` and return an `Answer`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from c360_platform.sandbox.benchmark import Benchmark
from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.exchange import read_body
from c360_platform.sandbox.klaviyo import errors
from c360_platform.sandbox.klaviyo.import_work import work_off_jobs
from c360_platform.sandbox.klaviyo.settings import Key, KlaviyoSettings
from c360_platform.sandbox.limits import Allowance, Tier
from c360_platform.sandbox.store import Store

MEDIA_TYPE: Final = "application/vnd.api+json"
MAX_BODY_BYTES: Final = 5_000_000
_REVISION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(\.pre|\.beta)?")
_AUTHORIZATION: Final = re.compile(r"(Klaviyo-API-Key|Bearer) +(\S+)", re.IGNORECASE)


@dataclass(slots=True)
class Call:
    """One request on its way through a resource's function."""

    store: Store
    clock: Clock
    settings: KlaviyoSettings
    benchmark: Benchmark
    key: Key
    base: str  # "http://host:port", from the Host header
    path: str
    path_params: dict[str, str]
    params: QueryParams
    raw_body: bytes

    def body(self) -> Any:
        """The body as JSON. Raises a 400 when it is none, also for NaN and Infinity."""
        try:
            return orjson.loads(self.raw_body)
        except orjson.JSONDecodeError as error:
            raise errors.invalid(f"Invalid JSON: {error.msg} at character {error.pos}.") from None

    def link(self, path: str) -> str:
        return self.base + path

    def self_link(self, cursor: str | None = None) -> str:
        """The link to this very request, or with `cursor` to another page of it."""
        pairs = [(name, value) for name, value in self.params.multi_items() if name != "page[cursor]"]
        position = cursor or self.params.get("page[cursor]")
        if position:
            pairs.append(("page[cursor]", position))
        query = "?" + urlencode(pairs, quote_via=quote, safe="") if pairs else ""
        return self.base + self.path + query


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` None means an empty body."""

    status: int = 200
    body: Any = None


TierOf = Callable[[QueryParams], Tier]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation. `tier` may depend on the query: some additional fields cost more."""

    method: str
    path: str
    function: Callable[[Call], Answer]
    tier: Tier | TierOf
    scopes: tuple[str, ...]

    def route(self) -> Route:
        return Route(self.path, self._respond, methods=[self.method])

    async def _respond(self, request: Request) -> Response:
        state = request.app.state
        try:
            settings = KlaviyoSettings(state.store)
            key = _authenticate(request, settings)
            _check_revision(request)
        except errors.ApiError as error:
            return _error_response(error, {})
        tier = self.tier if isinstance(self.tier, Tier) else self.tier(request.query_params)
        allowance = state.limits.take(key.account, f"{self.method} {self.path} {tier.name}", tier)
        if not allowance.granted:
            throttled = errors.throttled(allowance.retry_after)
            return _error_response(throttled, {"Retry-After": str(allowance.retry_after)})
        headers = _limit_headers(allowance, tier)
        try:
            if not all(key.allows(scope) for scope in self.scopes):
                raise errors.permission_denied()
            encoding = request.headers.get("content-encoding", "identity")
            raw_body = await read_body(request.receive, MAX_BODY_BYTES)
            if encoding.lower() != "identity":
                raise errors.unsupported_encoding(encoding)
            if raw_body is None:
                raise errors.payload_too_large("5MB")
            call = Call(
                store=state.store,
                clock=state.clock,
                settings=settings,
                benchmark=state.benchmark,
                key=key,
                base=f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}",
                path=request.url.path,
                path_params=request.path_params,
                params=request.query_params,
                raw_body=raw_body,
            )
            work_off_jobs(call.store, call.clock)
            answer = self.function(call)
        except errors.ApiError as error:
            return _error_response(error, headers)
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        return Response(orjson.dumps(answer.body), answer.status, headers, MEDIA_TYPE)


def router_error(status: int) -> Response:
    """The answer to a path or a method that Klaviyo does not have."""
    if status == 404:
        return _error_response(errors.not_found("The path could not be found."), {})
    detail = "The method is not allowed for this path."
    return _error_response(errors.ApiError(status, errors.Problem(detail, code="method_not_allowed")), {})


def _authenticate(request: Request, settings: KlaviyoSettings) -> Key:
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", "").strip())
    if match is None:
        raise errors.not_authenticated()
    key = settings.key(match[2])
    if key is None:
        raise errors.authentication_failed()
    return key


def _check_revision(request: Request) -> None:
    revision = request.headers.get("revision", "")
    if not revision:
        raise errors.invalid("The 'revision' header is required, e.g. 'revision: 2026-10-15'.", "/data/")
    if not _REVISION.fullmatch(revision):
        raise errors.invalid(f"Invalid revision: '{revision}' is not in the form YYYY-MM-DD.", "/data/")


def _limit_headers(allowance: Allowance, tier: Tier) -> dict[str, str]:
    windows = ", ".join(f"{limit};w={seconds}" for limit, seconds in tier.windows)
    return {
        "RateLimit-Limit": f"{allowance.limit}, {windows}",
        "RateLimit-Remaining": str(allowance.remaining),
        "RateLimit-Reset": "0",  # recorded: always 0, as the burst window is a second
    }


def _error_response(error: errors.ApiError, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(error.body()), error.status, headers, MEDIA_TYPE)

"""What every Zendesk answer has in common: authentication, limits and their headers, error bodies, paths.

Belongs here: the wrapper around a handler. Does not belong here: paging and anything about one resource.
A handler answers with what msgspec encodes: stored JSON that is passed on unread is a `msgspec.Raw`.

Credentials: HTTP Basic `{email}/token:{api token}`, or `Bearer {OAuth access token}`. Any e-mail with a token
beginning with `demo` is an administrator; a token beginning with `demo_agent` is an agent, whom exports and
ratings refuse with 403.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from c360_platform.sandbox.limits import Allowance, Tier
from c360_platform.sandbox.zendesk.settings import ZendeskSettings, read_settings

Handler = Callable[[Request], dict[str, Any]]

PREFIX: Final = "/api/v2"
_ACCOUNT: Final = "zendesk"
_BAD_LOGIN: Final = {"error": "Couldn't authenticate you"}
_BAD_ACCESS_TOKEN: Final = {
    "error": "invalid_token",
    "error_description": (
        "The access token provided is expired, revoked, malformed or invalid for other reasons."
    ),
}


@dataclass
class ZendeskError(Exception):
    """An answer that is an error: `status`, and the `body` to send, as JSON or as plain text."""

    status: int
    body: dict[str, Any] | str


def invalid_value(description: str, *, status: int = 422) -> ZendeskError:
    """The error of a parameter that cannot be used."""
    return ZendeskError(status, {"error": "InvalidValue", "description": description})


def invalid_page(detail: str) -> ZendeskError:
    """The error of `page[size]`, `page[after]` or `cursor` that cannot be used (400)."""
    problem = {
        "code": "InvalidPaginationParameter",
        "title": "Invalid pagination parameter",
        "detail": detail,
    }
    return ZendeskError(400, {"errors": [problem]})


def not_found() -> ZendeskError:
    """The 404 of a record that does not exist, or of a child of a deleted ticket."""
    return ZendeskError(404, {"error": "RecordNotFound", "description": "Not found"})


def gateway_timeout() -> ZendeskError:
    """What Zendesk's gateway says when a page takes too long; it does not speak JSON."""
    return ZendeskError(504, "upstream request timeout")


@dataclass(frozen=True, slots=True)
class EndpointLimit:
    """A limit of one endpoint beside the account's; `name` as in its header, `text` as in its 429.

    `tier` None takes the one of incremental exports, which depends on the plan.
    """

    name: str
    text: str
    tier: Tier | None = None


# The header's name is documented for the list of tickets only; that of exports is formed alike (assumed).
EXPORTS: Final = EndpointLimit(
    "incremental-exports", "Number of allowed incremental export API requests per minute exceeded"
)
TICKETS_INDEX: Final = EndpointLimit(
    "tickets-index", "Number of allowed API requests per minute exceeded", Tier("tickets", ((100, 60),))
)


def get(
    path: str,
    handler: Handler,
    *,
    export: bool = False,
    admin: bool = False,
    limit: EndpointLimit | None = None,
) -> list[Route]:
    """Routes for `path` (below `/api/v2`) with and without `.json`.

    `export` counts the call against the limit of incremental exports, which are for administrators only.
    """
    own_limit = EXPORTS if export else limit

    def answer(request: Request) -> Response:
        settings = read_settings(request.app.state.store)
        refused, headers = _admit(request, settings, admin=admin or export, own_limit=own_limit)
        if refused is not None:
            return refused
        try:
            content = msgspec.json.encode(handler(request))
        except ZendeskError as error:
            return _error(error, headers)
        if export and settings.slow_page_bytes is not None and len(content) > settings.slow_page_bytes:
            return _error(gateway_timeout(), headers)
        return _json(200, content, headers)

    return [Route(f"{PREFIX}{path}{suffix}", answer, methods=["GET"]) for suffix in ("", ".json")]


def origin(request: Request) -> str:
    """Scheme and host as the client addressed them; links in answers are built from it."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


def now_s(request: Request) -> int:
    """Whole seconds since 1970 on the sandbox's clock."""
    return int(request.app.state.clock.now_s())


def path_id(request: Request) -> int:
    """The record's id in the path; 404 when it is no number."""
    text = str(request.path_params["id"])
    if not text.isdecimal() or len(text) > 18:
        raise not_found()
    return int(text)


def _admit(
    request: Request, settings: ZendeskSettings, *, admin: bool, own_limit: EndpointLimit | None
) -> tuple[Response | None, dict[str, str]]:
    """Check credentials, then limits; a refusal or None, and the headers of the answer."""
    scheme, token = _credentials(request)
    if token is None:
        body = _BAD_ACCESS_TOKEN if scheme == "bearer" else _BAD_LOGIN
        return _json(401, orjson.dumps(body), {}), {}
    limits = request.app.state.limits
    account = limits.take(_ACCOUNT, "account", settings.account_tier)
    headers = _limit_headers(account)
    if not account.granted:
        return _too_many(account, "Number of allowed API requests per minute exceeded", headers), headers
    if admin and token.startswith("demo_agent"):
        message = "You do not have access to this page. Please contact the account owner of this help desk."
        forbidden = {"error": {"title": "Forbidden", "message": message}}
        return _json(403, orjson.dumps(forbidden), headers), headers
    if own_limit is not None:
        allowance = limits.take(_ACCOUNT, own_limit.name, own_limit.tier or settings.export_tier)
        headers[f"zendesk-ratelimit-{own_limit.name}"] = (
            f"total={allowance.limit}; remaining={allowance.remaining}; resets={allowance.reset}"
        )
        if not allowance.granted:
            return _too_many(allowance, own_limit.text, headers), headers
    return None, headers


def _credentials(request: Request) -> tuple[str, str | None]:
    """The scheme in lower case, and the token; None when there is none that is accepted."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    scheme = scheme.lower()
    if scheme == "bearer":
        return scheme, value if value.startswith("demo") else None
    if scheme != "basic":
        return scheme, None
    try:
        user, _, token = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return scheme, None
    email, slash, word = user.rpartition("/")
    accepted = "@" in email and slash and word == "token" and token.startswith("demo")
    return scheme, token if accepted else None


def _limit_headers(allowance: Allowance) -> dict[str, str]:
    limit, remaining = str(allowance.limit), str(allowance.remaining)
    return {
        "X-Rate-Limit": limit,
        "X-Rate-Limit-Remaining": remaining,
        "ratelimit-limit": limit,
        "ratelimit-remaining": remaining,
        "ratelimit-reset": str(allowance.reset),
    }


def _too_many(allowance: Allowance, text: str, headers: dict[str, str]) -> Response:
    """A 429: its body is text, not JSON."""
    return PlainTextResponse(text, 429, headers | {"Retry-After": str(allowance.retry_after)})


def _error(error: ZendeskError, headers: dict[str, str]) -> Response:
    if isinstance(error.body, str):
        return PlainTextResponse(error.body, error.status, headers)
    return _json(error.status, orjson.dumps(error.body), headers)


def _json(status: int, content: bytes, headers: dict[str, str]) -> Response:
    return Response(content, status, headers, media_type="application/json; charset=utf-8")

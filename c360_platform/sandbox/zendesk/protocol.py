"""What every Zendesk answer has in common: authentication, limits and their headers, error bodies, paths.

Belongs here: the wrapper around a handler. Does not belong here: paging and anything about one resource.

Credentials: HTTP Basic `{email}/token:{api token}`. Any e-mail with a token beginning with `demo` is an
administrator; a token beginning with `demo_agent` is an agent, whom exports and ratings refuse with 403.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from c360_platform.sandbox.limits import ZENDESK_ACCOUNT, ZENDESK_EXPORT, Allowance

Handler = Callable[[Request], dict[str, Any]]

PREFIX: Final = "/api/v2"
_ACCOUNT: Final = "zendesk"


@dataclass
class ZendeskError(Exception):
    """An answer that is an error: `status` and the JSON `body` to send."""

    status: int
    body: dict[str, Any]


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


def get(path: str, handler: Handler, *, export: bool = False, admin: bool = False) -> list[Route]:
    """Routes for `path` (below `/api/v2`) with and without `.json`.

    `export` counts the call against the limit of incremental exports, which are for administrators only.
    """

    def answer(request: Request) -> Response:
        refused, headers = _admit(request, export=export, admin=admin or export)
        if refused is not None:
            return refused
        try:
            return _json(200, handler(request), headers)
        except ZendeskError as error:
            return _json(error.status, error.body, headers)

    return [Route(f"{PREFIX}{path}{suffix}", answer, methods=["GET"]) for suffix in ("", ".json")]


def origin(request: Request) -> str:
    """Scheme and host as the client addressed them; links in answers are built from it."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


def now_s(request: Request) -> int:
    """Whole seconds since 1970 on the sandbox's clock."""
    return int(request.app.state.clock.now_s())


def _admit(request: Request, *, export: bool, admin: bool) -> tuple[Response | None, dict[str, str]]:
    """Check credentials, then limits; a refusal or None, and the headers of the answer."""
    token = _api_token(request)
    if token is None:
        return _json(401, {"error": "Couldn't authenticate you"}, {}), {}
    account = request.app.state.limits.take(_ACCOUNT, "account", ZENDESK_ACCOUNT)
    headers = _limit_headers(account)
    if not account.granted:
        return _too_many(account, "Number of allowed API requests per minute exceeded", headers), headers
    if admin and token.startswith("demo_agent"):
        message = "You do not have access to this page. Please contact the account owner of this help desk."
        return _json(403, {"error": {"title": "Forbidden", "message": message}}, headers), headers
    if export:
        allowance = request.app.state.limits.take(_ACCOUNT, "incremental export", ZENDESK_EXPORT)
        if not allowance.granted:
            text = "Number of allowed incremental export API requests per minute exceeded"
            return _too_many(allowance, text, headers), headers
    return None, headers


def _api_token(request: Request) -> str | None:
    """The API token of a well-formed `{email}/token:{token}`; None when there is none that is accepted."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    email, slash, word = user.rpartition("/")
    accepted = "@" in email and slash and word == "token" and token.startswith("demo")
    return token if accepted else None


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


def _json(status: int, body: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json; charset=utf-8")

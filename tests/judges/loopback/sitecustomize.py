"""Sends an unmodified client's requests to the sandbox; Python imports this module when it starts.

`C360_JUDGED_SANDBOX` is the sandbox's URL. Requests to Klaviyo's and Zendesk's hosts go there with their own
Host header, so links in answers name the hosts that the client knows. No other host is reached: a name that
is not loopback does not resolve.
"""

import importlib.util
import os
import socket
from typing import Any
from urllib.parse import urlsplit, urlunsplit

_SANDBOX = urlsplit(os.environ.get("C360_JUDGED_SANDBOX", ""))
_JUDGED = ("zendesk.com", "klaviyo.com")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _redirected(url: str) -> tuple[str, str | None]:
    """The URL on the sandbox, and the host to name there; None for one that needs no redirection."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if not any(host == judged or host.endswith(f".{judged}") for judged in _JUDGED):
        return url, None
    return urlunsplit((_SANDBOX.scheme, _SANDBOX.netloc, parts.path, parts.query, parts.fragment)), host


def _redirect_requests() -> None:
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def send_to_sandbox(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        url, host = _redirected(request.url)
        if host is None:
            return send(self, request, *args, **kwargs)
        moved = request.copy()
        moved.url = url
        moved.headers["Host"] = host
        response = send(self, moved, *args, **kwargs)
        response.request, response.url = request, request.url
        return response

    HTTPAdapter.send = send_to_sandbox  # type: ignore[method-assign]


def _redirect_aiohttp() -> None:
    from aiohttp import ClientSession  # type: ignore[import-not-found]

    request = ClientSession._request

    async def request_of_sandbox(self: Any, method: str, url: Any, **kwargs: Any) -> Any:
        moved, host = _redirected(str(url))
        if host is not None:
            kwargs["headers"] = {**(kwargs.get("headers") or {}), "Host": host}
        return await request(self, method, moved, **kwargs)

    ClientSession._request = request_of_sandbox


def _resolve_loopback_only() -> None:
    resolve = socket.getaddrinfo

    def resolve_loopback(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name not in _LOOPBACK:
            raise socket.gaierror(f"a judge may reach the sandbox alone, not {name}")
        return resolve(host, *args, **kwargs)

    socket.getaddrinfo = resolve_loopback


if _SANDBOX.netloc:
    _resolve_loopback_only()
    if importlib.util.find_spec("requests"):
        _redirect_requests()
    if importlib.util.find_spec("aiohttp"):
        _redirect_aiohttp()

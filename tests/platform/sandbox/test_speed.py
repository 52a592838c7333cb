"""The client that measures the sandbox: it sends what it says, and takes no refusal for an answer."""

from __future__ import annotations

import pytest

from c360_platform.bench.keep_alive import http_request, repeat
from c360_platform.bench.processes import BenchError
from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import HEADERS, Http


def test_the_same_request_is_sent_as_often_as_asked(sandbox: Sandbox, http: Http) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    http.request("DELETE", "/sandbox/calls")
    repeat(port, http_request("GET", "/api/profiles", HEADERS), times=25, connections=4)
    assert sandbox.calls() == {"GET /api/profiles": 25}


def test_a_refusal_is_no_answer(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(BenchError, match=r"HTTP/1\.1 401"):
        repeat(port, http_request("GET", "/api/profiles", {"revision": "2026-10-15"}), times=1, connections=1)

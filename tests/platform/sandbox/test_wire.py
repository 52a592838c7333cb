"""What holds for every answer of the sandbox: its time, its compression, the bound on what it reads."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from c360_platform.sandbox.greeting import greeting
from c360_platform.sandbox.klaviyo.endpoint import MAX_BODY_BYTES
from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import Http, errors_of, import_now, profile_of
from tests.platform.sandbox.payloads import profile, row

ZENDESK = {"Authorization": "Basic YWdlbnRAc2FuZGJveC5leGFtcGxlL3Rva2VuOmRlbW8="}


def test_every_answer_carries_the_time_of_the_sandboxes_clock(sandbox: Sandbox, http: Http) -> None:
    moment = datetime(2031, 4, 5, 6, 7, 8, tzinfo=UTC)
    sandbox.clock.freeze()
    sandbox.clock.set(moment)
    try:
        for path in ("/api/profiles", "/api/nonsense", "/api/v2/ticket_fields.json", "/sandbox/state"):
            headers = http.request("GET", path).headers
            assert [parsedate_to_datetime(text) for text in headers.getlist("date")] == [moment]
    finally:
        sandbox.clock.reset()


def test_long_answers_are_compressed_for_clients_that_accept_it(sandbox: Sandbox, http: Http) -> None:
    import_now(sandbox, http, [row(f"gzip{number}@shop.example") for number in range(20)])
    plain = http.request("GET", "/api/profiles?page[size]=20")
    assert "content-encoding" not in plain.headers
    packed = http.pool.request(
        "GET",
        http.url + "/api/profiles?page[size]=20",
        headers={**http.headers, "Accept-Encoding": "gzip"},
        decode_content=False,
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 4
    assert gzip.decompress(packed.data) == plain.data
    short = http.request("GET", "/api/lists", **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in short.headers


def test_a_compressed_request_is_refused_without_unpacking_it(http: Http) -> None:
    body = gzip.compress(json.dumps(profile(email="gzip@shop.example")).encode())
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    for sent in (body, bomb):
        refused = http.request("POST", "/api/profiles", sent, **{"Content-Encoding": "gzip"})
        assert refused.status == 415
        assert refused.json()["errors"][0]["code"] == "unsupported_media_type"
    assert profile_of(http, "gzip@shop.example") is None


def test_a_body_above_5_mb_is_refused_and_not_kept(http: Http) -> None:
    fitting = b'{"padding": "' + b"x" * (MAX_BODY_BYTES - 15) + b'"}'
    assert len(fitting) == MAX_BODY_BYTES
    jobs = "/api/profile-bulk-import-jobs"
    errors_of(http, "POST", jobs, fitting, status=400)
    (error,) = errors_of(http, "POST", jobs, fitting + b" ", status=413)
    assert error["detail"] == "Payload must not exceed 5MB."


def test_every_command_of_the_greeting_works_as_it_is_printed(sandbox: Sandbox) -> None:
    text = greeting(sandbox.url, Path("sandbox.sqlite"), limits=True, benchmark=False)
    assert len(text.splitlines()) <= 32, "one screen"
    commands = re.findall(r"curl (?:[^;\n\\]|\\\n)+", text)
    assert len(commands) >= 7
    for command in commands:
        arguments = command.replace("curl", "curl -sS --fail-with-body", 1)
        shell = ["bash", "-c", arguments]
        done = subprocess.run(shell, check=False, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert sandbox.traffic.faults() == []
    sandbox.clock.reset()
    assert f'test_host="{sandbox.url}"' in text

"""The server around the sandbox's APIs: keys, limits, control, faults, restarts, ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from klaviyo_api import KlaviyoAPI

from c360_platform.sandbox.server import Sandbox, SandboxError, running_sandbox
from c360_platform.sandbox.store import StoreError
from tests.platform.sandbox.client import Http, errors_of, import_now, profile_of
from tests.platform.sandbox.payloads import import_job, named_list, profile, row

DEADLINE_SECONDS = 30


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox with its limits on and a clock that stands at the beginning of a day."""
    with running_sandbox(tmp_path / "sandbox.sqlite") as running:
        running.clock.freeze()
        running.clock.advance(86_400 - running.clock.now_us() / 1_000_000 % 86_400)
        yield running


def test_a_wrong_key_is_401_a_missing_scope_403_a_missing_revision_400(http: Http) -> None:
    url = http.url
    for authorization, code in (
        ("Klaviyo-API-Key pk_live_1234", "authentication_failed"),
        ("Basic pk_demo", "not_authenticated"),
    ):
        stranger = Http(url, {**http.headers, "Authorization": authorization})
        (error,) = errors_of(stranger, "GET", "/api/accounts", None, status=401)
        assert error["code"] == code
        assert "pk_live" not in str(error)
    reader = Http(url, {**http.headers, "Authorization": "Klaviyo-API-Key pk_demo_readonly_1"})
    reader.json("GET", "/api/profiles")
    (error,) = errors_of(reader, "POST", "/api/lists", named_list("No"), status=403)
    assert error["code"] == "permission_denied"
    http.json("POST", "/sandbox/keys", {"key": "pk_demo_lists", "scopes": ["lists:read"]}, status=204)
    scoped = Http(url, {**http.headers, "Authorization": "Bearer pk_demo_lists"})
    scoped.json("GET", "/api/lists")
    errors_of(scoped, "GET", "/api/profiles", None, status=403)
    http.json("POST", "/sandbox/keys", {"key": "pk_demo_other", "account": "OTHER1"}, status=204)
    other = Http(url, {**http.headers, "Authorization": "Klaviyo-API-Key pk_demo_other"})
    assert other.json("GET", "/api/accounts")["data"][0]["id"] == "OTHER1"
    without = Http(url, {"Authorization": http.headers["Authorization"]})
    (error,) = errors_of(without, "GET", "/api/accounts", None)
    assert "revision" in error["detail"]


def test_unknown_paths_and_methods_answer_in_the_words_of_the_api(http: Http) -> None:
    assert errors_of(http, "GET", "/api/nonsense", None, status=404)[0]["code"] == "not_found"
    assert errors_of(http, "PUT", "/api/profiles", None, status=405)[0]["code"] == "method_not_allowed"
    assert http.json("GET", "/api/v2/nonsense.json", status=404)["error"] == "InvalidEndpoint"
    errors_of(http, "POST", "/api/profiles", b'{"data": NaN}', status=400)


def test_paths_with_and_without_a_slash_are_one(http: Http) -> None:
    made = http.json("POST", "/api/lists/", named_list("Slash"), status=201)["data"]
    link = made["links"]["self"]
    assert link == f"{http.url}/api/lists/{made['id']}/"
    assert http.json("GET", link.removeprefix(http.url))["data"]["id"] == made["id"]


def test_burst_and_steady_limits_follow_the_clock(limited: Sandbox) -> None:
    http = Http(limited.url)
    first = http.request("GET", "/api/accounts")
    assert first.headers["ratelimit-limit"] == "1, 1;w=1, 15;w=60"
    assert first.headers["ratelimit-remaining"] == "0"
    refused = http.request("GET", "/api/accounts")
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert "ratelimit-limit" not in refused.headers
    (error,) = refused.json()["errors"]
    assert error["code"] == "throttled"
    assert error["detail"] == "Request was throttled. Expected available in 1 second."
    for _ in range(14):
        limited.clock.advance(1)
        assert http.request("GET", "/api/accounts").status == 200
    limited.clock.advance(1)
    refused = http.request("GET", "/api/accounts")
    assert (refused.status, refused.headers["retry-after"]) == (429, "45")
    shared = Http(limited.url, {**http.headers, "Authorization": "Klaviyo-API-Key pk_demo_second"})
    assert shared.request("GET", "/api/accounts").status == 429, "limits belong to the account"
    assert http.request("GET", "/api/lists").status == 200, "and to the endpoint"
    limited.clock.advance(45)
    assert http.request("GET", "/api/accounts").status == 200


def test_lists_are_limited_by_the_day_and_counts_of_members_cost_more(limited: Sandbox) -> None:
    http = Http(limited.url)
    answers = []
    for number in range(151):
        answers.append(http.request("POST", "/api/lists", named_list(f"List {number}")))
        limited.clock.advance(1)
    assert [answer.status for answer in answers] == [201] * 150 + [429]
    assert int(answers[-1].headers["retry-after"]) > 3600
    path = f"/api/lists/{answers[0].json()['data']['id']}"
    counted = f"{path}?additional-fields[list]=profile_count"
    assert [http.request("GET", counted).status for _ in range(2)] == [200, 429]
    assert http.request("GET", path).headers["ratelimit-limit"] == "75, 75;w=1, 750;w=60"


def test_the_sdk_waits_as_it_is_told(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "sandbox.sqlite") as sandbox:
        client = KlaviyoAPI("pk_demo_test", test_host=sandbox.url)
        for made in range(1, 20):  # two that are a second apart are both let through
            client.Accounts.get_accounts()
            if sandbox.calls()["GET /api/accounts"] > made:
                return
    pytest.fail("twenty calls, and none was told to wait")


def test_calls_are_counted_by_template_and_can_be_forgotten(http: Http) -> None:
    http.request("DELETE", "/sandbox/calls")
    http.request("GET", "/api/lists/NoList")
    http.request("GET", "/api/lists/Another/")
    http.request("GET", "/api/nonsense")
    assert http.json("GET", "/sandbox/calls") == {"GET (unknown path)": 1, "GET /api/lists/{id}": 2}
    http.request("DELETE", "/sandbox/calls")
    assert http.json("GET", "/sandbox/calls") == {}


def test_faults_hit_before_or_after_a_request_is_carried_out(http: Http) -> None:
    fault = {"status": 503, "method": "POST", "path": "/api/profiles", "body": "<html>", "times": 1}
    http.json("POST", "/sandbox/faults", fault, status=204)
    answer = http.request("POST", "/api/profiles", profile(email="fault@shop.example"))
    assert (answer.status, answer.data) == (503, b"<html>")
    assert profile_of(http, "fault@shop.example") is None
    http.json("POST", "/sandbox/faults", {**fault, "status": 502, "when": "after"}, status=204)
    assert http.request("POST", "/api/profiles", profile(email="fault@shop.example")).status == 502
    assert profile_of(http, "fault@shop.example") is not None
    assert http.json("GET", "/sandbox/state")["faults"] == []
    http.json("POST", "/sandbox/faults", {"stauts": 500}, status=400)


def test_everything_survives_a_restart_with_a_job_still_queued(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite"
    with running_sandbox(path, limits=False) as sandbox:
        http = Http(sandbox.url)
        import_now(sandbox, http, [row("before@shop.example")])
        http.json("POST", "/sandbox/imports", {"delay_seconds": 3600})
        body = import_job([row("queued@shop.example")])
        job_id = http.json("POST", "/api/profile-bulk-import-jobs", body, status=202)["data"]["id"]
        sandbox.clock.advance(10 * 24 * 3600 - 60)
        sandbox.clock.freeze()
        then = sandbox.clock.now()
    assert not path.with_name("sandbox.sqlite-wal").exists(), "everything is in the one file"
    with running_sandbox(path, limits=False) as sandbox:
        http = Http(sandbox.url)
        assert sandbox.clock.now() == then
        sandbox.clock.advance(-10 * 24 * 3600 + 60)
        assert profile_of(http, "before@shop.example") is not None
        assert profile_of(http, "queued@shop.example") is None
        sandbox.clock.advance(3600)
        job = http.json("GET", f"/api/profile-bulk-import-jobs/{job_id}")["data"]
        assert job["attributes"]["status"] == "complete"
        assert profile_of(http, "queued@shop.example") is not None


def test_what_was_accepted_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = (
        "import sys; from pathlib import Path; from c360_platform.sandbox.server import serve; "
        "serve(Path(sys.argv[1]), int(sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, str(path), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        greeting = process.stdout.readline() if process.stdout is not None else ""
        assert f"http://127.0.0.1:{port}" in greeting
        http = Http(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                http.request("GET", "/sandbox/state")
                break
            except Exception:  # noqa: BLE001  the server is still starting
                assert time.monotonic() < deadline
                time.sleep(0.05)
        http.json("POST", "/sandbox/imports", {"delay_seconds": 0.5})
        body = import_job(row(f"kill{index}@shop.example") for index in range(500))
        job_id = http.json("POST", "/api/profile-bulk-import-jobs", body, status=202)["data"]["id"]
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    with running_sandbox(path, limits=False) as sandbox:
        sandbox.settle()
        job = Http(sandbox.url).json("GET", f"/api/profile-bulk-import-jobs/{job_id}")["data"]
        assert job["attributes"]["completed_count"] == 500
        assert sandbox.store.value("select count(*) from kl_profile") == 500


def test_a_port_in_use_and_a_file_that_is_none_are_one_clear_error(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "sandbox.sqlite") as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with (
            pytest.raises(SandboxError, match=f"127.0.0.1:{port}.*--port"),
            running_sandbox(tmp_path / "second.sqlite", port=port),
        ):
            pass
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"not a database, but long enough to be taken for one" * 40)
    with pytest.raises(StoreError, match=r"broken\.sqlite"), running_sandbox(broken):
        pass

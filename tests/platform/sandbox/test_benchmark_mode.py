"""Benchmark mode: bulk writes are checked, limited and counted, and nothing of them is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from c360_platform.sandbox.server import Sandbox, running_sandbox
from tests.platform.sandbox.client import Http, errors_of, new_list
from tests.platform.sandbox.payloads import event_entry, event_job, import_job, members, row

JOBS = "/api/profile-bulk-import-jobs"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    path: Path = tmp_path_factory.mktemp("benchmark") / "sandbox.sqlite"
    with running_sandbox(path, limits=False, benchmark=True) as running:
        yield running


def counts(http: Http) -> dict[str, int]:
    found: dict[str, int] = http.json("GET", "/sandbox/state")["benchmark"]["counts"]
    return found


def test_bulk_writes_are_counted_and_their_jobs_complete(sandbox: Sandbox, http: Http) -> None:
    http.json("POST", "/sandbox/benchmark", {"reset": True})
    list_id = new_list(http, "Counted")
    body = import_job((row(f"b{number}@shop.example") for number in range(300)), list_id)
    accepted = http.json("POST", JOBS, body, status=202)["data"]
    assert (accepted["attributes"]["status"], accepted["attributes"]["completed_count"]) == ("queued", 0)
    job = http.json("GET", f"{JOBS}/{accepted['id']}")["data"]
    found = {name: job["attributes"][name] for name in ("status", "total_count", "completed_count")}
    assert found == {"status": "complete", "total_count": 300, "completed_count": 300}
    assert job["attributes"]["failed_count"] == 0
    assert job["relationships"]["lists"]["data"] == [{"type": "list", "id": list_id}]
    assert http.json("GET", f"{JOBS}/{accepted['id']}/import-errors")["data"] == []
    entries = [event_entry(f"e{n}@shop.example", "Shipped", {"unique_id": "1"}, {}) for n in range(50)]
    assert http.request("POST", "/api/event-bulk-create-jobs", event_job(*entries)).status == 202
    path = f"/api/lists/{list_id}/relationships/profiles"
    assert http.request("POST", path, members("A", "B", "C")).status == 204
    assert http.request("DELETE", path, members("A")).status == 204
    seen = counts(http)
    assert seen.pop("bytes") > len(json.dumps(body))
    assert seen == {"imports": 1, "profiles": 300, "events": 100, "members_added": 3, "members_removed": 1}
    rows = http.json("GET", "/sandbox/state")["rows"]
    assert [rows[table] for table in ("kl_profile", "kl_event", "kl_list_member")] == [0, 0, 0]


def test_what_breaks_a_rule_is_refused_in_the_usual_words_and_not_counted(http: Http) -> None:
    http.json("POST", "/sandbox/benchmark", {"reset": True})
    rows = [row("fine@shop.example"), row("not an address")]
    (error,) = errors_of(http, "POST", JOBS, import_job(rows))
    assert error["source"]["pointer"] == "/data/attributes/profiles/data/1/attributes/email"
    errors_of(http, "POST", JOBS, import_job(row(f"{n}@shop.example") for n in range(10_001)))
    errors_of(http, "POST", JOBS, import_job([row("big@shop.example", properties={"p": "x" * 100_001})]))
    errors_of(http, "POST", JOBS, import_job([row("list@shop.example")], "NoList"))
    errors_of(http, "POST", JOBS, b'{"data": "' + b"x" * 5_000_000 + b'"}', status=413)
    too_many = members(*map(str, range(1_001)))
    errors_of(http, "POST", f"/api/lists/{new_list(http, 'Full')}/relationships/profiles", too_many)
    errors_of(http, "POST", "/api/lists/NoList/relationships/profiles", members("A"), status=404)
    entries = [event_entry("e@shop.example", "Shipped", *({} for _ in range(1_001)))]
    errors_of(http, "POST", "/api/event-bulk-create-jobs", event_job(*entries))
    assert counts(http) == {}


def test_limits_hold_and_the_mode_can_be_left(sandbox: Sandbox, http: Http) -> None:
    body = import_job([row("limits@shop.example")])
    http.json("POST", "/sandbox/limits", {"enabled": True, "reset": True})
    sandbox.clock.freeze()
    statuses = [http.request("POST", JOBS, body).status for _ in range(11)]
    assert statuses == [202] * 10 + [429]
    http.json("POST", "/sandbox/limits", {"enabled": False})
    sandbox.clock.reset()
    http.json("POST", "/sandbox/benchmark", {"enabled": False})
    http.json("POST", JOBS, body, status=202)
    sandbox.settle()
    assert http.json("GET", "/sandbox/state")["rows"]["kl_profile"] == 1

"""Wrong keys, dead servers, throttling, locked files: one clear line, and nothing half done."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from email.utils import formatdate
from typing import Any

import pytest

from c360_platform.activation.errors import (
    KlaviyoForbidden,
    KlaviyoUnauthorized,
    KlaviyoUnreachable,
    SyncRefused,
)
from c360_platform.activation.transport import Klaviyo
from c360_platform.sandbox.traffic import Fault
from c360_platform.warehouse import WarehouseLocked
from c360_platform.warehouse.duckdb import DuckDBWarehouse
from tests.platform.sync.shop import PROFILES, SEGMENT, Shop, person

IMPORT = "/api/profile-bulk-import-jobs"
JSON = {"content-type": "application/vnd.api+json"}


def states(shop: Shop) -> int:
    return int(shop.ledger("select count(*) as n from c360_sync.state")[0]["n"])


def test_a_wrong_key_is_one_line_without_the_key(shop: Shop) -> None:
    shop.profiles([person(1)])
    shop.klaviyo = Klaviyo("wrong_key_0815", shop.sandbox.url)

    with pytest.raises(KlaviyoUnauthorized, match="check KLAVIYO_API_KEY") as caught:
        shop.run(PROFILES)

    assert "wrong_key_0815" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert states(shop) == 0
    run = shop.ledger("select status, message from c360_sync.runs")
    assert run == [{"status": "failed", "message": str(caught.value)}]


def test_a_missing_scope_is_named_and_the_next_run_with_a_better_key_goes_on(shop: Shop) -> None:
    shop.profiles([person(1)])
    good = shop.klaviyo
    shop.klaviyo = Klaviyo("pk_demo_readonly", shop.sandbox.url)
    with pytest.raises(KlaviyoForbidden, match="profiles:write, lists:write"):
        shop.run(PROFILES)
    assert (states(shop), shop.imported_rows()) == (0, [])

    shop.klaviyo = good
    assert shop.run(PROFILES).confirmed == 1


def test_a_server_that_is_down_fails_in_bounded_time(shop: Shop) -> None:
    shop.profiles([person(1)])
    shop.klaviyo = Klaviyo("pk_demo", "http://127.0.0.1:9", patience_seconds=1)
    started = time.monotonic()

    with pytest.raises(KlaviyoUnreachable, match=r"127\.0\.0\.1:9\): cannot be reached"):
        shop.run(PROFILES)

    assert time.monotonic() - started < 10
    assert states(shop) == 0


def test_a_page_instead_of_an_answer_is_not_taken_for_success(shop: Shop) -> None:
    page = Fault(
        status=200, method="POST", path=IMPORT, times=99, body="<html>", headers={"content-type": "text/html"}
    )
    shop.sandbox.traffic.add_fault(page)
    shop.profiles([person(1)])
    shop.klaviyo = Klaviyo("pk_demo", shop.sandbox.url, patience_seconds=1)

    with pytest.raises(KlaviyoUnreachable, match="answered 200 with text/html"):
        shop.run(PROFILES)

    assert (states(shop), shop.imported_rows()) == (0, [])


def test_throttling_is_waited_out_in_every_spelling(shop: Shop) -> None:
    for header in (
        {"retry-after": "1"},
        {"retry-after": "0.3"},
        {"retry-after": formatdate(usegmt=True)},
        {},
    ):
        shop.sandbox.traffic.add_fault(
            Fault(status=429, method="POST", path=IMPORT, headers={**JSON, **header})
        )
    for status in (500, 503):
        shop.sandbox.traffic.add_fault(Fault(status=status, method="POST", path=IMPORT))
    shop.profiles([person(1)])
    started = time.monotonic()

    assert shop.run(PROFILES).confirmed == 1

    assert time.monotonic() - started > 1.3
    assert shop.calls()[f"POST {IMPORT}"] == 7
    assert shop.klaviyo.traffic.throttled == 4


def test_a_pause_longer_than_our_patience_ends_the_run_at_once(shop: Shop) -> None:
    shop.sandbox.traffic.add_fault(
        Fault(status=429, method="POST", path=IMPORT, headers={**JSON, "retry-after": "86400"})
    )
    shop.profiles([person(1)])

    with pytest.raises(KlaviyoUnreachable, match="asks to wait 86400 s"):
        shop.run(PROFILES)


def test_a_body_that_is_refused_as_a_whole_rejects_nobody(shop: Shop) -> None:
    problem = {"errors": [{"id": "1", "code": "invalid", "title": "Invalid input.", "detail": "No."}]}
    pointed = {"errors": [{**problem["errors"][0], "source": {"pointer": "/data/relationships"}}]}
    shop.profiles([person(number) for number in range(1, 40)])
    for body, most_calls in ((pointed, 1), (problem, 20)):
        shop.sandbox.traffic.add_fault(
            Fault(status=400, method="POST", path=IMPORT, times=99, headers=JSON, body=json.dumps(body))
        )
        with pytest.raises(SyncRefused, match="No"):
            shop.run(PROFILES)
        assert shop.calls()[f"POST {IMPORT}"] <= most_calls
        assert (shop.rejections(), states(shop)) == ({}, 0)
        shop.sandbox.traffic.forget_faults()

    assert shop.run(PROFILES).confirmed == 39


def test_a_row_that_no_pointer_names_is_found_by_halving(shop: Shop) -> None:
    problem = {"errors": [{"id": "1", "code": "invalid", "title": "Invalid input.", "detail": "One is bad."}]}
    refused: dict[str, Any] = {
        "status": 400,
        "method": "POST",
        "path": IMPORT,
        "headers": JSON,
        "body": json.dumps(problem),
    }
    shop.sandbox.traffic.add_fault(Fault(times=5, **refused))  # 16, 8, 4, 2, 1: always the first half
    shop.profiles([person(number) for number in range(1, 17)])

    report = shop.run(PROFILES)

    assert (report.confirmed, report.rejected) == (15, 1)
    assert list(shop.rejections().values()) == ["One is bad."]
    assert len(shop.klaviyo_profiles()) == 15


def test_rows_refused_before_a_body_is_halved_stay_refused(shop: Shop) -> None:
    second = {
        "code": "invalid",
        "detail": "The second is bad.",
        "source": {"pointer": "/data/attributes/profiles/data/1/attributes/email"},
    }
    body = json.dumps({"errors": [{"id": "1", "title": "Invalid input.", **second}]})
    shop.sandbox.traffic.add_fault(
        Fault(status=400, method="POST", path=IMPORT, times=3, headers=JSON, body=body)
    )
    shop.profiles([person(number) for number in range(1, 10)])

    report = shop.run(PROFILES)

    # They stand between the rows that went through in the first half.
    assert (report.confirmed, report.rejected, states(shop)) == (6, 3, 6)
    assert len(shop.rejections()) == 3
    assert len(shop.klaviyo_profiles()) == 6


def test_a_list_that_vanishes_between_plan_and_send_stops_that_sync(shop: Shop) -> None:
    shop.segment([f"person{number}@shop.example" for number in range(1, 4)])
    real = shop.klaviyo.create_list

    def made_and_deleted(name: str) -> str:
        list_id = real(name)
        shop.api.Lists.delete_list(list_id)
        return list_id

    shop.klaviyo.create_list = made_and_deleted  # type: ignore[method-assign]
    with pytest.raises(SyncRefused, match="does not exist"):
        shop.run(SEGMENT)
    assert (shop.rejections(), states(shop)) == ({}, 0)

    shop.klaviyo.create_list = real  # type: ignore[method-assign]
    assert shop.run(SEGMENT).by_operation == {"add": 3}


def test_a_warehouse_that_another_process_holds_is_waited_for_and_then_named(shop: Shop) -> None:
    shop.profiles([person(1)])
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\n"
            "held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline()",
            str(shop.warehouse.path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        shop.warehouse = DuckDBWarehouse(shop.warehouse.path, lock_wait_seconds=0.3)
        with pytest.raises(WarehouseLocked, match=rf"warehouse\.duckdb is locked by process {holder.pid} "):
            shop.run(PROFILES)
        assert shop.calls() == {}
    finally:
        holder.communicate("\n", timeout=30)
    assert shop.run(PROFILES).confirmed == 1

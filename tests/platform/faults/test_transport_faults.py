"""Broken connections, unreadable answers, throttling, wrong keys and addresses: exact afterwards, or held."""

from __future__ import annotations

import json
import logging
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from c360_platform.activation import payloads
from c360_platform.activation.errors import KlaviyoForbidden, KlaviyoUnauthorized, KlaviyoUnreachable
from c360_platform.activation.transport.client import Klaviyo
from c360_platform.activation.transport.connection import Bounds
from c360_platform.sandbox.traffic import Fault
from tests.platform.faults.servers import answering, drink_slowly, drip, make_certificate, refuse_key
from tests.platform.sync.shop import EVENTS, KEY, NOW, PROFILES, SEGMENT, Shop, person

IMPORT = "/api/profile-bulk-import-jobs"
SEND_EVENTS = "/api/event-bulk-create-jobs"
LISTS = "/api/lists"
REMOVE = "/api/lists/{id}/relationships/profiles"
JSON = {"content-type": "application/vnd.api+json"}
PEOPLE = [person(number) for number in range(1, 7)]
EMAILS = [str(row["email"]) for row in PEOPLE]
SHIPMENTS = [
    {
        "event_id": f"event-{number}",
        "email": f"person{number}@shop.example",
        "event_name": "Package Shipped",
        "event_timestamp": NOW - timedelta(hours=number),
        "carrier": "dhl",
    }
    for number in range(1, 7)
]
PROFILE = {"type": "profile", "attributes": {"email": "ann@shop.example"}}
IMPORT_JOB = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": [PROFILE]}}}
BODY = json.dumps({"data": IMPORT_JOB}).encode()
QUICK = Bounds(connect=1.0, read=0.3, first_backoff=0.02, longest_throttle=0.3, patience=5.0)


def quick(shop: Shop, key: str = KEY, url: str = "", **bounds: float) -> Shop:
    """The same shop with a client that waits for little."""
    shop.klaviyo = Klaviyo(key, url or shop.sandbox.url, bounds=replace(QUICK, **bounds))
    return shop


replaced = msgspec.structs.replace


def states(shop: Shop) -> int:
    return int(shop.ledger("select count(*) as n from c360_sync.state")[0]["n"])


def last_run(shop: Shop) -> dict[str, Any]:
    return shop.ledger("select status, message from c360_sync.runs order by run_id desc limit 1")[0]


def walk_all_lanes(shop: Shop, *faults: Fault) -> None:
    """Every lane meets the faults in its first requests that write, and the end is exact all the same."""
    for method, path in (("POST", IMPORT), ("POST", SEND_EVENTS), ("POST", LISTS), ("DELETE", REMOVE)):
        for fault in faults:
            shop.sandbox.traffic.add_fault(replaced(fault, method=method, path=path))
    shop.profiles(PEOPLE)
    shop.events(SHIPMENTS)
    shop.segment(EMAILS)

    reports = [shop.run(spec) for spec in (PROFILES, EVENTS, SEGMENT)]
    shop.segment(EMAILS[:5])
    reports.append(shop.run(SEGMENT))

    assert [report.by_operation for report in reports] == [
        {"create": 6},
        {"event": 6},
        {"add": 6},
        {"remove": 1},
    ]
    assert [report.pending + report.rejected for report in reports] == [0] * 4
    found = shop.klaviyo_profiles()
    assert {email: entry["first_name"] for email, entry in found.items()} == {
        row["email"]: row["first_name"] for row in PEOPLE
    }
    assert [event["unique_id"] for event in shop.recorded_events()] == [row["event_id"] for row in SHIPMENTS]
    assert shop.members(shop.list_id()) == set(EMAILS[:5])
    assert all(left["kind"] != faults[0].kind for left in shop.sandbox.traffic.faults())


def test_case_04_what_klaviyo_took_before_the_connection_ended_is_not_doubled(shop: Shop) -> None:
    walk_all_lanes(quick(shop), Fault(kind="drop", when="after"))

    shop.calls()
    assert [shop.run(spec).planned for spec in (PROFILES, EVENTS, SEGMENT)] == [0] * 3
    assert shop.calls() == {}


def test_case_05_a_reset_or_half_an_answer_is_an_unknown_outcome(shop: Shop) -> None:
    walk_all_lanes(
        quick(shop),
        Fault(kind="drop", when="after", reset=True),
        Fault(kind="half_response"),
        Fault(kind="half_response", reset=True),
    )


def test_case_06_an_accepted_import_with_an_unreadable_answer_is_sent_again_and_exact(shop: Shop) -> None:
    for unreadable in (
        Fault(kind="html", status=202, when="after"),
        Fault(kind="truncated_json"),
        Fault(202, headers=JSON, when="after", body='{"data": null}'),
        Fault(202, headers=JSON, when="after", body='{"data": {"type": "profile-bulk-import-job"}}'),
    ):
        shop.sandbox.traffic.add_fault(replaced(unreadable, method="POST", path=IMPORT))
    shop.profiles(PEOPLE)

    report = quick(shop).run(PROFILES)

    assert (report.confirmed, report.rejected, report.pending) == (6, 0, 0)
    assert shop.imported_rows() == [6] * 5  # the same rows: importing them again changes nothing
    assert set(shop.klaviyo_profiles()) == set(EMAILS)


def test_case_07_a_page_instead_of_an_answer_marks_nothing_as_sent(shop: Shop) -> None:
    shop.events(SHIPMENTS)
    shop.sandbox.traffic.add_fault(Fault(kind="html", method="POST", path=SEND_EVENTS, times=99))

    with pytest.raises(KlaviyoUnreachable, match="answered 200 with text/html"):
        quick(shop).run(EVENTS)

    assert shop.ledger("select status from c360_sync.batches") == [{"status": "planned"}]
    assert (states(shop), shop.recorded_events()) == (0, [])
    shop.sandbox.traffic.forget_faults()
    assert shop.run(EVENTS).confirmed == 6


def test_case_08_no_answer_ends_in_time_and_what_was_done_is_not_doubled(shop: Shop) -> None:
    for path in (IMPORT, SEND_EVENTS):
        shop.sandbox.traffic.add_fault(Fault(kind="no_answer", when="after", method="POST", path=path))
    shop.profiles(PEOPLE)
    shop.events(SHIPMENTS)

    reports = [quick(shop).run(spec) for spec in (PROFILES, EVENTS)]

    assert [(report.confirmed, report.pending) for report in reports] == [(6, 0)] * 2
    assert set(shop.klaviyo_profiles()) == set(EMAILS)
    assert [event["unique_id"] for event in shop.recorded_events()] == [row["event_id"] for row in SHIPMENTS]


def test_case_08_a_server_that_never_answers_ends_the_run_in_bounded_time(shop: Shop) -> None:
    shop.sandbox.traffic.add_fault(Fault(kind="no_answer", method="POST", path=IMPORT, times=99))
    shop.profiles(PEOPLE)
    started = time.monotonic()

    with pytest.raises(KlaviyoUnreachable, match="no answer in time"):
        quick(shop, read=0.1).run(PROFILES)

    assert time.monotonic() - started < 30
    assert shop.calls()[f"POST {IMPORT}"] == 5
    assert states(shop) == 0


def test_case_08_an_answer_that_drips_for_ever_ends_too() -> None:
    with answering(drip) as url, pytest.raises(KlaviyoUnreachable, match="its answer does not end"):
        Klaviyo(KEY, url, bounds=replace(QUICK, patience=0.4)).start_import(BODY)


def test_case_08_a_server_that_is_down_is_named_after_a_bounded_number_of_attempts() -> None:
    client = Klaviyo(KEY, "http://127.0.0.1:9", bounds=QUICK)

    with pytest.raises(KlaviyoUnreachable, match=r"127\.0\.0\.1:9\): cannot be reached"):
        client.start_import(BODY)

    assert client.traffic.requests == 5


def test_case_16_throttling_is_obeyed_in_every_spelling_and_never_longer_than_a_window(shop: Shop) -> None:
    spellings: list[int | float | str | None] = [
        *(1, 0.1, 0, -5, 86_400, None, "soon", "1e999", "nan", "Thu, 01 Jan 1970 00:00:00 GMT"),
        format_datetime(datetime.now(UTC) + timedelta(days=9), usegmt=True),
    ]
    for told in spellings:
        shop.sandbox.traffic.add_fault(Fault(kind="throttle", method="POST", path=IMPORT, retry_after=told))
    shop.profiles(PEOPLE)
    quick(shop, longest_throttle=0.12, first_backoff=0.01)
    started = time.monotonic()

    assert shop.run(PROFILES).confirmed == 6

    assert shop.klaviyo.traffic.throttled == len(spellings)
    assert shop.klaviyo.traffic.waited_seconds >= 3 * 0.12 + 0.1  # 1, 86,400 and nine days were cut to 0.12
    assert time.monotonic() - started < 30
    assert shop.imported_rows() == [6]


def test_case_16_a_pause_of_some_seconds_is_waited_out_to_its_end(shop: Shop) -> None:
    shop.sandbox.traffic.add_fault(Fault(kind="throttle", method="POST", path=IMPORT, retry_after=0.6))
    client = quick(shop, longest_throttle=60).klaviyo

    client.start_import(BODY)

    assert 0.55 < client.traffic.waited_seconds < 6


def test_case_16_a_storm_without_end_stops_in_bounded_time_and_requests(shop: Shop) -> None:
    shop.sandbox.traffic.add_fault(
        Fault(kind="throttle", method="POST", path=IMPORT, retry_after=0, times=999)
    )
    client = quick(shop, patience=1.0).klaviyo
    started = time.monotonic()

    with pytest.raises(KlaviyoUnreachable, match=r"throttled, asks to wait 0 s.*run the sync again later"):
        client.start_import(BODY)

    assert time.monotonic() - started < 30
    assert client.traffic.requests < 15


def test_case_17_server_errors_are_tried_again_with_jitter_and_then_it_goes_through(shop: Shop) -> None:
    for status in (500, 502, 503, 504):
        shop.sandbox.traffic.add_fault(Fault(status=status, method="POST", path=IMPORT, when="after"))
    shop.profiles(PEOPLE)
    pauses: list[float] = []
    shop.klaviyo = Klaviyo(KEY, shop.sandbox.url, bounds=QUICK, sleep=pauses.append)
    random.seed(17)

    report = shop.run(PROFILES)

    assert (report.confirmed, report.pending, set(shop.klaviyo_profiles())) == (6, 0, set(EMAILS))
    longest = [0.02, 0.04, 0.08, 0.16]
    assert len(pauses) == 4
    assert all(half / 2 <= pause <= half for pause, half in zip(pauses, longest, strict=True))
    assert len({pause / half for pause, half in zip(pauses, longest, strict=True)}) == 4


def test_case_17_server_errors_without_end_stop_after_five_attempts(shop: Shop) -> None:
    shop.sandbox.traffic.add_fault(Fault(503, method="POST", path=IMPORT, times=99))
    client = quick(shop).klaviyo

    with pytest.raises(KlaviyoUnreachable, match="answered 503"):
        client.start_import(BODY)

    assert client.traffic.requests == 5


def test_case_18_a_key_that_is_refused_mid_run_stops_it_and_what_was_sent_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(payloads.LANES, "import", replace(payloads.LANES["import"], max_rows=2))
    forbidden = json.dumps({"errors": [{"code": "permission_denied", "detail": "No."}]})
    stops: list[tuple[Fault, type[Exception], str]] = [
        (Fault(kind="revoked_key"), KlaviyoUnauthorized, "check KLAVIYO_API_KEY"),
        (Fault(403, headers=JSON, body=forbidden), KlaviyoForbidden, "profiles:write, lists:write"),
    ]
    shop.profiles(PEOPLE)
    for fault, error, words in stops:
        shop.sandbox.traffic.add_fault(replaced(fault, method="POST", path=IMPORT, skip=1, times=99))
        with pytest.raises(error, match=words) as caught:
            quick(shop).run(PROFILES)
        assert shop.calls()[f"POST {IMPORT}"] == 2  # at once
        assert KEY not in str(caught.value)
        assert last_run(shop) == {"status": "failed", "message": str(caught.value)}
        shop.sandbox.traffic.forget_faults()

    assert shop.run(PROFILES).pending == 0
    assert shop.imported_rows() == [2, 2, 2]  # nothing twice
    assert set(shop.klaviyo_profiles()) == set(EMAILS)


def test_case_18_a_wrong_key_is_one_line_without_the_key(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.profiles(PEOPLE)
    wrong = "wrong_key_0815"

    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(KlaviyoUnauthorized, match="check KLAVIYO_API_KEY") as caught,
    ):
        quick(shop, key=wrong).run(PROFILES)

    for text in (str(caught.value), caplog.text, *shop.progress, str(last_run(shop)), repr(shop.klaviyo)):
        assert wrong not in text
    assert "\n" not in str(caught.value)
    assert states(shop) == 0


@pytest.mark.parametrize(
    ("names", "is_trusted"),
    [(["127.0.0.1"], False), (["other.example"], True), ([], False)],
    ids=["untrusted", "wrong host", "plain text"],
)
def test_case_20_without_a_trusted_connection_to_the_right_host_nothing_is_sent(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], is_trusted: bool
) -> None:
    shop.profiles(PEOPLE)
    certificate = make_certificate(tmp_path, names) if names else None
    if certificate and is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    heard: list[bytes] = []

    with answering(refuse_key(heard), certificate) as url:
        quick(shop, url=url.replace("http://", "https://"))
        with pytest.raises(KlaviyoUnreachable, match=r"no trusted TLS connection.*KLAVIYO_BASE_URL"):
            shop.run(PROFILES)

    assert not any(b"HTTP" in each or KEY.encode() in each for each in heard)
    assert len(heard) <= 1  # it is not tried again
    assert (states(shop), last_run(shop)["status"]) == (0, "failed")


def test_case_20_a_trusted_connection_to_the_right_host_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, ["127.0.0.1"])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    heard: list[bytes] = []

    with (
        answering(refuse_key(heard), certificate) as url,
        pytest.raises(KlaviyoUnauthorized),
    ):
        Klaviyo(KEY, url.replace("http://", "https://"), bounds=QUICK).account_id()

    assert KEY.encode() in b"".join(heard)


def test_case_20_an_address_that_leads_elsewhere_is_not_followed(shop: Shop) -> None:
    elsewhere = Fault(301, times=99, headers={"location": f"{shop.sandbox.url}/sandbox/state"})
    shop.sandbox.traffic.add_fault(elsewhere)

    with pytest.raises(KlaviyoUnreachable, match=r"leads elsewhere \(301\) and is not followed"):
        quick(shop).klaviyo.start_import(BODY)

    assert shop.calls() == {f"POST {IMPORT}": 1}


def test_a_body_may_take_longer_than_connecting_as_long_as_it_moves() -> None:
    bounds = replace(QUICK, connect=0.25, read=2.0)
    with answering(drink_slowly) as url, pytest.raises(KlaviyoUnauthorized):
        Klaviyo(KEY, url, bounds=bounds).start_import(b"x" * 3_600_000)

"""Faults over the control path, as a client on the other side of the wire meets them."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import UnauthorizedException
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from c360_platform.sandbox.server import Sandbox, running_sandbox
from c360_platform.sandbox.traffic import Fault
from tests.platform.sandbox.client import Http, cursor_of, errors_of, import_now, profile_of
from tests.platform.sandbox.payloads import import_job, profile, row

PROFILES = "/api/profiles"
PAGE = f"{PROFILES}?page[size]=1"
TICKETS = "/api/v2/incremental/tickets/cursor.json"
ZENDESK = {"Authorization": "Basic YWdlbnRAc2FuZGJveC5leGFtcGxlL3Rva2VuOmRlbW8="}

SetFault = Callable[..., None]


@pytest.fixture(scope="module", autouse=True)
def people(sandbox: Sandbox) -> None:
    import_now(sandbox, Http(sandbox.url), [row(f"p{number}@shop.example") for number in range(3)])


@pytest.fixture
def fault(http: Http) -> Iterator[SetFault]:
    def add(kind: str, **members: Any) -> None:
        http.json("POST", "/sandbox/faults", {"kind": kind, **members}, status=204)

    yield add
    http.request("DELETE", "/sandbox/faults")


@pytest.fixture
def zendesk(sandbox: Sandbox) -> Http:
    return Http(sandbox.url, dict(ZENDESK))


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_drops_before_or_after_the_work(
    http: Http, fault: SetFault, when: str, reset: bool
) -> None:
    email = f"drop-{when}-{reset}@shop.example"
    fault("drop", method="POST", path=PROFILES, when=when, reset=reset)
    with pytest.raises(ProtocolError) as raised:
        http.request("POST", PROFILES, profile(email=email))
    assert (type(raised.value.args[1]) is ConnectionResetError) == reset
    assert (profile_of(http, email) is not None) == (when == "after")


def test_the_sdk_repeats_a_dropped_read_by_itself_but_no_write(sandbox: Sandbox, fault: SetFault) -> None:
    client = KlaviyoAPI("pk_demo_test", test_host=sandbox.url, max_retries=1)
    fault("drop", times=2)
    client.Lists.get_lists()
    fault("drop")
    with pytest.raises(ProtocolError):
        client.Profiles.create_profile(profile(email="sdk-drop@shop.example"))


def test_a_request_without_an_answer_is_held_until_the_client_gives_up(http: Http, fault: SetFault) -> None:
    for when in ("before", "after"):
        fault("no_answer", method="POST", path=PROFILES, when=when)
        body = json.dumps(profile(email=f"held-{when}@shop.example"))
        with pytest.raises(ReadTimeoutError):
            http.pool.request("POST", http.url + PROFILES, body=body, headers=http.headers, timeout=0.15)
        assert (profile_of(http, f"held-{when}@shop.example") is not None) == (when == "after")


def test_the_sandbox_stops_although_a_connection_is_held(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "sandbox.sqlite") as sandbox:
        sandbox.traffic.add_fault(Fault(kind="no_answer", path=PROFILES))
        address = urlsplit(sandbox.url)
        waiting = socket.create_connection((address.hostname or "", address.port or 0))
        waiting.sendall(f"GET {PROFILES} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        while sandbox.traffic.faults():
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 10
    assert waiting.recv(1) == b""
    waiting.close()


def test_a_late_answer_is_carried_out_unless_the_client_has_gone(http: Http, fault: SetFault) -> None:
    fault("delay", seconds=0.2, method="GET", path=PROFILES)
    started = time.monotonic()
    assert len(http.json("GET", PAGE)["data"]) == 1
    assert time.monotonic() - started >= 0.2
    fault("delay", seconds=5, method="POST", path=PROFILES)
    body = json.dumps(profile(email="late@shop.example"))
    with pytest.raises(ReadTimeoutError):
        http.pool.request("POST", http.url + PROFILES, body=body, headers=http.headers, timeout=0.1)
    assert profile_of(http, "late@shop.example") is None


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_half_a_response_has_the_length_of_the_whole(http: Http, fault: SetFault, reset: bool) -> None:
    whole = http.request("GET", PAGE)
    fault("half_response", path=PROFILES, reset=reset)
    headers = {**http.headers, "Accept-Encoding": "gzip"}
    half = http.pool.request("GET", http.url + PAGE, headers=headers, preload_content=False)
    assert (half.status, half.headers["content-length"]) == (200, whole.headers["content-length"])
    with pytest.raises(ProtocolError) as raised:
        half.read()
    cause = raised.value.args[1]
    if reset:
        assert isinstance(cause, ConnectionResetError)
    else:
        assert isinstance(cause, IncompleteRead)
        assert str(cause).startswith(f"IncompleteRead({len(whole.data) // 2} bytes read")
    assert http.request("GET", PAGE).data == whole.data


def test_bodies_that_are_cut_or_a_page_of_a_proxy_look_like_success(http: Http, fault: SetFault) -> None:
    whole = http.request("GET", PAGE)
    fault("truncated_json", path=PROFILES)
    cut = http.request("GET", PAGE)
    assert (cut.status, cut.data) == (200, whole.data[: len(whole.data) // 2])
    fault("html", path=PROFILES)
    page = http.request("GET", PAGE)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.data.startswith(b"<!DOCTYPE html>")
    fault(
        "html", path=PROFILES, status=403, headers={"cf-mitigated": "challenge"}, method="POST", when="after"
    )
    page = http.request("POST", PROFILES, profile(email="challenged@shop.example"))
    assert (page.status, page.headers["cf-mitigated"]) == (403, "challenge")
    assert profile_of(http, "challenged@shop.example") is not None


def test_only_the_third_page_goes_wrong(http: Http, fault: SetFault) -> None:
    fault("status", status=503, path=PROFILES, method="GET", skip=2)
    statuses = [http.request("GET", PAGE).status for _ in range(4)]
    assert statuses == [200, 200, 503, 200]
    assert http.json("GET", "/sandbox/state")["faults"] == []


def test_a_cursor_that_comes_back_never_ends(http: Http, zendesk: Http, fault: SetFault) -> None:
    fault("repeated_cursor", path=PROFILES, times=99)
    second = http.json("GET", PAGE + "&page[cursor]=" + cursor_of(_true_next(http)))
    third = http.json("GET", second["links"]["next"].removeprefix(http.url))
    assert third["data"] == second["data"]
    assert third["links"]["next"] == second["links"]["next"]
    fault("repeated_cursor", path=TICKETS, times=99)
    first = zendesk.json("GET", f"{TICKETS}?start_time=0")
    again = zendesk.json("GET", f"{TICKETS}?cursor={first['after_cursor']}")
    assert (again["after_cursor"], again["end_of_stream"]) == (first["after_cursor"], False)


def test_empty_pages_have_ever_new_cursors(http: Http, zendesk: Http, fault: SetFault) -> None:
    fault("empty_pages", path=PROFILES, times=6)
    link, links = PAGE, set()
    for _ in range(6):  # twice as many as there are profiles
        page = http.json("GET", link)
        assert page["data"] == []
        link = page["links"]["next"].removeprefix(http.url)
        links.add(link)
    assert len(links) == 6
    assert http.request("GET", link).status == 400, "the API does not know it"
    fault("empty_pages", path=TICKETS, times=3)
    cursors, query = set(), "start_time=0"
    for _ in range(3):
        page = zendesk.json("GET", f"{TICKETS}?{query}")
        assert (page["tickets"], page["end_of_stream"]) == ([], False)
        assert page["after_cursor"] in page["after_url"].replace("%3D", "=")
        cursors.add(page["after_cursor"])
        query = urlsplit(page["after_url"]).query
    assert len(cursors) == 3


def test_a_cursor_expires_in_the_words_of_the_api(http: Http, zendesk: Http, fault: SetFault) -> None:
    following = _true_next(http)
    fault("expired_cursor", path=PROFILES)
    assert http.request("GET", PAGE).status == 200, "there is no cursor in it"
    (error,) = errors_of(http, "GET", following.removeprefix(http.url), None)
    assert error["source"] == {"parameter": "page[cursor]"}
    http.json("GET", following.removeprefix(http.url))
    cursor = zendesk.json("GET", f"{TICKETS}?start_time=0")["after_cursor"]
    fault("expired_cursor", path=TICKETS)
    assert zendesk.request("GET", f"{TICKETS}?cursor={cursor}").status in {400, 422}
    zendesk.json("GET", f"{TICKETS}?cursor={cursor}")


@pytest.mark.parametrize(
    ("told", "header", "detail"),
    [
        ({}, "1", "1 second."),
        ({"retry_after": 0}, "0", "0 seconds."),
        ({"retry_after": 1.5}, "1.5", "2 seconds."),
        ({"retry_after": 86400}, "86400", "86400 seconds."),
        ({"retry_after": None}, None, "0 seconds."),
        ({"retry_after": "soon"}, "soon", "1 second."),
    ],
    ids=["as recorded", "zero", "float", "huge", "absent", "nonsense"],
)
def test_a_429_is_the_apis_own_in_every_spelling_of_retry_after(
    http: Http, zendesk: Http, fault: SetFault, told: dict[str, Any], header: str | None, detail: str
) -> None:
    fault("throttle", times=2, **told)
    refused = http.request("GET", PAGE)
    assert (refused.status, refused.headers.get("retry-after")) == (429, header)
    assert not any(name.lower().startswith("ratelimit") for name in refused.headers)
    (error,) = refused.json()["errors"]
    assert (error["code"], error["detail"]) == (
        "throttled",
        f"Request was throttled. Expected available in {detail}",
    )
    refused = zendesk.request("GET", f"{TICKETS}?start_time=0")
    assert (refused.status, refused.headers.get("retry-after")) == (429, header)
    assert refused.data == b"Number of allowed incremental export API requests per minute exceeded"


def test_retry_after_as_a_date_is_the_sandboxes_time(sandbox: Sandbox, http: Http, fault: SetFault) -> None:
    sandbox.clock.advance(86400)
    sandbox.clock.freeze()
    try:
        fault("throttle", retry_after=30, as_date=True)
        refused = http.request("GET", PAGE)
        told = parsedate_to_datetime(refused.headers["retry-after"])
        assert (told - parsedate_to_datetime(refused.headers["date"])).total_seconds() == 30
    finally:
        sandbox.clock.reset()


def test_a_key_is_revoked_after_two_requests_and_restored_after_two_more(
    sandbox: Sandbox, http: Http, zendesk: Http, fault: SetFault
) -> None:
    fault("revoked_key", path=PROFILES, skip=2, times=2)
    client = KlaviyoAPI("pk_demo_test", test_host=sandbox.url, max_retries=1)
    statuses = [http.request("GET", PAGE).status for _ in range(3)]
    with pytest.raises(UnauthorizedException):
        client.Profiles.get_profiles()
    client.Profiles.get_profiles()
    assert statuses == [200, 200, 401]
    fault("revoked_key", path=TICKETS)
    assert zendesk.request("GET", f"{TICKETS}?start_time=0").status == 401
    zendesk.json("GET", f"{TICKETS}?start_time=0")


@pytest.mark.parametrize(("kind", "status"), [("cancelled_job", "cancelled"), ("stuck_job", "queued")])
def test_an_import_is_accepted_and_comes_to_nothing(
    sandbox: Sandbox, http: Http, fault: SetFault, kind: str, status: str
) -> None:
    fault(kind)
    job = import_now(sandbox, http, [row(f"{kind}@shop.example")])
    assert (job["attributes"]["status"], job["attributes"]["completed_count"]) == (status, 0)
    assert profile_of(http, f"{kind}@shop.example") is None
    body = import_job([row("usual@shop.example")])
    other = http.json("POST", "/api/profile-bulk-import-jobs", body, status=202)["data"]["id"]
    sandbox.settle()
    found = http.json("GET", f"/api/profile-bulk-import-jobs/{other}")["data"]["attributes"]
    assert found["status"] == "complete", "only the one job"


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"kind": "earthquake"}, "there is no fault 'earthquake'; there are status, html"),
        ({"kind": "drop", "seconds": 2}, "the fault 'drop' does not read seconds"),
        ({"path": PROFILES}, "needs a status"),
        ({"status": 42}, "42 is no status"),
        ({"status": 503, "tmies": 2}, "tmies"),
        ({"status": 503, "path": "/api/profile"}, "no path is '/api/profile'"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_in_one_sentence(
    http: Http, order: dict[str, Any], message: str
) -> None:
    refused = http.json("POST", "/sandbox/faults", order, status=400)["error"]
    assert message in refused
    assert refused.startswith("/sandbox/faults: ")
    assert http.json("GET", "/sandbox/state")["faults"] == []


def _true_next(http: Http) -> str:
    """The second page's link, asked past any fault that waits for profiles."""
    faults = http.json("GET", "/sandbox/state")["faults"]
    http.request("DELETE", "/sandbox/faults")
    link: str = http.json("GET", PAGE)["links"]["next"]
    for fault in faults:
        http.json("POST", "/sandbox/faults", fault, status=204)
    return link


def test_one_import_may_take_its_time(sandbox: Sandbox, http: Http, fault: SetFault) -> None:
    fault("slow_job", seconds=600)
    path = "/api/profile-bulk-import-jobs"
    slow, usual = (
        http.json("POST", path, import_job([row(f"{name}@shop.example")]), status=202)["data"]["id"]
        for name in ("tortoise", "hare")
    )
    states = []
    for seconds in (60, 600):
        sandbox.clock.advance(seconds)
        states.append(
            [http.json("GET", f"{path}/{job}")["data"]["attributes"]["status"] for job in (slow, usual)]
        )
    assert states == [["queued", "complete"], ["complete", "complete"]]

"""A service that misbehaves while it is read: every row comes, or the load says why it stopped."""

from __future__ import annotations

import gzip
import socket
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest

from c360_platform.sandbox.server import Sandbox
from c360_platform.sandbox.traffic import Fault
from dlt_pipelines import zendesk as zendesk_pipeline
from dlt_pipelines.errors import SourceProtocolError, SourceRejected, SourceUnauthorized
from dlt_pipelines.journal import Journal
from dlt_pipelines.klaviyo.client import KlaviyoClient
from dlt_pipelines.pages import PageDecoder
from dlt_pipelines.zendesk import settings
from dlt_pipelines.zendesk.answers import TicketPage
from dlt_pipelines.zendesk.client import ZendeskClient
from tests.pipelines.accounts import EMAIL, KEY, TOKEN, UNLIMITED, KlaviyoAccount, ZendeskAccount, profile_id
from tests.platform.faults.servers import answering

TICKETS = "/api/v2/incremental/tickets/cursor.json"
PROFILES = "/api/profiles"
WAITED_OUT: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502, "body": "<html>bad gateway</html>"},
    {"kind": "html"},
    {"kind": "delay", "seconds": 0.1},
    {"kind": "no_answer"},
    {"kind": "drop"},
    {"kind": "drop", "reset": True},
    {"kind": "drop", "when": "after"},
    {"kind": "half_response"},
    {"kind": "half_response", "reset": True},
    {"kind": "truncated_json"},
    {"kind": "throttle", "retry_after": 0.05},
    {"kind": "throttle", "retry_after": None},
    {"kind": "throttle", "retry_after": 0},
    {"kind": "throttle", "retry_after": "soon"},
    {"kind": "throttle", "retry_after": 1, "as_date": True},
]
STOPPED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"kind": "repeated_cursor", "times": 99}, SourceProtocolError, "never end"),
    ({"kind": "empty_pages", "times": 99}, SourceProtocolError, "never end"),
    ({"kind": "revoked_key", "times": 99}, SourceUnauthorized, "answered 401"),
    ({"kind": "expired_cursor"}, SourceRejected, "answered 4"),
]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlt_pipelines.transport._backoff", lambda _: 0.0)
    monkeypatch.setattr("dlt_pipelines.transport._TIMEOUT_SECONDS", (1, 0.5))
    monkeypatch.setattr(settings, "EXPORT_PAGE", 10)
    monkeypatch.setattr(settings, "SMALLEST_EXPORT_PAGE", 10)


def tickets(sandbox: Sandbox, journal: Journal) -> list[str]:
    client = ZendeskClient(sandbox.url, EMAIL, TOKEN, journal, exports_per_minute=UNLIMITED)
    pages = client.cursor_export("tickets", PageDecoder(TicketPage, "tickets", journal))
    return [str(row.id) for page in pages for row in page.rows]


def profiles(sandbox: Sandbox, journal: Journal) -> list[str]:
    client = KlaviyoClient(sandbox.url, KEY, journal)
    return [each.id for page in client.profile_ids() for each in page.data]


def fault(spec: dict[str, Any], path: str) -> Fault:
    return Fault(**{"skip": 2, "method": "GET", "path": path, **spec})


@pytest.mark.parametrize("spec", WAITED_OUT, ids=[" ".join(map(str, spec.values())) for spec in WAITED_OUT])
def test_case_36_what_passes_costs_no_row(
    zendesk: ZendeskAccount, klaviyo: KlaviyoAccount, spec: dict[str, Any]
) -> None:
    zendesk.tickets(range(1, 46))
    klaviyo.profiles(range(1, 451))
    for path in (TICKETS, PROFILES):
        zendesk.sandbox.traffic.add_fault(fault(spec, path))
    journal = Journal("both")

    assert tickets(zendesk.sandbox, journal) == [str(number) for number in range(1, 46)]
    assert profiles(klaviyo.sandbox, journal) == [profile_id(number) for number in range(1, 451)]
    assert zendesk.sandbox.traffic.faults() == []
    assert journal.refusals == (2 if spec["kind"] == "throttle" else 0)


@pytest.mark.parametrize(("spec", "error", "words"), STOPPED, ids=[spec["kind"] for spec, _, _ in STOPPED])
def test_case_37_what_does_not_pass_stops_with_the_reason(
    zendesk: ZendeskAccount,
    klaviyo: KlaviyoAccount,
    spec: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    zendesk.tickets(range(1, 46))
    klaviyo.profiles(range(1, 451))
    for path, read in ((TICKETS, tickets), (PROFILES, profiles)):
        zendesk.sandbox.traffic.add_fault(fault(spec, path))
        before = zendesk.sandbox.calls().get(f"GET {path}", 0)

        with pytest.raises(error, match=words):
            read(zendesk.sandbox, Journal("both"))

        assert zendesk.sandbox.calls()[f"GET {path}"] - before < 30
        zendesk.sandbox.traffic.forget_faults()


@pytest.mark.parametrize("kind", ["revoked_key", "repeated_cursor", "empty_pages"])
def test_case_37_a_load_that_was_stopped_goes_on_where_the_last_package_ended(
    zendesk: ZendeskAccount, kind: str
) -> None:
    zendesk.tickets(range(1, 46), age=lambda number: timedelta(hours=3) - number * timedelta(seconds=1))
    zendesk.sandbox.traffic.add_fault(Fault(kind=kind, times=99, skip=3, path=TICKETS))
    with pytest.raises((SourceUnauthorized, SourceProtocolError)):
        zendesk.load("tickets", "ticket_metrics", pages_per_package=8 if kind == "empty_pages" else 2)
    before = zendesk.warehouse.value("select count(*) from zendesk.tickets")
    zendesk.sandbox.traffic.forget_faults()
    calls = zendesk.sandbox.calls()[f"GET {TICKETS}"]

    zendesk.load("tickets", "ticket_metrics")

    assert before >= 20
    assert zendesk.warehouse.rows("select count(*), count(distinct id) from zendesk.tickets") == [(45, 45)]
    assert zendesk.sandbox.calls()[f"GET {TICKETS}"] - calls <= 3  # nothing was read from the beginning again


def test_case_36_an_answer_that_unpacks_to_more_than_the_memory_is_refused_and_moves_no_cursor(
    zendesk: ZendeskAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = 8 * 2**20
    monkeypatch.setattr("dlt_pipelines.transport._MOST_BYTES", bound)
    packed = gzip.compress(b" " * (16 * 2**20), 1) * 64  # a gigabyte in a few megabytes

    def bomb(connection: socket.socket) -> None:
        connection.recv(65_536)
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
            f"Content-Length: {len(packed)}\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(head.encode() + packed)

    zendesk.tickets(range(1, 46), age=lambda number: timedelta(hours=3) - number * timedelta(seconds=1))
    zendesk.load("tickets", "ticket_metrics")
    calls = zendesk.sandbox.calls()[f"GET {TICKETS}"]
    with answering(bomb) as url:
        tracemalloc.start()
        with pytest.raises(SourceProtocolError, match="larger than 8 MiB"):
            zendesk_pipeline.load(
                zendesk.warehouse.path,
                base_url=url,
                email=EMAIL,
                api_token=TOKEN,
                resources=("tickets", "ticket_metrics"),
                pipelines_dir=zendesk.warehouse.dlt_home,
            )
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * bound

    zendesk.tickets([46], age=timedelta(hours=1))
    zendesk.load("tickets", "ticket_metrics")
    assert zendesk.warehouse.rows("select count(*), count(distinct id) from zendesk.tickets") == [(46, 46)]
    assert zendesk.sandbox.calls()[f"GET {TICKETS}"] - calls <= 2  # nothing was read from the beginning again

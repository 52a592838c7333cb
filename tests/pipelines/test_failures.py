"""What a load says and does when the service, the credentials or the warehouse are not as they should be."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.traffic import Fault
from dlt_pipelines import zendesk as zendesk_pipeline
from dlt_pipelines.errors import (
    IngestionError,
    SourceForbidden,
    SourceProtocolError,
    SourceUnauthorized,
    SourceUnavailable,
    SourceUnreachable,
    WarehouseError,
    WarehouseInUse,
)
from dlt_pipelines.klaviyo.__main__ import main as klaviyo_main
from dlt_pipelines.pacing import Pacer
from dlt_pipelines.transport import retry_after
from dlt_pipelines.zendesk.__main__ import main as zendesk_main
from tests.pipelines.accounts import EMAIL, KlaviyoAccount, Warehouse, ZendeskAccount

TICKETS = "/api/v2/incremental/tickets/cursor.json"
WRONG_TOKEN = "wrong-token-8f3a"
WRONG_KEY = "pk_wrong_8f3a"


def test_wrong_credentials_stop_at_once_and_are_not_repeated(
    zendesk: ZendeskAccount, klaviyo: KlaviyoAccount
) -> None:
    with pytest.raises(SourceUnauthorized) as refused:
        zendesk.load(api_token=WRONG_TOKEN)
    with pytest.raises(SourceUnauthorized) as refused_key:
        klaviyo.load(api_key=WRONG_KEY)

    assert "check the agent's e-mail and the API token" in str(refused.value)
    assert "Settings > API keys" in str(refused_key.value)
    for error in (refused.value, refused_key.value):
        assert "\n" not in str(error)
        assert "8f3a" not in str(error)
    assert sum(zendesk.sandbox.calls().values()) == 2


def test_a_missing_right_is_named(zendesk: ZendeskAccount, klaviyo: KlaviyoAccount) -> None:
    KlaviyoSettings(klaviyo.sandbox.store).set_key("pk_demo_few", scopes=["profiles:read", "metrics:read"])

    with pytest.raises(SourceForbidden, match="administrator"):
        zendesk.load(api_token="demo_agent")
    with pytest.raises(SourceForbidden, match=r"GET /api/\w+: .* needs profiles:read, events:read"):
        klaviyo.load(api_key="pk_demo_few")


def test_a_service_that_is_down_is_named_by_its_host_alone(warehouse: Warehouse) -> None:
    with pytest.raises(SourceUnreachable) as down:
        zendesk_pipeline.load(
            warehouse.path,
            base_url="http://someone:secret@127.0.0.1:9/base",
            email=EMAIL,
            api_token="demo",
            pipelines_dir=warehouse.dlt_home,
        )

    assert str(down.value) == (
        "Zendesk at 127.0.0.1:9 cannot be reached: check the base URL and that the service is up"
    )


def test_what_passes_is_waited_out(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 11))
    traffic = zendesk.sandbox.traffic
    traffic.add_fault(Fault(429, path=TICKETS, body="too many", headers={"Retry-After": "0.1"}))
    traffic.add_fault(Fault(503, path=TICKETS, body="<html>unavailable</html>"))
    traffic.add_fault(Fault(200, path=TICKETS, body='{"tickets": [{"id": 1, "stat'))
    traffic.add_fault(Fault(200, path=TICKETS, body="<html>a proxy's page</html>"))

    zendesk.load("tickets", "ticket_metrics")

    assert zendesk.warehouse.value("select count(*) from zendesk.tickets") == 10
    assert zendesk.sandbox.calls()[f"GET {TICKETS}"] == 5


def test_what_does_not_pass_ends_with_a_reason(
    zendesk: ZendeskAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlt_pipelines.transport._backoff", lambda _: 0.0)
    zendesk.sandbox.traffic.add_fault(Fault(500, times=99, path=TICKETS))
    with pytest.raises(SourceUnavailable, match="answered 500 to GET"):
        zendesk.load("tickets", "ticket_metrics")
    zendesk.sandbox.traffic.forget_faults()
    zendesk.sandbox.traffic.add_fault(Fault(200, times=99, path=TICKETS, body="<html>maintenance</html>"))
    with pytest.raises(SourceProtocolError, match="not JSON"):
        zendesk.load("tickets", "ticket_metrics")


def test_an_envelope_of_a_wrong_type_is_named_without_its_content(zendesk: ZendeskAccount) -> None:
    page: dict[str, Any] = {"tickets": [], "end_of_stream": "a secret"}
    zendesk.sandbox.traffic.add_fault(Fault(200, times=9, path=TICKETS, body=json.dumps(page)))

    with pytest.raises(SourceProtocolError) as wrong:
        zendesk.load("tickets", "ticket_metrics")

    assert "$.end_of_stream" in str(wrong.value).replace("`", "")
    assert "secret" not in str(wrong.value)


def test_case_37_pages_that_never_end_are_an_error(zendesk: ZendeskAccount, klaviyo: KlaviyoAccount) -> None:
    page = '{"tickets": [], "after_cursor": "the same", "end_of_stream": false}'
    zendesk.sandbox.traffic.add_fault(Fault(200, times=99, path=TICKETS, body=page))
    with pytest.raises(SourceProtocolError, match="never end"):
        zendesk.load()

    link = f"{klaviyo.sandbox.url}/api/metrics?page%5Bcursor%5D=same"
    body = json.dumps({"data": [], "links": {"next": link}})
    klaviyo.sandbox.traffic.add_fault(Fault(200, times=99, path="/api/metrics", body=body))
    with pytest.raises(SourceProtocolError, match="never end"):
        klaviyo.load("metrics")
    assert klaviyo.sandbox.calls()["GET /api/metrics"] == 2


def test_a_link_to_another_host_is_not_followed(klaviyo: KlaviyoAccount) -> None:
    body = json.dumps({"data": [], "links": {"next": "http://127.0.0.1:9/api/metrics?page%5Bcursor%5D=a"}})
    klaviyo.sandbox.traffic.add_fault(Fault(200, path="/api/metrics", body=body))
    redirect = Fault(302, path="/api/lists", headers={"Location": "http://127.0.0.1:9/"})
    klaviyo.sandbox.traffic.add_fault(redirect)

    with pytest.raises(IngestionError):  # the sandbox itself refuses the cursor "a"
        klaviyo.load("metrics")
    with pytest.raises(IngestionError, match="answered 302"):
        klaviyo.load("lists")

    assert klaviyo.sandbox.calls()["GET /api/metrics"] == 2


def test_retry_after_is_understood_in_every_form() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    assert retry_after("3") == 3
    assert retry_after("1.5") == 1.5
    assert 55 < (retry_after(in_a_minute) or 0) <= 60
    assert retry_after("86400") == 300
    for nothing in (None, "", "0", "-5", "nan", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"):
        assert retry_after(nothing) is None


def test_calls_are_paced_only_beyond_the_allowance() -> None:
    pacer = Pacer(((3, 60), (100, 3600)))

    first, fourth = [pacer.reserve() for _ in range(3)], pacer.reserve()

    assert first == [0.0] * 3
    assert (
        60 < fourth < 61
    )  # a little more than a minute: calls may arrive closer together than they were sent


def test_a_warehouse_that_another_process_holds_is_named(zendesk: ZendeskAccount) -> None:
    zendesk.warehouse.close()
    path = zendesk.warehouse.path
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(WarehouseInUse, match=rf"{path} is open in process {holder.pid}"):
            zendesk.load()
    finally:
        holder.communicate()


def test_a_path_that_cannot_be_a_warehouse_is_named(zendesk: ZendeskAccount, tmp_path: Path) -> None:
    not_duckdb = tmp_path / "notes.txt"
    not_duckdb.write_text("hello" * 1000)
    zendesk.warehouse.path = not_duckdb
    with pytest.raises(WarehouseError, match="is not a DuckDB file"):
        zendesk.load()
    zendesk.warehouse.path = tmp_path / "nowhere" / "warehouse.duckdb"
    with pytest.raises(WarehouseError, match="its directory does not exist"):
        zendesk.load()
    zendesk.warehouse.path = Path("warehouse.duckdb")
    with pytest.raises(IngestionError, match="must be absolute"):
        zendesk.load()


def test_the_command_loads_and_fails_in_one_line(
    zendesk: ZendeskAccount, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    zendesk.tickets(range(1, 4))
    flags = ["--warehouse", str(zendesk.warehouse.path), "--pipelines-dir", str(zendesk.warehouse.dlt_home)]
    flags += ["--base-url", zendesk.sandbox.url]

    monkeypatch.delenv("SOURCES__KLAVIYO__API_KEY", raising=False)
    assert klaviyo_main(flags) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: api_key missing: set SOURCES__KLAVIYO__API_KEY or [sources.klaviyo] in .dlt/secrets.toml"
    ]
    monkeypatch.setenv("SOURCES__ZENDESK__API_TOKEN", WRONG_TOKEN)
    assert zendesk_main([*flags, "--email", EMAIL]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: Zendesk at 127.0.0.1:")
    assert WRONG_TOKEN not in line
    monkeypatch.setenv("SOURCES__ZENDESK__API_TOKEN", "demo")
    assert zendesk_main([*flags, "--email", EMAIL]) == 0
    output = capsys.readouterr()
    assert "zendesk.tickets" in output.out
    assert output.err == ""
    with pytest.raises(SystemExit) as stopped:
        klaviyo_main(["--help"])
    assert stopped.value.code == 0
    assert "list_members" in capsys.readouterr().out

"""`c360 plan` and the job `dry_run`: one screen, one JSON document, a page in Dagster, and nothing sent."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import dagster as dg
import pytest
from rich.console import Console

from c360_platform import cli, terminal
from c360_platform.activation.forecast.figures import Forecast, Sample
from c360_platform.assets.dry_run import JOB, sync_markdown
from tests.platform.tiny_shop import QUIET, TinyShop

SECRETS = ("ada@", "Ada", "example.com")


@pytest.fixture
def shop(tiny_shop: TinyShop, monkeypatch: pytest.MonkeyPatch) -> TinyShop:
    """The tiny shop with its models as tables, where the command line finds it."""
    tiny_shop.execute(
        "create schema marts;"
        "create table marts.klaviyo_profiles as select * from crm.contacts;"
        "create table marts.seg_everybody as select email from crm.contacts;"
        "create table marts.events_shipments as select email, tracking_number as event_id,"
        " 'Package Shipped' as event_name, received_at as event_timestamp from shipments.dhl_events"
    )
    for name, value in tiny_shop.settings.variables().items():
        monkeypatch.setenv(name, value)
    return tiny_shop


def c360(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `c360 plan`, run in this process."""
    printed = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=printed, width=120, highlight=False))
    monkeypatch.setattr(sys, "argv", ["c360", "plan", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    captured = capsys.readouterr()
    return int(left.value.code or 0), printed.getvalue() + captured.out, captured.err


def test_a_shop_is_one_screen_and_one_document(
    shop: TinyShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, screen, _ = c360(monkeypatch, capsys)
    assert code == 0
    assert len(screen.splitlines()) < 25
    for words in ("create 3", "send 1", "makes up to 3 new profiles, which Klaviyo bills", "dry run"):
        assert words in screen
    assert not [secret for secret in SECRETS if secret in screen]

    code, out, err = c360(monkeypatch, capsys, "--json", "--people", "1", "--unmask")
    assert (code, err) == (0, "")
    document = json.loads(out)
    syncs = {one["sync"]: one for one in document["syncs"]}
    assert syncs["klaviyo_profiles"]["operations"] == {"create": 3, "update": 0, "clear": 0, "retire": 0}
    assert len(syncs["klaviyo_profiles"]["people"]) == 1
    assert syncs["klaviyo_profiles"]["people"][0]["changes"][0]["name"] == "first_name"
    assert syncs["events_shipments"]["people"][0]["person"] == "ada@example.com"
    assert document["total"]["rows"] == sum(sum(one["operations"].values()) for one in document["syncs"])
    assert shop.sandbox.calls() == {}


def test_one_sync_is_shown_in_detail_and_a_wrong_name_is_named(
    shop: TinyShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, screen, _ = c360(monkeypatch, capsys, "klaviyo_profiles")
    assert code == 0
    assert "POST /api/profile-bulk-import-jobs" in screen
    assert "a…@e….com" in screen
    assert "events_shipments" not in screen
    assert not [secret for secret in SECRETS if secret in screen]

    code, _, err = c360(monkeypatch, capsys, "klaviyo_profile")
    assert (code, err) == (1, "error: there is no sync klaviyo_profile: did you mean klaviyo_profiles?\n")

    shop.execute("drop table marts.seg_everybody")
    code, screen, err = c360(monkeypatch, capsys)
    assert code == 1
    assert "build the model first" in screen
    assert err == "error: seg_everybody cannot be planned\n"


def test_the_launchpad_shows_the_same_and_materializes_nothing(shop: TinyShop) -> None:
    result = _dry_run(shop, {"syncs": ["klaviyo_profiles", "events_shipments"], "people": 2})

    assert result.success
    assert not result.get_asset_materialization_events()
    output = next(event for event in result.all_events if event.event_type_value == "STEP_OUTPUT")
    metadata = {name: str(value.value) for name, value in output.step_output_data.metadata.items()}
    assert metadata.keys() == {"overview", "sync/klaviyo_profiles", "sync/events_shipments"}
    assert "| klaviyo\\_profiles | profiles | create 3 |" in metadata["overview"]
    assert "a…@e….com" in metadata["sync/klaviyo_profiles"] + metadata["sync/events_shipments"]
    assert not [secret for secret in SECRETS if secret in "".join(metadata.values())]
    assert shop.sandbox.calls() == {}

    assert not _dry_run(shop, {"syncs": ["nobody"]}).success


def test_markdown_of_a_persons_text_stays_text() -> None:
    sample = Sample("reject", "<script>|_x_@shop.example", reason="a | b")
    page = sync_markdown(Forecast("s", "profiles", "", samples=[sample]))
    assert "&lt;script>\\|\\_x\\_@shop.example" in page
    assert "<script" not in page


def _dry_run(shop: TinyShop, config: dict[str, Any]) -> dg.ExecuteInProcessResult:
    return shop.definitions.resolve_job_def(JOB).execute_in_process(
        instance=shop.instance,
        run_config={**QUIET, "ops": {"say_what_pushes_would_do": {"config": config}}},
        raise_on_error=False,
    )

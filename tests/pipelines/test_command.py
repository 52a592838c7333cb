"""The flags of `python -m dlt_pipelines.<source>`: what they read, and what they say when they cannot."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dlt_pipelines.klaviyo.__main__ import main as klaviyo_main
from dlt_pipelines.zendesk.__main__ import main as zendesk_main
from tests.pipelines.accounts import EMAIL, KEY, TOKEN, UNLIMITED, KlaviyoAccount, ZendeskAccount


def test_the_days_of_a_window_are_both_read(
    klaviyo: KlaviyoAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCES__KLAVIYO__API_KEY", KEY)
    klaviyo.sandbox.clock.freeze()
    midnight = klaviyo.sandbox.clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(
        days=30
    )
    since = klaviyo.sandbox.clock.now() - midnight
    klaviyo.metric("M1", "Placed Order")
    # the last second before, the first and the last of two days, the first after
    moments = [timedelta(seconds=each) for each in (-1, 0, 2 * 86_400 - 1, 2 * 86_400)]
    klaviyo.events(["before", "first", "last", "after"], age=lambda number: since - moments[number])
    warehouse = klaviyo.warehouse
    place = ["--warehouse", str(warehouse.path), "--pipelines-dir", str(warehouse.dlt_home)]
    flags = [*place, "--base-url", klaviyo.sandbox.url]
    days = [f"{midnight:%Y-%m-%d}", f"{midnight + timedelta(days=1):%Y-%m-%d}"]

    assert klaviyo_main([*flags, "--events-from", days[0], "--events-to", days[1]]) == 0
    assert warehouse.rows("select id from klaviyo.events order by datetime") == [("first",), ("last",)]

    capsys.readouterr()
    assert klaviyo_main([*flags, "--events-from", days[1], "--events-to", days[0]]) == 1
    assert klaviyo_main([*flags, "--events-from", "30.06.2026", "--events-to", days[0]]) == 1
    assert klaviyo_main([*flags, "--events-from", days[0]]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"error: the window of events is empty: {days[1]} is after {days[0]}",
        "error: '30.06.2026' is not a day: write it as 2026-06-30",
        "error: a window of events needs both its first and its last day",
    ]


def test_zendesks_pace_and_comments_are_flags(
    zendesk: ZendeskAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCES__ZENDESK__API_TOKEN", TOKEN)
    zendesk.ticket_events([1], age=lambda _: timedelta(hours=2))
    warehouse = zendesk.warehouse
    place = ["--warehouse", str(warehouse.path), "--pipelines-dir", str(warehouse.dlt_home)]
    flags = [*place, "--base-url", zendesk.sandbox.url, "--email", EMAIL]
    pace = ["--exports-per-minute", str(UNLIMITED), "--no-comments"]

    assert zendesk_main([*flags, *pace, "--resources", "ticket_events"]) == 0
    assert warehouse.rows("select id, child_events like '%Hello%' from zendesk.ticket_events") == [
        ("1", False)
    ]
    with pytest.raises(SystemExit):
        zendesk_main([*flags, "--exports-per-minute", "0"])
    assert "'0' is not a whole number above zero" in capsys.readouterr().err

"""The sandbox's Zendesk, asked over HTTP the way other clients ask it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from c360_platform.sandbox.server import Sandbox, running_sandbox
from tests.pipelines.accounts import EMAIL, TOKEN, Warehouse, ZendeskAccount

HOUR = timedelta(hours=1)
TICKETS = "incremental/tickets/cursor.json"


class Caller:
    """Gets paths below /api/v2 with an administrator's credentials."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.base = f"{sandbox.url}/api/v2/"
        self.auth = (f"{EMAIL}/token", TOKEN)

    def get(self, path: str, **params: Any) -> requests.Response:
        return requests.get(self.base + path, params=params, auth=self.auth, timeout=10)

    def body(self, path: str, **params: Any) -> dict[str, Any]:
        response = self.get(path, **params)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def follow(self, path: str, key: str, /, **params: Any) -> Iterator[dict[str, Any]]:
        """All rows of a list, by its links."""
        body = self.body(path, **params)
        while True:
            yield from body[key]
            if not body["meta"]["has_more"]:
                return
            response = requests.get(body["links"]["next"], auth=self.auth, timeout=10)
            assert response.status_code == 200, response.text
            body = response.json()


@pytest.fixture
def api(sandbox: Sandbox) -> Caller:
    return Caller(sandbox)


@pytest.mark.parametrize(
    "credentials",
    [("admin@shop.example/token", "live"), ("admin@shop.example", "demo"), ("admin/token", "demo"), None],
)
def test_other_credentials_are_refused(api: Caller, credentials: tuple[str, str] | None) -> None:
    response = requests.get(api.base + TICKETS, params={"start_time": 0}, auth=credentials, timeout=10)

    assert response.status_code == 401
    assert response.json() == {"error": "Couldn't authenticate you"}


def test_agents_are_refused_what_is_for_administrators(api: Caller) -> None:
    api.auth = (f"{EMAIL}/token", "demo_agent")

    assert api.get(TICKETS, start_time=0).status_code == 403
    assert api.get("satisfaction_ratings").status_code == 403
    assert api.get("ticket_fields").status_code == 200


def test_a_cursor_is_a_position_so_a_changed_ticket_comes_again(zendesk: ZendeskAccount, api: Caller) -> None:
    zendesk.tickets(range(1, 6), age=3 * HOUR)
    first = api.body(TICKETS, start_time=0, per_page=3, include="metric_sets")
    zendesk.tickets([1], age=HOUR, status="solved")

    second = requests.get(first["after_url"], auth=api.auth, timeout=10).json()

    assert [ticket["id"] for ticket in first["tickets"]] == [1, 2, 3]
    assert not first["end_of_stream"]
    assert [ticket["id"] for ticket in second["tickets"]] == [4, 5, 1]
    assert second["end_of_stream"]
    assert second["after_cursor"]
    assert second["tickets"][2]["metric_set"]["ticket_id"] == 1  # links keep `include` and `per_page`
    assert second["tickets"][2]["fields"] == second["tickets"][2]["custom_fields"]
    again = api.body(TICKETS, cursor=second["after_cursor"])
    assert again["tickets"] == []
    assert again["after_cursor"] == second["after_cursor"]


def test_every_form_of_start_time_is_understood(zendesk: ZendeskAccount, api: Caller) -> None:
    zendesk.tickets([1], age=3 * HOUR)
    zendesk.tickets([2], age=HOUR)
    start = datetime.now(UTC) - 2 * HOUR

    for form in (int(start.timestamp()), start.timestamp(), start.strftime("%Y-%m-%dT%H:%M:%SZ")):
        assert [ticket["id"] for ticket in api.body(TICKETS, start_time=form)["tickets"]] == [2]
    recent = api.get(TICKETS, start_time=int(datetime.now(UTC).timestamp()) - 30)
    assert recent.status_code == 422
    assert "Too recent start_time" in recent.json()["description"]
    for wrong in ({}, {"start_time": "yesterday"}, {"cursor": "not a cursor"}):
        assert api.get(TICKETS, **wrong).status_code == 400


def test_exports_leave_out_the_last_minute(zendesk: ZendeskAccount, api: Caller) -> None:
    zendesk.tickets([1], age=timedelta(seconds=50))

    assert api.body(TICKETS, start_time=0)["tickets"] == []
    zendesk.sandbox.clock.advance(15)
    assert len(api.body(TICKETS, start_time=0)["tickets"]) == 1


def test_a_time_based_page_begins_with_the_last_second_of_the_one_before(
    zendesk: ZendeskAccount, api: Caller
) -> None:
    zendesk.organizations([1], age=3 * HOUR)
    zendesk.organizations([2, 3], age=2 * HOUR)

    first = api.body("incremental/organizations", start_time=0, per_page=2)
    second = api.body("incremental/organizations", start_time=first["end_time"], per_page=3)

    assert [row["id"] for row in first["organizations"]] == [1, 2]
    assert (first["count"], first["end_of_stream"]) == (2, False)
    assert first["next_page"].endswith(f"start_time={first['end_time']}&per_page=2")
    assert [row["id"] for row in second["organizations"]] == [2, 3]
    assert second["end_of_stream"]


def test_lists_are_paged_filtered_and_bounded(zendesk: ZendeskAccount, api: Caller) -> None:
    for number in range(1, 6):
        zendesk.rating(number, "good" if number % 2 else "bad", offered_age=number * HOUR, changed_age=HOUR)
    answer = {"type": "rating_scale", "rating": 5}
    for number in range(1, 8):
        zendesk.survey_response(f"01J{number}", [answer], [f"zen:ticket:{number}"])
    since = int((datetime.now(UTC) - 3 * HOUR - timedelta(minutes=1)).timestamp())
    ratings = "satisfaction_ratings"
    surveys = ("guide/survey_responses", "survey_responses")

    paged = [row["id"] for row in api.follow(ratings, ratings, **{"page[size]": 2})]
    good = [row["id"] for row in api.follow(ratings, ratings, score="good", start_time=since)]
    backwards = [row["id"] for row in api.follow(*surveys, **{"page[size]": 3, "sort": "-id"})]
    of_tickets = [
        row["id"] for row in api.follow(*surveys, **{"filter[subject_zrns]": "zen:ticket:2,zen:ticket:5"})
    ]
    since_now = int(datetime.now(UTC).timestamp() * 1000)

    assert paged == [5, 4, 3, 2, 1]
    assert good == [3, 1]
    assert backwards == [f"01J{number}" for number in range(7, 0, -1)]
    assert of_tickets == ["01J2", "01J5"]
    assert list(api.follow(*surveys, **{"filter[created_at_start]": since_now})) == []
    assert api.get(ratings, **{"page[size]": 101}).status_code == 400
    assert api.get(surveys[0], **{"page[size]": 51}).status_code == 400
    assert api.get(ratings, score="splendid").status_code == 400


def test_ticket_metrics_leave_out_archived_tickets(zendesk: ZendeskAccount, api: Caller) -> None:
    zendesk.tickets(range(1, 4))
    zendesk.tickets([4], status="closed")
    zendesk.tickets([5], status="deleted")

    rows = list(api.follow("ticket_metrics.json", "ticket_metrics", **{"page[size]": 2}))

    assert [row["ticket_id"] for row in rows] == [3, 2, 1]


def test_events_of_tickets_hide_comments_until_asked(zendesk: ZendeskAccount, api: Caller) -> None:
    at = zendesk.sandbox.clock.now_us() - 3_600_000_000
    comment = {"id": 4001, "event_type": "Comment", "body": "hello", "public": True}
    change = {"id": 4002, "event_type": "Change", "status": "open"}
    event = {"id": 401, "ticket_id": 1, "event_type": "Audit", "child_events": [comment, change]}
    columns = ["id", "ticket_id", "occurred_at", "body"]
    zendesk.sandbox.store.insert("zd_ticket_event", columns, [(401, 1, at, json.dumps(event))])
    metric_events = [
        (number, 1, at, json.dumps({"id": number, "ticket_id": 1, "metric": "reply_time"}))
        for number in (701, 702, 703)
    ]
    zendesk.sandbox.store.insert("zd_ticket_metric_event", columns, metric_events)

    [hidden] = api.body("incremental/ticket_events", start_time=0)["ticket_events"]
    [shown] = api.body("incremental/ticket_events", start_time=0, include="comment_events")["ticket_events"]
    path = "incremental/ticket_metric_events"
    paged = list(api.follow(path, "ticket_metric_events", start_time=0, **{"page[size]": 2}))

    assert hidden["child_events"] == [{"id": 4001, "comment_present": True, "comment_public": True}, change]
    assert shown["child_events"] == [comment, change]
    assert [row["id"] for row in paged] == [701, 702, 703]
    assert api.body(path, start_time=0)["count"] == 3
    assert api.get(path, **{"page[size]": 2}).status_code == 400


def test_the_eleventh_export_of_a_minute_is_refused_in_plain_text(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "limited.sqlite") as sandbox:
        sandbox.clock.freeze()
        api = Caller(sandbox)
        ZendeskAccount(sandbox, Warehouse(tmp_path)).tickets([1])
        granted = [api.get(TICKETS, start_time=0) for _ in range(10)]

        refused = api.get("incremental/users/cursor", start_time=0)
        listed = api.get("ticket_fields")
        sandbox.clock.advance(int(refused.headers["Retry-After"]))
        later = api.get(TICKETS, start_time=0)

    assert {response.status_code for response in granted} == {200}
    assert [response.headers["X-Rate-Limit-Remaining"] for response in granted[:2]] == ["699", "698"]
    assert refused.status_code == 429
    assert refused.text == "Number of allowed incremental export API requests per minute exceeded"
    assert listed.status_code == 200
    assert listed.json()["ticket_fields"][0]["type"] == "subject"
    assert later.status_code == 200

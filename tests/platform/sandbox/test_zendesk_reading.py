"""The sandbox's Zendesk, read over HTTP the way other clients read it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from c360_platform.sandbox import zendesk
from c360_platform.sandbox.server import running_sandbox
from c360_platform.sandbox.zendesk.directory import COLLECTIONS
from tests.platform.sandbox.zendesk_account import HOUR, TICKETS, Account, ids, iso


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with running_sandbox(tmp_path / "sandbox.sqlite", limits=False) as sandbox:
        sandbox.clock.freeze()
        yield Account(sandbox)


@pytest.mark.parametrize(
    "credentials",
    [("admin@shop.example/token", "live"), ("admin@shop.example", "demo"), ("admin/token", "demo"), None],
)
def test_other_credentials_are_refused(account: Account, credentials: tuple[str, str] | None) -> None:
    url = f"{account.sandbox.url}/api/v2/{TICKETS}"

    response = requests.get(url, params={"start_time": 0}, auth=credentials, timeout=10)

    assert response.status_code == 401
    assert response.json() == {"error": "Couldn't authenticate you"}


def test_access_tokens_are_credentials_too(account: Account) -> None:
    url = f"{account.sandbox.url}/api/v2/users/me/"

    accepted = requests.get(url, headers={"Authorization": "Bearer demo_oauth"}, timeout=10)
    refused = requests.get(url, headers={"Authorization": "Bearer expired"}, timeout=10)

    assert accepted.status_code == 200
    assert refused.status_code == 401
    assert refused.json()["error"] == "invalid_token"


def test_agents_are_refused_what_is_for_administrators(account: Account) -> None:
    account.token = "demo_agent"

    assert account.get(TICKETS, start_time=0).status_code == 403
    assert account.get("satisfaction_ratings").status_code == 403
    assert account.get("ticket_fields").status_code == 200


def test_a_cursor_is_a_position_so_a_changed_ticket_comes_again(account: Account) -> None:
    account.write("tickets", 1, 2, 3, 4, 5, age=3 * HOUR)
    first = account.body(TICKETS, start_time=0, per_page=3, include="metric_sets")
    account.write("tickets", 1, age=HOUR, status="solved")

    second = account.body(first["after_url"])

    assert ids(first["tickets"]) == [1, 2, 3]
    assert not first["end_of_stream"]
    assert ids(second["tickets"]) == [4, 5, 1]
    assert second["end_of_stream"]
    assert second["tickets"][2]["metric_set"]["ticket_id"] == 1  # links keep `include` and `per_page`
    assert second["tickets"][2]["fields"] == second["tickets"][2]["custom_fields"]
    again = account.body(TICKETS, cursor=second["after_cursor"])
    assert again["tickets"] == []
    assert again["after_cursor"] == second["after_cursor"]


def test_more_tickets_of_one_second_than_fit_a_page_come_once_each(account: Account) -> None:
    account.write("tickets", *range(1, 1301), age=HOUR)
    account.write("users", *range(1, 8), age=HOUR)

    assert ids(account.export(start_time=0)) == list(range(1, 1301))
    assert ids(account.export("incremental/users/cursor", "users", start_time=0, per_page=2)) == [
        *range(1, 8)
    ]


def test_every_form_of_start_time_is_understood(account: Account) -> None:
    account.write("tickets", 1, age=3 * HOUR)
    account.write("tickets", 2, age=HOUR)
    start = account.ago(2 * HOUR)

    for form in (start, float(start), iso(start)):
        assert ids(account.body(TICKETS, start_time=form)["tickets"]) == [2]
    recent = account.get(TICKETS, start_time=account.ago(30))
    assert recent.status_code == 422
    assert "Too recent start_time" in recent.json()["description"]
    beyond = b64encode(b"99999999999999999999.0||1|").decode()
    for wrong in ({}, {"start_time": "yesterday"}, {"cursor": "not a cursor"}, {"cursor": beyond}):
        assert account.get(TICKETS, **wrong).status_code == 400


def test_exports_leave_out_the_last_minute(account: Account) -> None:
    event = {"ticket_id": 1, "metric": "reply_time", "type": "activate"}
    path = "incremental/ticket_metric_events"
    account.write("tickets", 1, age=50)
    account.write("ticket_metric_events", 7, age=50, time=iso(account.ago(50)), **event)

    assert account.body(TICKETS, start_time=0)["tickets"] == []
    assert account.body(path, start_time=0, **{"page[size]": 5})["ticket_metric_events"] == []
    account.sandbox.clock.advance(15)
    assert ids(account.body(TICKETS, start_time=0)["tickets"]) == [1]
    assert ids(account.body(path, start_time=0, **{"page[size]": 5})["ticket_metric_events"]) == [7]


def test_a_time_based_page_begins_with_the_last_second_of_the_one_before(account: Account) -> None:
    account.write("organizations", 1, age=3 * HOUR)
    account.write("organizations", 2, 3, age=2 * HOUR)

    first = account.body("incremental/organizations", start_time=0, per_page=2)
    second = account.body("incremental/organizations", start_time=first["end_time"], per_page=3)

    assert ids(first["organizations"]) == [1, 2]
    assert (first["count"], first["end_of_stream"]) == (2, False)
    assert first["next_page"].endswith(f"start_time={first['end_time']}&per_page=2")
    assert ids(second["organizations"]) == [2, 3]
    assert second["end_of_stream"]


def test_lists_are_paged_filtered_and_bounded(account: Account) -> None:
    for number in range(1, 6):
        score = "good" if number % 2 else "bad"
        account.write("satisfaction_ratings", number, age=number * HOUR, score=score)
    for number in range(1, 8):
        zrns = [f"zen:ticket:{number}"]
        account.write("survey_responses", f"01J{number}", subject_zrns=zrns, responder_id=7, answers=[])
    ratings = "satisfaction_ratings"
    surveys = ("guide/survey_responses", "survey_responses")
    now_ms = int(datetime.now(UTC).timestamp() * 1000)

    assert ids(account.follow(ratings, ratings, **{"page[size]": 2})) == [5, 4, 3, 2, 1]
    assert ids(account.follow(ratings, ratings, per_page=2)) == [5, 4, 3, 2, 1]
    good = account.follow(ratings, ratings, score="good", start_time=account.ago(3 * HOUR + 60))
    assert ids(good) == [3, 1]
    backwards = account.follow(*surveys, **{"page[size]": 3, "sort": "-id"})
    assert ids(backwards) == [f"01J{number}" for number in range(7, 0, -1)]
    subjects = {"filter[subject_zrns]": "zen:ticket:2,zen:ticket:5"}
    assert ids(account.follow(*surveys, **subjects)) == ["01J2", "01J5"]
    assert list(account.follow(*surveys, **{"filter[created_at_start]": now_ms})) == []
    assert account.get(ratings, **{"page[size]": 101}).status_code == 400
    assert account.get(surveys[0], **{"page[size]": 51}).status_code == 400
    assert account.get(ratings, score="splendid").status_code == 400
    too_deep = account.get(ratings, page=101, per_page=100)
    assert too_deep.status_code == 400
    assert too_deep.json()["errors"][0]["code"] == "InvalidPaginationDepth"


def test_ticket_metrics_leave_out_archived_tickets(account: Account) -> None:
    account.write("tickets", 1, 2, 3, status="open")
    account.write("tickets", 4, status="closed")
    account.write("tickets", 5, status="deleted")

    for size in ({"page[size]": 2}, {"per_page": 2}):
        rows = account.follow("ticket_metrics.json", "ticket_metrics", **size)
        assert [row["ticket_id"] for row in rows] == [3, 2, 1]


def test_events_of_tickets_hide_comments_until_asked(account: Account) -> None:
    moment = iso(account.ago(HOUR))
    comment = {"id": 4001, "event_type": "Comment", "body": "hello", "public": True}
    change = {"id": 4002, "event_type": "Change", "status": "open"}
    event = {"ticket_id": 1, "event_type": "Audit", "updater_id": 7, "child_events": [comment, change]}
    account.write("tickets", 1)
    account.write("ticket_events", 401, age=HOUR, **event)
    account.write("ticket_metric_events", 701, 702, 703, ticket_id=1, metric="reply_time", time=moment)
    path = "incremental/ticket_metric_events"

    [hidden] = account.body("incremental/ticket_events", start_time=0)["ticket_events"]
    [shown] = account.body("incremental/ticket_events", start_time=0, include="comment_events")[
        "ticket_events"
    ]
    [audit] = account.body("tickets/1/audits", **{"page[size]": 100})["audits"]

    assert hidden["child_events"] == [{"id": 4001, "comment_present": True, "comment_public": True}, change]
    assert shown["child_events"] == [comment, change]
    assert [event["type"] for event in audit["events"]] == ["Comment", "Change"]
    assert account.body("tickets/1/comments")["comments"] == [comment]
    paged = account.follow(path, "ticket_metric_events", start_time=0, **{"page[size]": 2})
    assert ids(paged) == [701, 702, 703]
    assert account.body(path, start_time=0)["count"] == 3
    assert account.get(path, **{"page[size]": 2}).status_code == 400


def test_search_finds_what_is_there_by_type_time_and_member(account: Account) -> None:
    account.write("tickets", 1, age=72 * HOUR, status="open", tags=["vip"], subject="A parcel is late")
    account.write("tickets", 2, age=HOUR, status="solved", tags=["vip"])
    account.write("tickets", 3, status="deleted", tags=["vip"])
    account.write("users", 7, email="ada@shop.example", name="Ada")

    def found(query: str) -> list[int]:
        return ids(account.follow("search.json", "results", query=query, per_page=1))

    assert found("type:ticket tags:vip") == [1, 2]
    assert found(f"type:ticket updated>{iso(account.ago(2 * HOUR))}") == [2]
    assert found("type:ticket -status:solved") == [1]
    assert found("email:ada@shop.example") == [7]
    assert found("parcel") == [1]
    assert account.body("search/count", query="type:user")["count"] == 1
    assert account.get("search").status_code == 400
    assert account.get("search", query="type:ticket", page=11).status_code == 422


def test_what_clients_ask_for_before_they_read_is_there(account: Account) -> None:
    account.order("PUT", "groups/9", {"name": "Service"})

    settings = account.body("account/settings")["settings"]
    [group] = account.body("groups.json")["groups"]

    assert settings["active_features"]["organization_access_enabled"] is True
    assert group["url"] == f"{account.sandbox.url}/api/v2/groups/9.json"
    assert account.body("groups/9")["group"]["name"] == "Service"
    for path, key in (("slas/policies", "sla_policies"), ("ticket_forms", "ticket_forms")):
        assert account.body(path)[key] == []


def test_every_path_answers_in_both_spellings_and_to_nobody_without_credentials(account: Account) -> None:
    account.write("tickets", 1)
    account.write("users", 1, role="admin")
    account.write("organizations", 1)
    account.write("satisfaction_ratings", 1)
    for collection in COLLECTIONS:
        account.order("PUT", f"{collection}/1", {"type": "text", "title": "One"})
    templates = {route.path.removesuffix(".json") for route in zendesk.routes()}
    query = {"start_time": 0, "query": "type:user"}

    for template in sorted(templates):
        path = template.replace("{id:int}", "1")
        url = account.sandbox.url + path
        answers = [account.get(url + spelling, **query) for spelling in ("", "/", ".json", ".json/")]
        for answer in answers:
            assert answer.status_code == 200, f"{path}: {answer.text}"
            assert answer.headers["content-type"].startswith("application/json")
            assert answer.headers["X-Rate-Limit"] == "700"
        bodies = [answer.json() for answer in answers]
        without_links = [
            {k: v for k, v in body.items() if not k.endswith(("page", "url"))} for body in bodies
        ]
        assert without_links == [without_links[0]] * 4
        assert requests.get(url, timeout=10).status_code == 401
        if path != template:
            missing = account.sandbox.url + template.replace("{id:int}", "9999")
            assert account.get(missing).status_code == 404


def test_the_eleventh_export_of_a_minute_is_refused_in_plain_text(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "limited.sqlite") as sandbox:
        sandbox.clock.freeze()
        account = Account(sandbox)
        account.write("tickets", 1)
        granted = [account.get(TICKETS, start_time=0) for _ in range(10)]

        refused = account.get("incremental/users/cursor", start_time=0)
        listed = account.get("tickets")
        account.order("POST", "settings", {"high_volume": True})
        more = [account.get(TICKETS, start_time=0).status_code for _ in range(21)]
        sandbox.clock.advance(int(refused.headers["Retry-After"]))
        later = account.get(TICKETS, start_time=0)

    assert {response.status_code for response in granted} == {200}
    assert [response.headers["X-Rate-Limit-Remaining"] for response in granted[:2]] == ["699", "698"]
    exports = granted[0].headers["zendesk-ratelimit-incremental-exports"]
    assert exports.startswith("total=10; remaining=9; resets=")
    assert refused.status_code == 429
    assert refused.text == "Number of allowed incremental export API requests per minute exceeded"
    assert listed.headers["zendesk-ratelimit-tickets-index"].startswith("total=100; remaining=99; resets=")
    assert more == [200] * 20 + [429]
    assert later.headers["X-Rate-Limit"] == "2500"

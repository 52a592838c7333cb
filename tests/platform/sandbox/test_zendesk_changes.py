"""What happens to a Zendesk account while somebody reads it: changes over the control paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from c360_platform.sandbox.server import running_sandbox
from tests.platform.sandbox.zendesk_account import HOUR, TICKETS, Account, ids, iso


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with running_sandbox(tmp_path / "sandbox.sqlite", limits=False) as sandbox:
        sandbox.clock.freeze()
        yield Account(sandbox)


def test_people_move_updated_at_and_the_system_does_not(account: Account) -> None:
    account.write("tickets", 1, 2, custom_fields=[{"id": 5, "value": "a"}, {"id": 6, "value": "b"}])
    before = iso(account.ago(2 * HOUR))
    start = account.ago(0) - 60
    account.order("PATCH", "tickets/1", {"status": "open", "custom_fields": [{"id": 6, "value": "c"}]})
    account.order("POST", "tickets/2/system-update", {"group_id": 99})
    now = account.ago(0)
    account.sandbox.clock.advance(61)

    first, second = account.body(TICKETS, start_time=start, include="metric_sets")["tickets"]

    assert (first["status"], first["updated_at"], first["generated_timestamp"]) == ("open", iso(now), now)
    assert first["custom_fields"] == [{"id": 5, "value": "a"}, {"id": 6, "value": "c"}]
    assert first["metric_set"]["updated_at"] == iso(now)
    assert (second["group_id"], second["updated_at"], second["generated_timestamp"]) == (99, before, now)


def test_deleted_merged_and_scrubbed_tickets_stay_in_the_export_alone(account: Account) -> None:
    account.write("tickets", 1, 2, 3, 4, status="open", subject="Secret", tags=["vip"])
    account.order("DELETE", "tickets/1")
    account.order("POST", "tickets/2/merge", {"into": 4})
    account.order("POST", "tickets/3/scrub")
    account.sandbox.clock.advance(61)

    exported = {ticket["id"]: ticket for ticket in account.export(start_time=0)}
    kept = ids(account.export(start_time=0, exclude_deleted="true"))

    assert (exported[1]["status"], exported[1]["subject"]) == ("deleted", "Secret")
    assert (exported[2]["status"], exported[2]["tags"]) == ("closed", ["vip", "closed_by_merge"])
    assert (exported[3]["status"], exported[3]["subject"]) == ("deleted", "SCRUBBED")
    assert exported[3]["description"] == "SCRUBBED"
    assert sorted(exported) == [1, 2, 3, 4]
    assert kept == [2, 4]
    assert ids(account.follow("tickets", "tickets", per_page=1)) == [2, 4]
    assert account.body("tickets/count.json")["count"]["value"] == 2
    assert account.body("tickets/2")["ticket"]["status"] == "closed"
    assert account.body("tickets/4/metrics")["ticket_metric"]["ticket_id"] == 4
    for child in ("", "/metrics", "/audits", "/comments"):
        refused = account.get(f"tickets/1{child}")
        assert refused.status_code == 404
        assert refused.json() == {"error": "RecordNotFound", "description": "Not found"}


def test_every_change_of_a_ticket_leaves_an_event(account: Account) -> None:
    account.write("tickets", 1, status="open", assignee_id=7, custom_fields=[{"id": 50, "value": "a"}])
    comment = {"body": "Sent again", "public": False, "author_id": 7}
    account.order("PATCH", "tickets/1", {"status": "solved", "comment": comment})
    account.order("POST", "tickets/1/system-update", {"status": "closed"})
    account.order("PATCH", "tickets/1", {"custom_fields": [{"id": 50, "value": "b"}]})
    account.sandbox.clock.advance(61)

    path = "incremental/ticket_events"
    events = account.body(path, start_time=0, include="comment_events")["ticket_events"]

    assert [event["updater_id"] for event in events] == [7, -1, 7]
    change, said = events[0]["child_events"]
    assert (change["status"], change["previous_value"]) == ("solved", "open")
    assert (said["event_type"], said["body"], said["public"]) == ("Comment", "Sent again", False)
    assert events[1]["child_events"][0]["status"] == "closed"
    assert events[2]["child_events"][0]["custom_ticket_fields"] == {"50": "b"}
    assert ids(account.body("tickets/1/comments")["comments"]) == [said["id"]]
    audits = account.body("tickets/1/audits")["audits"]
    told = [(event["type"], event.get("field_name"), event.get("value")) for event in audits[0]["events"]]
    assert told == [("Change", "status", "solved"), ("Comment", None, None)]
    assert audits[2]["events"][0]["field_name"] == "50"
    assert "comment" not in account.body("tickets/1")["ticket"]


def test_deleted_users_and_organizations_are_exported_as_deleted(account: Account) -> None:
    account.write("users", 1, 2, 3, email="a@shop.example", name="Ada")
    account.write("organizations", 1, 2, name="Firm")
    account.order("DELETE", "users/1")
    account.order("POST", "users/2/scrub")
    account.order("DELETE", "organizations/1")
    account.sandbox.clock.advance(61)

    users = {user["id"]: user for user in account.export("incremental/users/cursor", "users", start_time=0)}
    organizations = account.body("incremental/organizations", start_time=0)["organizations"]

    assert (users[1]["active"], users[1]["email"]) == (False, "a@shop.example")
    assert (users[2]["permanently_deleted"], users[2]["email"]) == (True, None)
    assert users[3]["active"] is True
    assert account.body("users/count")["count"]["value"] == 1
    assert {row["id"]: row["deleted_at"] is None for row in organizations} == {1: False, 2: True}
    assert account.get("organizations/1").status_code == 404
    assert ids(account.follow("organizations", "organizations")) == [2]


def test_a_new_custom_field_stands_in_every_ticket_without_moving_it(account: Account) -> None:
    account.write("tickets", 1, 2, custom_fields=[{"id": 50, "value": "a"}])
    first = account.body(TICKETS, start_time=0, per_page=1)

    account.order("PUT", "ticket_fields/60", {"type": "text", "title": "Channel"})
    account.order("PATCH", "tickets/1", {"custom_fields": [{"id": 60, "value": "shop"}]})
    account.sandbox.clock.advance(61)
    second, again = account.export(cursor=first["after_cursor"], per_page=1)

    assert first["tickets"][0]["custom_fields"] == [{"id": 50, "value": "a"}]
    assert second["id"] == 2
    assert second["custom_fields"] == [{"id": 50, "value": "a"}, {"id": 60, "value": None}]
    assert again["custom_fields"] == [{"id": 50, "value": "a"}, {"id": 60, "value": "shop"}]
    assert account.body("ticket_fields/60")["ticket_field"]["title"] == "Channel"


def test_exports_can_repeat_rows_time_out_forget_cursors_and_answer_in_text(account: Account) -> None:
    account.write("tickets", *range(1, 8), age=HOUR)
    account.order("POST", "settings", {"repeated_rows": 2, "slow_page_rows": 4, "too_recent_as_text": True})

    rows = ids(account.export(start_time=0, per_page=4))
    slow = account.get(TICKETS, start_time=0)
    recent = account.get(TICKETS, start_time=account.ago(5))
    account.order("POST", "settings", {"slow_page_rows": None, "slow_page_bytes": 1000})
    heavy = account.get(TICKETS, start_time=0)
    account.order("POST", "settings", {"slow_page_bytes": None, "cursor_age_seconds": 600})
    cursor = account.body(TICKETS, start_time=0)["after_cursor"]
    expired = account.get(TICKETS, cursor=cursor)

    assert rows == [1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 7]
    for timed_out in (slow, heavy):
        assert (timed_out.status_code, timed_out.text) == (504, "upstream request timeout")
    assert recent.status_code == 422
    assert recent.text == "Too recent start_time. Use a start_time older than 5 minutes"
    assert expired.status_code == 422
    account.order("DELETE", "settings", status=204)
    assert account.body(TICKETS, cursor=cursor)["end_of_stream"]


def test_orders_that_cannot_be_followed_say_why(account: Account) -> None:
    for method, path, body, reason in (
        ("PATCH", "tickets/9", {}, "no such record"),
        ("PUT", "ticket/9", {}, "none of tickets, users"),
        ("PUT", "tickets/nine", {}, "must be a number"),
        ("POST", "tickets/9/merge", {"into": 9}, "into itself"),
        ("PUT", "users/9", {"updated_at": "yesterday"}, "not an ISO 8601 time"),
        ("PUT", "tickets/9", {"tags": "vip"}, "Expected `array`, got `str` - at `$.tags`"),
        ("POST", "tickets", [{"id": "nine"}], "must be a number"),
        ("POST", "settings", {"repeated_rows": -1}, "repeated_rows"),
        ("POST", "settings", {"plan": "free"}, "plan"),
    ):
        assert reason in account.order(method, path, body, status=400)["error"]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_missed_while_the_account_changes_between_pages(account: Account, seed: int) -> None:
    random = Random(seed)
    account.order("POST", "settings", {"repeated_rows": random.choice((0, 1, 3))})
    account.write("tickets", *range(1, 41), age=HOUR)
    seen: dict[int, tuple[int, str]] = {}
    cursor = account.body(TICKETS, start_time=0, per_page=1)["after_cursor"]
    seen |= {
        t["id"]: (t["generated_timestamp"], t["status"]) for t in account.export(start_time=0, per_page=1)
    }

    for _ in range(25):
        for _ in range(random.randrange(4)):
            ticket = random.randrange(1, 61)
            act = random.choice(("PUT", "PATCH", "POST", "DELETE"))
            known = account.sandbox.store.value("select 1 from zd_ticket where id = ?", (ticket,))
            if act == "PUT" or not known:
                account.order("PUT", f"tickets/{ticket}", {"status": random.choice(("new", "open"))})
            elif act == "POST":
                account.order("POST", f"tickets/{ticket}/system-update", {"group_id": random.randrange(9)})
            else:
                account.order(act, f"tickets/{ticket}", {"status": "solved"})
        account.sandbox.clock.advance(random.choice((0, 0, 1, 30)))
        page = account.body(TICKETS, cursor=cursor, per_page=random.randrange(1, 9))
        cursor = page["after_cursor"]
        seen |= {t["id"]: (t["generated_timestamp"], t["status"]) for t in page["tickets"]}
    account.sandbox.clock.advance(61)
    rest = account.export(cursor=cursor, per_page=5)
    seen |= {t["id"]: (t["generated_timestamp"], t["status"]) for t in rest}

    truth = account.sandbox.store.rows(
        "select id, generated_at, json_extract(body, '$.status') from zd_ticket order by id"
    )
    assert sorted((i, *version) for i, version in seen.items()) == [tuple(row) for row in truth]

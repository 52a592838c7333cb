"""Loading Zendesk from the sandbox over HTTP into DuckDB."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from c360_platform.sandbox.server import running_sandbox
from c360_platform.sandbox.traffic import Fault
from dlt_pipelines.errors import ResourceSelectionError, SourceProtocolError
from dlt_pipelines.pipeline import load_until_caught_up, make_pipeline
from dlt_pipelines.zendesk import RESOURCES, zendesk_source
from tests.pipelines.accounts import EMAIL, TOKEN, UNLIMITED, Warehouse, ZendeskAccount

HOUR = timedelta(hours=1)
TICKETS = "/api/v2/incremental/tickets/cursor.json"
ORGANIZATIONS = "/api/v2/incremental/organizations.json"


def test_loading_twice_gives_the_same_rows_and_reads_nothing_again(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 51))
    zendesk.users(range(1, 31))
    zendesk.organizations(range(1, 4))
    zendesk.rating(1, "good", offered_age=10 * HOUR, changed_age=9 * HOUR)

    first = zendesk.load()
    content = zendesk.warehouse.content("zendesk", RESOURCES)
    second = zendesk.load()

    assert {table: len(rows) for table, rows in content.items()} == {
        "tickets": 50,
        "ticket_metrics": 50,
        "users": 30,
        "organizations": 3,
        "satisfaction_ratings": 1,
        "csat_survey_responses": 0,
        "ticket_events": 0,
        "ticket_metric_events": 0,
        "ticket_fields": 7,
    }
    assert first.rows == {table: len(rows) for table, rows in content.items()} | {"rejected_rows": 0}
    assert first.drift == []
    # the time-based export repeats its last second, ratings are read again; the cursor exports are not
    assert second.rows == first.rows | {"tickets": 0, "ticket_metrics": 0, "users": 0}
    assert zendesk.warehouse.content("zendesk", RESOURCES) == content


def test_values_arrive_typed_and_nested_ones_as_the_json_that_was_sent(zendesk: ZendeskAccount) -> None:
    zendesk.tickets([35436], due_at="2026-03-01T10:00:00+02:00", satisfaction_rating=None)

    zendesk.load("tickets", "ticket_metrics")

    [row] = zendesk.warehouse.rows(
        "select id, requester_id, is_public, epoch(due_at)::bigint, via, tags, custom_fields, "
        "satisfaction_rating, external_id, _dlt_load_id is not null from zendesk.tickets"
    )
    assert row[:4] == ("35436", "7", True, 1772352000)
    assert json.loads(row[4]) == {"channel": "email", "source": {"to": {"name": "Zoë"}}}
    assert json.loads(row[5]) == ["vip"]
    assert json.loads(row[6]) == [{"id": 1, "value": "A-100"}]
    assert row[7:] == (None, None, True)


def test_updated_and_deleted_tickets_replace_their_rows(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 11))
    zendesk.load("tickets", "ticket_metrics")
    zendesk.tickets([3], age=HOUR, status="solved", subject="Solved")
    zendesk.tickets([4], age=HOUR, status="deleted", metrics=False)

    report = zendesk.load("tickets", "ticket_metrics")

    assert report.rows["tickets"] == 2
    assert zendesk.warehouse.rows(
        "select id, status, subject from zendesk.tickets where status <> 'open' order by id"
    ) == [("3", "solved", "Solved"), ("4", "deleted", "Where is my order?")]
    assert zendesk.warehouse.counts("zendesk", ("tickets", "ticket_metrics")) == {
        "tickets": 10,
        "ticket_metrics": 10,
    }


def test_a_system_change_that_leaves_updated_at_alone_is_loaded(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 11), age=3 * HOUR)
    zendesk.load("tickets", "ticket_metrics")
    zendesk.tickets([5], age=HOUR, updated_age=3 * HOUR, group_id=99)

    zendesk.load("tickets", "ticket_metrics")

    assert zendesk.warehouse.rows("select id from zendesk.tickets where group_id = '99'") == [("5",)]


def test_case_38_tickets_of_one_second_survive_the_boundary_between_pages_and_packages(
    zendesk: ZendeskAccount,
) -> None:
    zendesk.tickets(range(1, 2501), age=HOUR)  # all of them in the same second
    zendesk.users(range(1, 1202), age=HOUR)
    warehouse = zendesk.warehouse

    report = load_until_caught_up(
        lambda: zendesk_source(
            base_url=zendesk.sandbox.url,
            email=EMAIL,
            api_token=TOKEN,
            pages_per_package=1,
            exports_per_minute=UNLIMITED,
        ),
        lambda: make_pipeline("zendesk", warehouse.path, warehouse.dlt_home),
    )

    assert report.packages == 3
    assert warehouse.counts("zendesk", ("tickets", "ticket_metrics", "users")) == {
        "tickets": 2500,
        "ticket_metrics": 2500,
        "users": 1201,
    }
    assert warehouse.value("select count(distinct id) from zendesk.tickets") == 2500


def test_case_38_organizations_of_the_last_second_are_repeated_but_not_doubled(
    zendesk: ZendeskAccount,
) -> None:
    zendesk.organizations(range(1, 700), age=3 * HOUR)
    zendesk.organizations(range(700, 1201), age=2 * HOUR)
    zendesk.load("organizations")
    zendesk.organizations([5], age=HOUR, deleted_at="2026-01-01T00:00:00Z")

    zendesk.load("organizations")

    assert zendesk.warehouse.value("select count(*) from zendesk.organizations") == 1200
    assert zendesk.warehouse.rows("select id from zendesk.organizations where deleted_at is not null") == [
        ("5",)
    ]


def test_case_37_more_organizations_in_one_second_than_a_page_holds_are_an_error_not_a_loop(
    zendesk: ZendeskAccount,
) -> None:
    zendesk.organizations(range(1, 1502))

    with pytest.raises(SourceProtocolError, match="cannot pass it"):
        zendesk.load("organizations")

    assert zendesk.sandbox.calls()[f"GET {ORGANIZATIONS}"] == 2


def test_a_rating_that_is_answered_later_is_read_again(zendesk: ZendeskAccount) -> None:
    zendesk.rating(1, "offered", offered_age=timedelta(days=50), changed_age=timedelta(days=50))
    zendesk.rating(2, "good", offered_age=timedelta(days=1), changed_age=timedelta(days=1))
    zendesk.load("satisfaction_ratings")
    zendesk.rating(1, "bad", offered_age=timedelta(days=50), changed_age=HOUR)

    zendesk.load("satisfaction_ratings")

    assert zendesk.warehouse.rows("select id, score from zendesk.satisfaction_ratings order by id") == [
        ("1", "bad"),
        ("2", "good"),
    ]


def test_a_survey_response_gives_its_ticket_rating_comment_and_times(zendesk: ZendeskAccount) -> None:
    rating = {
        "type": "rating_scale",
        "rating": 2,
        "rating_category": "bad",
        "question": {"id": "Q1", "type": "rating_scale_numeric", "sub_type": "customer_satisfaction"},
        "created_at": "2026-02-01T10:00:00.000Z",
        "updated_at": "2026-02-01T10:00:00.000Z",
    }
    other = {
        **rating,
        "rating": 5,
        "question": {"id": "Q2", "type": "rating_scale_numeric", "sub_type": "other"},
    }
    comment = {"type": "open_ended", "value": "Slow", "updated_at": "2026-02-03T10:00:00.000Z"}
    skipped = {"type": "skipped", "question": {"id": "Q3", "type": "open_ended"}}
    zendesk.survey_response(
        "01JA", [other, rating, comment, skipped], ["zen:conversation:x", "zen:ticket:99"]
    )
    zendesk.survey_response("01JB", [skipped], ["zen:ticket:98"])
    zendesk.survey_response("01JC", [rating], ["zen:conversation:y"])

    zendesk.load("csat_survey_responses")

    assert zendesk.warehouse.rows(
        "select id, ticket_id, requester_id, rating, comment, strftime(created_at, '%d'), "
        "strftime(updated_at, '%d') from zendesk.csat_survey_responses"
    ) == [("01JA", "99", "7", 2, "Slow", "01", "03")]


def test_a_plan_without_surveys_leaves_their_table_empty(zendesk: ZendeskAccount) -> None:
    zendesk.sandbox.traffic.add_fault(Fault(404, path="/api/v2/guide/survey_responses"))

    zendesk.load("csat_survey_responses")

    assert zendesk.warehouse.value("select count(*) from zendesk.csat_survey_responses") == 0


def test_half_of_what_comes_from_one_export_is_refused(zendesk: ZendeskAccount) -> None:
    zendesk.tickets([1])

    with pytest.raises(ResourceSelectionError, match="select both"):
        zendesk.load("ticket_metrics")
    zendesk.load("users")
    report = zendesk.load("tickets", "ticket_metrics")

    assert report.rows == {"tickets": 1, "ticket_metrics": 1, "rejected_rows": 0}


def test_case_38_when_zendesk_forgot_the_cursor_reading_goes_on_by_time(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 11), age=3 * HOUR)
    zendesk.load("tickets", "ticket_metrics")
    zendesk.tickets([11], age=HOUR)
    zendesk.sandbox.traffic.add_fault(Fault(400, path=TICKETS, body='{"error":"InvalidCursor"}'))

    zendesk.load("tickets", "ticket_metrics")

    assert zendesk.warehouse.value("select count(distinct id) from zendesk.tickets") == 11


def test_a_page_too_large_for_the_gateway_is_asked_for_in_halves(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 1001))
    zendesk.sandbox.traffic.add_fault(Fault(504, path=TICKETS, body="upstream request timeout"))

    zendesk.load("tickets", "ticket_metrics")

    assert zendesk.warehouse.value("select count(distinct id) from zendesk.tickets") == 1000
    assert zendesk.sandbox.calls()[f"GET {TICKETS}"] == 3


def test_a_small_account_needs_five_exports_and_stays_below_the_limit(warehouse: Warehouse) -> None:
    with running_sandbox(warehouse.path.with_name("limited.sqlite")) as sandbox:
        zendesk = ZendeskAccount(sandbox, warehouse)
        zendesk.tickets(range(1, 901))
        zendesk.users(range(1, 901))

        report = zendesk.load()

        assert report.rows["tickets"] == 900
        calls = {name: count for name, count in sandbox.calls().items() if "incremental" in name}
        assert sum(calls.values()) == 5
        assert report.traffic["refused_429"] == 0


def test_events_of_tickets_come_once_with_or_without_what_was_said(zendesk: ZendeskAccount) -> None:
    zendesk.ticket_events(range(1, 1201), age=lambda number: 3 * HOUR - number // 50 * timedelta(seconds=1))
    zendesk.load("ticket_events", comments=False)
    said = "select count(*) filter (where child_events like '%Hello%'), count(*), count(distinct id) " \
        "from zendesk.ticket_events"  # fmt: skip
    without = zendesk.warehouse.rows(said)
    zendesk.ticket_events([1201], age=lambda _: HOUR)

    zendesk.load("ticket_events")

    assert without == [(0, 1200, 1200)]
    assert zendesk.warehouse.rows(said) == [(2, 1201, 1201)]  # the new one, and the last second once more
    assert zendesk.warehouse.rows(
        "select ticket_id, event_type, epoch(created_at)::bigint = occurred_timestamp, via "
        "from zendesk.ticket_events where id = '1201'"
    ) == [("7", "Audit", True, '"Mail"')]


def test_case_38_more_metric_events_in_one_second_than_a_page_holds_are_passed_by_cursor(
    zendesk: ZendeskAccount,
) -> None:
    zendesk.metric_events(range(1, 11), age=5 * HOUR)
    zendesk.metric_events(range(11, 1511), age=4 * HOUR)  # one bulk change
    zendesk.metric_events(range(1511, 1521), age=3 * HOUR)
    zendesk.load("ticket_metric_events")
    zendesk.metric_events([1521], age=2 * HOUR)
    zendesk.metric_events([12], age=4 * HOUR, deleted=True)

    zendesk.load("ticket_metric_events")

    warehouse = zendesk.warehouse
    assert warehouse.rows(
        "select count(*), count(distinct id), count(*) filter (where id = '1521') "
        "from zendesk.ticket_metric_events"
    ) == [(1521, 1521, 1)]


def test_ticket_fields_are_those_of_now(zendesk: ZendeskAccount) -> None:
    zendesk.load("ticket_fields")
    zendesk.ticket_field(27642, "Topic")

    zendesk.load("ticket_fields")

    assert zendesk.warehouse.rows(
        "select title, removable from zendesk.ticket_fields where id = '27642'"
    ) == [("Topic", True)]
    assert zendesk.warehouse.value("select count(*) from zendesk.ticket_fields") == 8

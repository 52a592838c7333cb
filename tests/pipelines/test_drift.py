"""An API that sends otherwise than it documents: what is loaded, what is kept, what is told."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.pipelines.accounts import KlaviyoAccount, ZendeskAccount, profile_id

HOUR = timedelta(hours=1)


def test_new_changed_and_vanished_fields_are_told_by_name_and_no_row_is_lost(zendesk: ZendeskAccount) -> None:
    zendesk.tickets(range(1, 21), age=3 * HOUR, due_at=None)
    zendesk.load("tickets", "ticket_metrics")
    zendesk.tickets(range(21, 31), age=2 * HOUR, sentiment={"score": 0.7})
    zendesk.tickets([31], age=HOUR, due_at="next Tuesday", requester_id="8")
    lines: list[str] = []

    report = zendesk.load("tickets", "ticket_metrics", report=lines.append)

    assert report.rows["tickets"] == 11
    [misfit] = [line for line in report.drift if "due_at" in line]
    assert report.drift == ["tickets: new field sentiment, kept in extra_fields", misfit]
    assert misfit.startswith("tickets: due_at changed its type (")
    assert "Tuesday" not in misfit
    assert "zendesk: tickets: the new field sentiment is kept in extra_fields" in lines
    warehouse = zendesk.warehouse
    assert warehouse.value("select count(*) from zendesk.tickets") == 31
    assert warehouse.rows(
        "select id, extra_fields, requester_id from zendesk.tickets "
        "where id in ('20', '21', '31') order by id"
    ) == [
        ("20", None, "7"),
        ("21", '{"sentiment":{"score": 0.7}}', "7"),
        ("31", '{"due_at":"next Tuesday"}', "8"),
    ]
    # the same fields are no news to a later load that no longer gets them
    zendesk.tickets([32], age=timedelta(minutes=30), without=("external_id",))
    assert zendesk.load("tickets", "ticket_metrics").drift == ["tickets: field external_id no longer comes"]


def test_a_row_without_a_usable_id_is_kept_with_its_reason_and_met_again_is_one(
    zendesk: ZendeskAccount,
) -> None:
    zendesk.organizations(range(1, 4), age=3 * HOUR)
    zendesk.organizations([4], age=2 * HOUR, without=("id",))
    zendesk.organizations([5], age=HOUR)

    first = zendesk.load("organizations")
    again = zendesk.load("organizations")

    assert first.drift == ["organizations: 1 rows could not be read, see rejected_rows"]
    assert again.drift == []  # the last second alone is read again
    warehouse = zendesk.warehouse
    assert warehouse.rows("select id from zendesk.organizations order by id") == [
        ("1",),
        ("2",),
        ("3",),
        ("5",),
    ]
    [(table, key, reason, record)] = warehouse.rows(
        "select table_name, row_key, reason, record from zendesk.rejected_rows"
    )
    assert (table, key, reason) == ("organizations", None, "id is missing")
    assert json.loads(record)["name"] == "O4"
    warehouse.rows("delete from zendesk._dlt_pipeline_state")  # everything is read anew
    zendesk.load("organizations")
    assert warehouse.value("select count(*) from zendesk.rejected_rows") == 1


def test_klaviyos_unknown_attributes_and_odd_values_stay_with_their_profile(klaviyo: KlaviyoAccount) -> None:
    klaviyo.profiles([1, 2])
    klaviyo.answer_with(
        "/api/profiles",
        {
            "type": "profile",
            "id": profile_id(1),
            "attributes": {
                "email": "p1@shop.example",
                "first_name": 7,
                "created": "2026-01-01 00:01:00+00:00",
                "updated": "2026-01-01T00:01:00Z",
                "loyalty": {"points": 3},
                "subscriptions": {"email": {"marketing": {"consent": ["?"], "suppression": None}}},
            },
        },
        {"type": "profile", "id": profile_id(2), "attributes": None},
    )

    report = klaviyo.load("profiles")

    [row] = klaviyo.warehouse.rows(
        "select id, first_name, epoch(created)::bigint, email_marketing_consent, extra_fields "
        "from klaviyo.profiles"
    )
    assert row[:4] == (profile_id(1), "7", 1767225660, None)
    assert json.loads(row[4]) == {"loyalty": {"points": 3}, "consent": ["?"]}
    assert klaviyo.warehouse.rows("select table_name, row_key, reason from klaviyo.rejected_rows") == [
        ("profiles", profile_id(2), "attributes: not an object")
    ]
    assert [line.partition(" (")[0] for line in report.drift] == [
        "profiles: new field loyalty, kept in extra_fields",
        "profiles: consent changed its type",
        "profiles: 1 rows could not be read, see rejected_rows",
    ]


def test_suppressions_that_cannot_be_read_are_kept_as_they_were_sent(klaviyo: KlaviyoAccount) -> None:
    marketing = {"suppression": [{"reason": ["?"]}], "list_suppressions": []}
    attributes = {"email": "p1@shop.example", "subscriptions": {"email": {"marketing": marketing}}}
    klaviyo.answer_with("/api/profiles", {"type": "profile", "id": profile_id(1), "attributes": attributes})

    klaviyo.load("suppressions")

    [(table, key, record)] = klaviyo.warehouse.rows(
        "select table_name, row_key, record from klaviyo.rejected_rows"
    )
    assert (table, key) == ("suppressions", profile_id(1))
    assert json.loads(record) == {"id": profile_id(1), **marketing}
    assert klaviyo.warehouse.value("select count(*) from klaviyo.suppressions") == 0

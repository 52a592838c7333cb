"""The SDK against the sandbox's Klaviyo: every answer parses, as models and as dictionaries."""

from __future__ import annotations

import pytest
from klaviyo_api import KlaviyoAPI
from openapi_client import ApiException

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import plain
from tests.platform.sandbox.payloads import (
    SUBSCRIBE,
    SUPPRESS,
    UNSUBSCRIBE,
    UNSUPPRESS,
    consent_job,
    event,
    event_entry,
    event_job,
    import_job,
    members,
    named_list,
    profile,
    row,
)


def test_accounts(klaviyo: KlaviyoAPI) -> None:
    (account,) = plain(klaviyo.Accounts.get_accounts())["data"]
    assert account["id"] == "SANDBX"
    one = plain(klaviyo.Accounts.get_account("SANDBX"))["data"]
    assert one["attributes"]["preferred_currency"] == "EUR"


def test_profiles(klaviyo: KlaviyoAPI, mode: str) -> None:
    profiles = klaviyo.Profiles
    body = profile(
        email=f"Ada.{mode}@Shop.example", location={"city": "Köln"}, properties={"LTV": 12.5, "Tags": ["a"]}
    )
    ada = plain(profiles.create_profile(body))["data"]
    assert ada["attributes"]["email"] == f"ada.{mode}@shop.example"
    additional = ["subscriptions", "predictive_analytics"]
    found = plain(profiles.get_profile(ada["id"], additional_fields_profile=additional))["data"]["attributes"]
    assert found["location"]["city"] == "Köln"
    assert found["properties"] == {"LTV": 12.5, "Tags": ["a"]}
    assert found["subscriptions"]["email"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
    renamed = {"data": {"type": "profile", "id": ada["id"], "attributes": {"last_name": "L"}}}
    assert plain(profiles.update_profile(ada["id"], renamed))["data"]["attributes"]["last_name"] == "L"
    again = plain(profiles.create_or_update_profile(profile(email=f"ada.{mode}@shop.example", title="Dr")))
    assert again["data"]["id"] == ada["id"]
    by_email = plain(
        profiles.get_profiles(
            filter=f'any(email,["ada.{mode}@shop.example","nobody@shop.example"])',
            additional_fields_profile=["subscriptions"],
            page_size=100,
        )
    )
    assert [one["id"] for one in by_email["data"]] == [ada["id"]]


def test_lists(klaviyo: KlaviyoAPI, mode: str) -> None:
    lists, profiles = klaviyo.Lists, klaviyo.Profiles
    made = plain(lists.create_list(named_list(f"VIP {mode}")))["data"]["id"]
    found = plain(lists.get_lists(filter=f'equals(name,"VIP {mode}")'))["data"]
    assert [one["id"] for one in found] == [made]
    new_name = {"data": {"type": "list", "id": made, "attributes": {"name": f"Best {mode}"}}}
    assert plain(lists.update_list(made, new_name))["data"]["attributes"]["name"] == f"Best {mode}"
    ids = [
        plain(profiles.create_profile(profile(email=f"{name}.{mode}@shop.example")))["data"]["id"]
        for name in ("on", "off")
    ]
    assert lists.add_profiles_to_list(made, members(*ids)) is None
    assert lists.remove_profiles_from_list(made, members(ids[1])) is None
    on_list = plain(lists.get_profiles_for_list(made, additional_fields_profile=["subscriptions"]))["data"]
    assert [one["id"] for one in on_list] == ids[:1]
    assert plain(lists.get_profile_ids_for_list(made, page_size=100))["data"][0]["id"] == ids[0]
    assert plain(profiles.get_lists_for_profile(ids[0]))["data"][0]["id"] == made
    assert plain(profiles.get_list_ids_for_profile(ids[0]))["data"][0]["id"] == made
    counted = plain(lists.get_list(made, additional_fields_list=["profile_count"]))["data"]
    assert counted["attributes"]["profile_count"] == 1
    lists.delete_list(made)
    with pytest.raises(ApiException) as caught:
        lists.get_list(made)
    assert caught.value.status == 404


def test_imports(klaviyo: KlaviyoAPI, mode: str, sandbox: Sandbox) -> None:
    profiles = klaviyo.Profiles
    made = plain(klaviyo.Lists.create_list(named_list(f"Imported {mode}")))["data"]["id"]
    rows = [row(f"r{index}.{mode}@shop.example", properties={"Total Orders": index}) for index in range(2)]
    rows.append({"type": "profile", "id": "01UNKNOWN", "attributes": {"first_name": "X"}})
    job = plain(profiles.bulk_import_profiles(import_job(rows, made)))["data"]
    assert job["attributes"]["status"] == "queued"
    sandbox.settle()
    job = plain(profiles.get_bulk_import_profiles_job(job["id"], include=["lists"]))
    job_id, attributes = job["data"]["id"], job["data"]["attributes"]
    assert (attributes["status"], attributes["completed_count"], attributes["failed_count"]) == (
        "complete",
        2,
        1,
    )
    assert job["included"][0]["id"] == made
    jobs = plain(profiles.get_bulk_import_profiles_jobs(filter='equals(status,"complete")'))["data"]
    assert job_id in [one["id"] for one in jobs]
    (error,) = plain(profiles.get_errors_for_bulk_import_profiles_job(job_id))["data"]
    assert error["attributes"]["original_payload"] == rows[2]
    imported = plain(profiles.get_profiles_for_bulk_import_profiles_job(job_id))["data"]
    ids = plain(profiles.get_profile_ids_for_bulk_import_profiles_job(job_id))["data"]
    assert [one["id"] for one in imported] == [one["id"] for one in ids]
    assert plain(profiles.get_list_for_bulk_import_profiles_job(job_id))["data"][0]["id"] == made


def test_events_and_metrics(klaviyo: KlaviyoAPI, mode: str) -> None:
    events, metric = klaviyo.Events, f"Package Shipped {mode}"
    sent = event(f"bob.{mode}@shop.example", metric, {"carrier": "DHL"}, value=9.5, unique_id="one")
    assert events.create_event(sent) is None
    entry = event_entry(f"new.{mode}@shop.example", metric, {"unique_id": "two", "properties": {"n": 1}})
    assert events.bulk_create_events(event_job(entry)) is None
    metrics = plain(klaviyo.Metrics.get_metrics())["data"]
    metric_id = next(one["id"] for one in metrics if one["attributes"]["name"] == metric)
    assert plain(klaviyo.Metrics.get_metric(metric_id))["data"]["attributes"]["name"] == metric
    read = plain(
        events.get_events(
            filter=f'equals(metric_id,"{metric_id}")',
            include=["metric", "profile"],
            sort="-datetime",
            page_size=1000,
        )
    )
    unique_ids = [one["attributes"]["event_properties"]["$event_id"] for one in read["data"]]
    assert sorted(unique_ids) == ["one", "two"]
    assert [one["type"] for one in read["included"]] == ["metric", "profile", "profile"]
    one = plain(events.get_event(read["data"][0]["id"], include=["metric"]))["data"]
    assert one["attributes"]["timestamp"] == read["data"][0]["attributes"]["timestamp"]


def test_consent(klaviyo: KlaviyoAPI, mode: str) -> None:
    profiles, email = klaviyo.Profiles, f"consent.{mode}@shop.example"
    made = plain(profiles.create_profile(profile(email=email)))["data"]["id"]
    assert profiles.bulk_subscribe_profiles(consent_job(SUBSCRIBE, email, consent="SUBSCRIBED")) is None
    unsubscribe = consent_job(UNSUBSCRIBE, email, consent="UNSUBSCRIBED")
    assert profiles.bulk_unsubscribe_profiles(unsubscribe) is None
    job = plain(profiles.bulk_suppress_profiles(consent_job(SUPPRESS, email)))["data"]
    assert job["attributes"]["status"] == "processing"
    reason = 'equals(subscriptions.email.marketing.suppression.reason,"USER_SUPPRESSED")'
    found = plain(profiles.get_profiles(filter=reason, additional_fields_profile=["subscriptions"]))["data"]
    assert [one["id"] for one in found] == [made]
    marketing = found[0]["attributes"]["subscriptions"]["email"]["marketing"]
    assert [entry["reason"] for entry in marketing["suppression"]] == ["UNSUBSCRIBE", "USER_SUPPRESSED"]
    lifted = plain(profiles.bulk_unsuppress_profiles(consent_job(UNSUPPRESS, email)))["data"]
    assert lifted["type"] == UNSUPPRESS

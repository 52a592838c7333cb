"""The SDK against the sandbox's Klaviyo: every answer parses, as models and as dictionaries."""

from __future__ import annotations

import pytest
from klaviyo_api import KlaviyoAPI
from openapi_client import ApiException

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import Http, plain, steer
from tests.platform.sandbox.payloads import (
    SUBSCRIBE,
    SUPPRESS,
    UNSUBSCRIBE,
    UNSUPPRESS,
    consent_job,
    delay,
    deletion,
    event,
    event_entry,
    event_job,
    flow,
    has_property,
    identifiers,
    import_job,
    members,
    merge,
    named,
    named_list,
    profile,
    row,
    segment,
    send_email,
)


def test_accounts(klaviyo: KlaviyoAPI) -> None:
    (account,) = plain(klaviyo.Accounts.get_accounts())["data"]
    assert account["id"] == "SANDBX"
    one = plain(klaviyo.Accounts.get_account("SANDBX"))["data"]
    assert one["attributes"]["preferred_currency"] == "EUR"


def test_profiles(klaviyo: KlaviyoAPI, mode: str, http: Http) -> None:
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
    predicted = {"predicted_clv": 120.5, "historic_number_of_orders": 2, "ranked_channel_affinity": ["email"]}
    predicted["expected_date_of_next_order"] = "2027-01-01T00:00:00+00:00"
    steer(http, "predictions", **{f"ada.{mode}@shop.example": predicted})
    (known,) = plain(
        profiles.get_profiles(filter=f'equals(id,"{ada["id"]}")', additional_fields_profile=additional)
    )["data"]
    assert known["attributes"]["predictive_analytics"]["predicted_clv"] == 120.5
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
    event_id = read["data"][0]["id"]
    one = plain(events.get_event(event_id, include=["metric", "attributions"]))["data"]
    assert one["attributes"]["timestamp"] == read["data"][0]["attributes"]["timestamp"]
    assert plain(events.get_metric_for_event(event_id))["data"]["id"] == metric_id
    person = plain(events.get_profile_for_event(event_id))["data"]["id"]
    assert plain(events.get_profile_id_for_event(event_id))["data"]["id"] == person


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
    job_id = job["id"]
    assert (
        plain(profiles.get_bulk_suppress_profiles_job(job_id))["data"]["attributes"]["status"] == "complete"
    )
    jobs = plain(
        profiles.get_bulk_suppress_profiles_jobs(filter='equals(status,"complete")', sort="-created")
    )
    assert job_id in [one["id"] for one in jobs["data"]]
    assert plain(profiles.get_bulk_unsuppress_profiles_jobs())["data"][0]["id"] == lifted["id"]
    assert plain(profiles.get_bulk_unsuppress_profiles_job(lifted["id"]))["data"]["type"] == UNSUPPRESS


def test_merges_and_deletions(klaviyo: KlaviyoAPI, mode: str) -> None:
    profiles = klaviyo.Profiles
    kept, gone = (
        plain(profiles.create_profile(profile(email=f"{name}.{mode}@shop.example")))["data"]["id"]
        for name in ("kept", "gone")
    )
    # The SDK knows 201 only; to the 202 of live accounts it gives None.
    assert profiles.merge_profiles(merge(kept, gone)) is None
    assert plain(profiles.get_profile(gone))["data"]["id"] == kept
    assert klaviyo.Data_Privacy.request_profile_deletion(deletion(id=kept)) is None
    with pytest.raises(ApiException) as caught:
        klaviyo.Data_Privacy.request_profile_deletion(deletion(email=f"kept.{mode}@shop.example"))
    assert caught.value.status == 404


def test_segments(klaviyo: KlaviyoAPI, mode: str) -> None:
    segments, profiles = klaviyo.Segments, klaviyo.Profiles
    person = plain(
        profiles.create_profile(profile(email=f"in.{mode}@shop.example", properties={"tier": mode}))
    )
    made = plain(segments.create_segment(segment(f"Tier {mode}", [has_property("tier", "equals", mode)])))
    segment_id, attributes = made["data"]["id"], made["data"]["attributes"]
    assert attributes["definition"]["condition_groups"][0]["conditions"][0]["filter"]["value"] == mode
    found = plain(segments.get_segments(filter=f'equals(name,"Tier {mode}")', page_size=10))["data"]
    assert [one["id"] for one in found] == [segment_id]
    one = plain(
        segments.get_segment(segment_id, additional_fields_segment=["profile_count"], include=["tags"])
    )
    assert one["data"]["attributes"]["profile_count"] == 1
    ids = plain(segments.get_profile_ids_for_segment(segment_id))["data"]
    members_found = plain(segments.get_profiles_for_segment(segment_id))["data"]
    assert [one["id"] for one in ids] == [one["id"] for one in members_found] == [person["data"]["id"]]
    of_profile = plain(profiles.get_segments_for_profile(ids[0]["id"]))["data"]
    assert segment_id in [one["id"] for one in of_profile]
    assert len(plain(profiles.get_segment_ids_for_profile(ids[0]["id"]))["data"]) == len(of_profile)
    included = plain(profiles.get_profile(ids[0]["id"], include=["segments", "lists"]))["included"]
    assert segment_id in [one["id"] for one in included]
    renamed = {"data": {"type": "segment", "id": segment_id, "attributes": {"name": f"T {mode}"}}}
    assert plain(segments.update_segment(segment_id, renamed))["data"]["attributes"]["name"] == f"T {mode}"
    assert segments.delete_segment(segment_id) is None


def test_flows(klaviyo: KlaviyoAPI, mode: str) -> None:
    flows = klaviyo.Flows
    klaviyo.Events.create_event(event(f"flow.{mode}@shop.example", f"Flow {mode}"))
    metrics = plain(klaviyo.Metrics.get_metrics())["data"]
    metric_id = next(one["id"] for one in metrics if one["attributes"]["name"] == f"Flow {mode}")
    body = flow(f"Welcome {mode}", {"type": "metric", "id": metric_id}, delay(2), send_email("Hello"))
    made = plain(flows.create_flow(body))["data"]
    definition = made["attributes"]["definition"]
    assert (made["attributes"]["status"], made["attributes"]["trigger_type"]) == ("draft", "Metric")
    assert definition["entry_action_id"] == definition["actions"][0]["id"]
    found = plain(flows.get_flows(filter=f'contains(name,"Welcome {mode}")', page_size=50))["data"]
    assert [one["id"] for one in found] == [made["id"]]
    one = plain(
        flows.get_flow(made["id"], additional_fields_flow=["definition"], include=["flow-actions", "tags"])
    )
    assert one["data"]["attributes"]["definition"] == definition
    assert [one["type"] for one in one["included"]] == ["flow-action", "flow-action"]
    triggered = plain(klaviyo.Metrics.get_flows_triggered_by_metric(metric_id))["data"]
    assert [one["id"] for one in triggered] == [made["id"]]
    emails = plain(flows.get_actions_for_flow(made["id"], filter='equals(action_type,"SEND_EMAIL")'))["data"]
    action = plain(flows.get_flow_action(emails[0]["id"], include=["flow"]))
    assert action["included"][0]["id"] == made["id"]
    (message,) = plain(flows.get_flow_action_messages(emails[0]["id"]))["data"]
    assert plain(flows.get_flow_message(message["id"]))["data"]["attributes"]["channel"] == "Email"
    live = {"data": {"type": "flow", "id": made["id"], "attributes": {"status": "live"}}}
    assert plain(flows.update_flow(made["id"], live))["data"]["attributes"]["status"] == "live"
    assert flows.delete_flow(made["id"]) is None


def test_tags(klaviyo: KlaviyoAPI, mode: str) -> None:
    tags = klaviyo.Tags
    group = plain(tags.create_tag_group(named("tag-group", f"Group {mode}")))["data"]
    made = plain(
        tags.create_tag(named("tag", f"Tag {mode}", tag_group={"type": "tag-group", "id": group["id"]}))
    )["data"]
    tag_id = made["id"]
    tagged = plain(klaviyo.Lists.create_list(named_list(f"Tagged {mode}")))["data"]["id"]
    assert tags.tag_lists(tag_id, identifiers("list", tagged)) is None
    assert plain(tags.get_list_ids_for_tag(tag_id))["data"] == [{"type": "list", "id": tagged}]
    assert plain(klaviyo.Lists.get_tags_for_list(tagged))["data"][0]["id"] == tag_id
    one = plain(klaviyo.Lists.get_list(tagged, include=["tags"]))
    assert [one["id"] for one in one["included"]] == [tag_id]
    found = plain(tags.get_tags(filter=f'starts-with(name,"Tag {mode}")', include=["tag-group"]))
    assert ([one["id"] for one in found["data"]], found["included"][0]["id"]) == ([tag_id], group["id"])
    assert plain(tags.get_tag_group_for_tag(tag_id))["data"]["id"] == group["id"]
    assert plain(tags.get_tags_for_tag_group(group["id"]))["data"][0]["id"] == tag_id
    assert tags.update_tag(tag_id, named("tag", f"Label {mode}", tag_id)) is None
    assert plain(tags.get_tag(tag_id))["data"]["attributes"]["name"] == f"Label {mode}"
    defaults = plain(tags.get_tag_groups(filter="equals(default,true)"))["data"]
    assert [one["attributes"]["name"] for one in defaults] == ["Ungrouped Tags"]
    assert tags.remove_tag_from_lists(tag_id, identifiers("list", tagged)) is None
    assert tags.delete_tag_group(group["id"]) is None
    with pytest.raises(ApiException) as caught:
        tags.get_tag(tag_id)
    assert caught.value.status == 404

"""Two profiles become one, and one becomes none."""

from __future__ import annotations

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import (
    Http,
    attributes_of,
    email_marketing,
    errors_of,
    ids_of,
    import_now,
    new_list,
    new_profile,
    profile_of,
    steer,
)
from tests.platform.sandbox.payloads import (
    SUBSCRIBE,
    consent_job,
    deletion,
    event,
    members,
    merge,
    profile,
    row,
)


def test_a_merge_moves_everything_and_keeps_what_the_destination_has(sandbox: Sandbox, http: Http) -> None:
    kept = new_profile(http, "kept@shop.example", first_name="Kept", properties={"a": 1, "b": 1})
    gone = new_profile(
        http,
        "gone@shop.example",
        phone_number="+4915100000011",
        first_name="Gone",
        last_name="Gone",
        properties={"b": 2, "c": 2},
    )
    both, one = new_list(http, "Both"), new_list(http, "One")
    http.json("POST", f"/api/lists/{both}/relationships/profiles", members(kept, gone), status=204)
    http.json("POST", f"/api/lists/{one}/relationships/profiles", members(gone), status=204)
    http.json(
        "POST",
        f"/api/{SUBSCRIBE}s",
        consent_job(SUBSCRIBE, "gone@shop.example", consent="SUBSCRIBED"),
        status=202,
    )
    for email, unique_id in (
        ("kept@shop.example", "same"),
        ("gone@shop.example", "same"),
        ("gone@shop.example", "own"),
    ):
        http.json("POST", "/api/events", event(email, "Merged", unique_id=unique_id), status=202)
    events = {
        one["id"] for one in http.json("GET", f'/api/events?filter=equals(profile_id,"{gone}")')["data"]
    }
    before = attributes_of(http, "kept@shop.example")["updated"]
    sandbox.clock.advance(5)
    merged = http.json("POST", "/api/profile-merge", merge(kept, gone), status=202)["data"]
    assert (merged["id"], merged["attributes"]) == (kept, {})

    person = attributes_of(http, "kept@shop.example")
    assert (person["phone_number"], person["first_name"], person["last_name"]) == (
        "+4915100000011",
        "Kept",
        "Gone",
    )
    assert person["properties"] == {"a": 1, "b": 1, "c": 2}
    assert person["subscriptions"]["email"]["marketing"]["consent"] == "SUBSCRIBED"
    assert person["updated"] > before
    assert profile_of(http, "gone@shop.example") is None
    assert sorted(ids_of(http.json("GET", f"/api/profiles/{kept}/lists"))) == sorted([both, one])
    found = http.json("GET", f'/api/events?filter=equals(profile_id,"{kept}")')["data"]
    assert sorted(one["attributes"]["event_properties"]["$event_id"] for one in found) == ["own", "same"]
    assert len({one["id"] for one in found} & events) == 1, "a moved event keeps its id"


def test_the_id_of_a_merged_profile_leads_on_for_a_while(sandbox: Sandbox, http: Http) -> None:
    kept, gone = new_profile(http, "stays@shop.example"), new_profile(http, "goes@shop.example")
    steer(http, "lags", merges=30, merged_ids=600)
    http.json("POST", "/api/profile-merge", merge(kept, gone), status=202)
    assert profile_of(http, "goes@shop.example") is not None, "the merge is not done yet"
    sandbox.clock.advance(31)
    assert http.json("GET", f"/api/profiles/{gone}")["data"]["id"] == kept
    named = {"data": {"type": "profile", "id": gone, "attributes": {"title": "Dr"}}}
    assert http.json("PATCH", f"/api/profiles/{gone}", named)["data"]["id"] == kept
    list_id = new_list(http, "By a former id")
    http.json("POST", f"/api/lists/{list_id}/relationships/profiles", members(gone), status=204)
    assert ids_of(http.json("GET", f"/api/lists/{list_id}/profiles")) == [kept]
    sandbox.clock.advance(600)
    (error,) = errors_of(http, "GET", f"/api/profiles/{gone}", None, status=404)
    assert error["detail"] == f"A profile with id {gone} does not exist."
    steer(http, "lags", merges=0, merged_ids=3600)
    errors_of(http, "POST", "/api/profile-merge", merge(kept, gone), status=404)
    errors_of(http, "POST", "/api/profile-merge", merge(kept, kept))


def test_a_deletion_takes_the_profile_its_events_and_its_memberships(sandbox: Sandbox, http: Http) -> None:
    email = "forgotten@shop.example"
    person = new_profile(http, email)
    list_id = new_list(http, "Remembers nobody")
    http.json("POST", f"/api/lists/{list_id}/relationships/profiles", members(person), status=204)
    http.json("POST", "/api/events", event(email, "Forgotten"), status=202)
    steer(http, "lags", deletions=60)
    http.json("POST", "/api/data-privacy-deletion-jobs", deletion(email=email.upper()), status=202)
    assert profile_of(http, email) is not None
    sandbox.clock.advance(60)
    assert profile_of(http, email) is None
    assert http.json("GET", f"/api/lists/{list_id}/profiles")["data"] == []
    assert http.json("GET", f'/api/events?filter=equals(profile_id,"{person}")')["data"] == []
    (error,) = errors_of(http, "POST", "/api/data-privacy-deletion-jobs", deletion(email=email), status=404)
    assert error["detail"] == (
        f'No profile with email "{email}" found.  The profile may have already been deleted.'
    )
    two = deletion(email="a@shop.example", phone_number="+4915100000012")
    errors_of(http, "POST", "/api/data-privacy-deletion-jobs", two)
    steer(http, "lags", deletions=0)
    assert new_profile(http, email) != person, "the e-mail is free again"


def test_identifiers_are_appended_where_they_are_free(sandbox: Sandbox, http: Http) -> None:
    new_profile(http, "owner@shop.example", phone_number="+4915100000013")
    new_profile(http, "taker@shop.example")

    def patch(**patches: dict[str, str]) -> dict[str, object]:
        body = profile(email="taker@shop.example")
        body["data"]["meta"] = {"patch_identifiers": patches}
        return body

    (error,) = errors_of(
        http, "POST", "/api/profile-import", patch(append={"phone_number": "+4915100000013"}), status=409
    )
    assert error["code"] == "duplicate_profile"
    taken = row(
        "new@shop.example", meta={"patch_identifiers": {"append": {"phone_number": "+4915100000013"}}}
    )
    assert import_now(sandbox, http, [taken])["attributes"]["failed_count"] == 1
    assert profile_of(http, "new@shop.example") is None
    sent = event("new@shop.example", "Patched")
    sent["data"]["attributes"]["profile"]["data"]["meta"] = taken["meta"]
    http.json("POST", "/api/events", sent, status=202)
    assert attributes_of(http, "new@shop.example")["phone_number"] is None
    http.json("POST", "/api/profile-import", patch(append={"external_id": "c-13"}))
    assert attributes_of(http, "taker@shop.example")["external_id"] == "c-13"
    http.json("POST", "/api/profile-import", patch(unappend={"external_id": "c-13"}))
    assert attributes_of(http, "taker@shop.example")["external_id"] is None


def test_predictions_are_shown_to_who_asks_and_only_of_whom_they_are_known(http: Http) -> None:
    buyer, nobody = new_profile(http, "buyer@shop.example"), new_profile(http, "nobody@shop.example")
    predicted = {"predicted_clv": 120.5, "expected_date_of_next_order": "2027-01-01T00:00:00Z"}
    order = {"buyer@shop.example": predicted, "stranger@shop.example": None}
    assert http.json("POST", "/sandbox/predictions", order) == {"unknown": 1}
    query = "additional-fields[profile]=predictive_analytics"
    found = http.json("GET", f"/api/profiles/{buyer}?{query}")["data"]["attributes"]["predictive_analytics"]
    assert (found["predicted_clv"], found["expected_date_of_next_order"]) == (
        120.5,
        "2027-01-01T00:00:00+00:00",
    )
    assert found["historic_clv"] is None
    of_nobody = http.json("GET", f"/api/profiles/{nobody}?{query}")["data"]["attributes"][
        "predictive_analytics"
    ]
    assert set(of_nobody.values()) == {None}
    part = "fields[profile]=predictive_analytics.predicted_clv,subscriptions.sms.marketing.consent"
    both = f"{query},subscriptions&{part}"
    assert http.json("GET", f"/api/profiles/{buyer}?{both}")["data"]["attributes"] == {
        "predictive_analytics": {"predicted_clv": 120.5},
        "subscriptions": {"sms": {"marketing": {"consent": "NEVER_SUBSCRIBED"}}},
    }
    assert email_marketing(http, "buyer@shop.example")["list_suppressions"] == []

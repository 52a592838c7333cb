"""What changes consent, and what does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import (
    Http,
    attributes_of,
    email_marketing,
    errors_of,
    new_list,
    new_profile,
    profile_of,
    steer,
)
from tests.platform.sandbox.payloads import (
    SUBSCRIBE,
    SUPPRESS,
    UNSUBSCRIBE,
    UNSUPPRESS,
    consent_job,
    profile,
)


def test_subscribing_lifts_suppressions_and_only_it_moves_updated(sandbox: Sandbox, http: Http) -> None:
    email = "consent@shop.example"
    http.json("POST", "/api/profile-import", profile(email=email), status=201)

    def after(kind: str, **marketing: Any) -> tuple[str, list[str], bool, bool]:
        before = attributes_of(http, email)["updated"]
        sandbox.clock.advance(10)
        http.json("POST", f"/api/{kind}s", consent_job(kind, email, **marketing), status=202)
        marketing = email_marketing(http, email)
        reasons = [entry["reason"] for entry in marketing["suppression"]]
        moved = attributes_of(http, email)["updated"] != before
        return marketing["consent"], reasons, marketing["can_receive_email_marketing"], moved

    assert after(SUPPRESS) == ("NEVER_SUBSCRIBED", ["USER_SUPPRESSED"], False, False)
    assert after(SUBSCRIBE, consent="SUBSCRIBED") == ("SUBSCRIBED", [], True, True)
    assert after(SUPPRESS) == ("SUBSCRIBED", ["USER_SUPPRESSED"], False, False)
    assert after(UNSUBSCRIBE, consent="UNSUBSCRIBED")[:2] == (
        "UNSUBSCRIBED",
        ["USER_SUPPRESSED", "UNSUBSCRIBE"],
    )
    assert after(UNSUPPRESS) == ("UNSUBSCRIBED", ["UNSUBSCRIBE"], False, False)


def test_who_becomes_a_subscriber_depends_on_the_list(http: Http) -> None:
    single, double = new_list(http, "Single"), new_list(http, "Double", "double_opt_in")
    for email, list_id, historical in (
        ("nolist@shop.example", None, False),
        ("single@shop.example", single, False),
        ("double@shop.example", double, False),
        ("historical@shop.example", double, True),
    ):
        marketing = {"consent": "SUBSCRIBED"}
        if historical:
            marketing["consented_at"] = "2024-05-01T00:00:00Z"
        body = consent_job(SUBSCRIBE, email, list_id=list_id, historical=historical, **marketing)
        http.json("POST", f"/api/{SUBSCRIBE}s", body, status=202)
    assert profile_of(http, "nolist@shop.example") is None
    assert email_marketing(http, "single@shop.example")["consent"] == "SUBSCRIBED"
    assert email_marketing(http, "double@shop.example")["consent"] == "NEVER_SUBSCRIBED"
    consented = email_marketing(http, "historical@shop.example")
    assert consented["consent_timestamp"].startswith("2024-05-01T00:00:00")
    undated = consent_job(SUBSCRIBE, "new@shop.example", historical=True, consent="SUBSCRIBED")
    (error,) = errors_of(http, "POST", f"/api/{SUBSCRIBE}s", undated)
    assert error["source"]["pointer"].endswith("/consented_at")


def sms(
    kind: str, email: str, phone: str, consent: str, *kinds: str, at: str | None = None
) -> dict[str, Any]:
    """A (un)subscription of a phone number to `marketing`, `transactional` or both."""
    said = {"consent": consent, **({"consented_at": at} if at else {})}
    attributes = {"email": email, "phone_number": phone, "subscriptions": {"sms": dict.fromkeys(kinds, said)}}
    sent: dict[str, Any] = {"profiles": {"data": [{"type": "profile", "attributes": attributes}]}}
    if at:
        sent["historical_import"] = True
    return {"data": {"type": kind, "attributes": sent}}


def test_nobody_is_subscribed_again_within_half_an_hour(sandbox: Sandbox, http: Http) -> None:
    email = "fickle@shop.example"
    new_profile(http, email)
    subscribe = consent_job(SUBSCRIBE, email, consent="SUBSCRIBED")
    http.json("POST", f"/api/{SUBSCRIBE}s", subscribe, status=202)
    http.json(
        "POST", f"/api/{UNSUBSCRIBE}s", consent_job(UNSUBSCRIBE, email, consent="UNSUBSCRIBED"), status=202
    )
    left = sandbox.clock.now()
    sandbox.clock.advance(29 * 60)
    http.json("POST", f"/api/{SUBSCRIBE}s", subscribe, status=202)
    assert email_marketing(http, email)["consent"] == "UNSUBSCRIBED"
    earlier = (left - timedelta(days=30)).isoformat()
    old = consent_job(SUBSCRIBE, email, historical=True, consent="SUBSCRIBED", consented_at=earlier)
    (error,) = errors_of(http, "POST", f"/api/{SUBSCRIBE}s", old)
    assert error["source"]["pointer"].endswith("/0/attributes/subscriptions/email/marketing/consented_at")
    sandbox.clock.advance(2 * 60)
    http.json("POST", f"/api/{SUBSCRIBE}s", subscribe, status=202)
    assert email_marketing(http, email)["consent"] == "SUBSCRIBED"
    assert email_marketing(http, email)["suppression"] == []
    http.json("POST", f"/api/{SUBSCRIBE}s", old, status=202)


def test_leaving_a_list_suppresses_for_that_list_alone(sandbox: Sandbox, http: Http) -> None:
    email, list_id = "leaver@shop.example", new_list(http, "Left")
    subscribe = consent_job(SUBSCRIBE, email, list_id=list_id, consent="SUBSCRIBED")
    unsubscribe = consent_job(UNSUBSCRIBE, email, list_id=list_id, consent="UNSUBSCRIBED")
    http.json("POST", f"/api/{SUBSCRIBE}s", subscribe, status=202)
    http.json("POST", f"/api/{UNSUBSCRIBE}s", unsubscribe, status=202)
    marketing = email_marketing(http, email)
    assert (marketing["consent"], marketing["suppression"]) == ("SUBSCRIBED", [])
    assert [(one["list_id"], one["reason"]) for one in marketing["list_suppressions"]] == [
        (list_id, "UNSUBSCRIBE")
    ]
    field = "subscriptions.email.marketing.list_suppressions"
    since = (sandbox.clock.now() - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = quote(f'equals({field}.list_id,"{list_id}"),greater-than({field}.timestamp,{since})')
    (person,) = http.json("GET", f"/api/profiles?filter={found}")["data"]
    assert person["attributes"]["email"] == email
    assert http.json("GET", f"/api/profiles?sort=-{field}.timestamp")["data"][0]["id"] == person["id"]
    http.json("POST", f"/api/{SUBSCRIBE}s", subscribe, status=202)
    assert email_marketing(http, email)["list_suppressions"] == []
    http.json("POST", f"/api/{UNSUBSCRIBE}s", unsubscribe, status=202)
    http.json("POST", f"/api/{UNSUBSCRIBE}s", unsubscribe, status=202)
    assert email_marketing(http, email)["consent"] == "UNSUBSCRIBED", "who is not on the list leaves them all"


def test_sms_consent_is_given_and_taken_by_kind(http: Http) -> None:
    email, phone = "texts@shop.example", "+4915100000021"
    new_profile(http, email, phone_number=phone)
    both = sms(SUBSCRIBE, email, phone, "SUBSCRIBED", "marketing", "transactional")
    http.json("POST", f"/api/{SUBSCRIBE}s", both, status=202)
    stop = sms(UNSUBSCRIBE, email, phone, "UNSUBSCRIBED", "marketing")
    http.json("POST", f"/api/{UNSUBSCRIBE}s", stop, status=202)
    subscriptions = attributes_of(http, email)["subscriptions"]
    marketing, transactional = subscriptions["sms"]["marketing"], subscriptions["sms"]["transactional"]
    assert (marketing["consent"], marketing["can_receive_sms_marketing"]) == ("UNSUBSCRIBED", False)
    assert (transactional["consent"], transactional["can_receive_sms_transactional"]) == ("SUBSCRIBED", True)
    assert subscriptions["email"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
    unnamed = sms(SUBSCRIBE, email, "", "SUBSCRIBED", "marketing")
    del unnamed["data"]["attributes"]["profiles"]["data"][0]["attributes"]["phone_number"]
    errors_of(http, "POST", f"/api/{SUBSCRIBE}s", unnamed)


def test_consent_and_suppression_show_after_their_lag(sandbox: Sandbox, http: Http) -> None:
    email = "late@shop.example"
    new_profile(http, email)
    steer(http, "lags", subscriptions=15, suppressions=7200)
    http.json("POST", f"/api/{SUBSCRIBE}s", consent_job(SUBSCRIBE, email, consent="SUBSCRIBED"), status=202)
    job = http.json("POST", f"/api/{SUPPRESS}s", consent_job(SUPPRESS, email), status=202)["data"]
    assert (job["attributes"]["status"], job["attributes"]["total_count"]) == ("processing", 0)
    assert email_marketing(http, email)["consent"] == "NEVER_SUBSCRIBED"
    sandbox.clock.advance(15)
    assert email_marketing(http, email)["can_receive_email_marketing"] is True
    waiting = http.json("GET", f"/api/{SUPPRESS}s/{job['id']}")["data"]["attributes"]
    assert (waiting["status"], waiting["completed_at"]) == ("processing", None)
    sandbox.clock.advance(7200)
    assert [one["reason"] for one in email_marketing(http, email)["suppression"]] == ["USER_SUPPRESSED"]
    done = http.json("GET", f"/api/{SUPPRESS}s/{job['id']}")["data"]["attributes"]
    assert (done["status"], done["total_count"], done["skipped_count"]) == ("complete", 1, 1)
    steer(http, "lags", subscriptions=0, suppressions=0)
    errors_of(http, "GET", f"/api/{SUPPRESS}s?page[size]=10", None)
    both = consent_job(SUPPRESS, email, list_id=new_list(http, "Both"))
    errors_of(http, "POST", f"/api/{SUPPRESS}s", both)

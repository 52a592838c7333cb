"""What changes consent, and what does not."""

from __future__ import annotations

from typing import Any

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import (
    Http,
    attributes_of,
    email_marketing,
    errors_of,
    new_list,
    profile_of,
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

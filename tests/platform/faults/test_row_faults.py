"""Rows and bodies that Klaviyo does not take: found and kept with its words; all others go through."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from c360_platform.activation import isolation, payloads
from c360_platform.activation.errors import SyncFailed, SyncRefused
from c360_platform.activation.imports import Singles
from c360_platform.activation.ledger import Ledger
from c360_platform.sandbox.klaviyo.import_work import set_fate
from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.traffic import Fault
from tests.platform.sync.shop import EVENTS, NOW, PROFILES, SEGMENT, Shop, impatient, person

IMPORT = "/api/profile-bulk-import-jobs"
SEND_IMPORT = f"POST {IMPORT}"
ERRORS = f"{IMPORT}/{{id}}/import-errors"
JSON = {"content-type": "application/vnd.api+json"}
BODY_LIMIT = 5_000_000  # bytes, of a request to Klaviyo


def refusal(detail: str, pointer: str = "") -> str:
    """The body of a 400 in Klaviyo's form."""
    source = {"source": {"pointer": pointer}} if pointer else {}
    return json.dumps(
        {"errors": [{"id": "1", "code": "invalid", "title": "Invalid input.", "detail": detail, **source}]}
    )


def event(number: int, **values: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "email": f"person{number % 3}@shop.example",
        "event_name": "Package Shipped",
        "event_timestamp": NOW,
        **values,
    }


def confirmed_keys(shop: Shop) -> set[str]:
    return {row["key"] for row in shop.ledger("select key from c360_sync.state where digest is not null")}


def body_sizes(shop: Shop) -> list[int]:
    """Fills with the bytes of every bulk body that is sent from now on."""
    sizes: list[int] = []

    def noting(send: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def noted(body: bytes) -> Any:
            sizes.append(len(body))
            return send(body)

        return noted

    for name in ("start_import", "send_events"):
        setattr(shop.klaviyo, name, noting(getattr(shop.klaviyo, name)))
    return sizes


def test_case_09_rows_of_a_job_that_fail_are_kept_with_the_reason_and_the_rest_counts(shop: Shop) -> None:
    settings = KlaviyoSettings(shop.sandbox.store)
    settings.fail_late = {f"person{number}@shop.example": f"Reason {number}." for number in (2, 5)}
    people = [person(number) for number in range(1, 8)]
    shop.profiles(people)

    report = shop.run(PROFILES)

    assert (report.sent, report.confirmed, report.rejected, report.pending) == (7, 5, 2, 0)
    assert shop.rejections() == {"person2@shop.example": "Reason 2.", "person5@shop.example": "Reason 5."}
    assert confirmed_keys(shop) == set(shop.klaviyo_profiles())
    assert confirmed_keys(shop) == {f"person{number}@shop.example" for number in (1, 3, 4, 6, 7)}

    settings.fail_late = {}
    people[1]["note"] = "changed"  # person 2 is tried again because of that, person 5 is not
    shop.profiles(people)
    again = shop.run(PROFILES)

    assert (again.planned, again.confirmed, again.rejected) == (1, 1, 1)
    assert set(shop.rejections()) == {"person5@shop.example"}
    assert len(shop.klaviyo_profiles()) == 6


def test_case_09_a_job_that_does_not_name_its_failed_rows_confirms_none_of_them(shop: Shop) -> None:
    KlaviyoSettings(shop.sandbox.store).fail_late = {"person2@shop.example": "No."}
    page = json.dumps({"data": [], "links": {"self": "", "next": None}})
    shop.sandbox.traffic.add_fault(Fault(status=200, path=ERRORS, headers=JSON, body=page))
    shop.profiles([person(1), person(2), person(3)])

    with pytest.raises(SyncFailed, match="named only 0 of them"):
        shop.run(PROFILES)
    assert (confirmed_keys(shop), shop.rejections()) == (set(), {})

    report = shop.run(PROFILES)
    assert (report.confirmed, shop.rejections()) == (2, {"person2@shop.example": "No."})


def test_case_10_a_job_that_stays_queued_is_pending_and_asked_for_before_anything_is_sent(shop: Shop) -> None:
    shop.sandbox.traffic.add_fault(Fault(kind="stuck_job"))
    people = [person(number) for number in range(1, 4)]
    shop.profiles(people)
    started = time.monotonic()

    first = impatient(shop).run(PROFILES)

    assert time.monotonic() - started < 30
    assert (first.sent, first.confirmed, first.pending) == (3, 0, 3)
    assert confirmed_keys(shop) == set()
    assert shop.calls()[SEND_IMPORT] == 1

    # Still queued: a row that has changed since waits too, or the older import would overwrite it.
    people[0]["note"] = "newer"
    shop.profiles([*people, person(4)])
    second = impatient(shop).run(PROFILES, run_id="second")
    assert (second.pending, confirmed_keys(shop)) == (3, {"person4@shop.example"})
    assert shop.calls()[SEND_IMPORT] == 1  # person 4 alone

    for job in shop.sandbox.store.rows("select id from kl_import_job"):
        set_fate(shop.sandbox.store, job["id"], None)
    third = shop.run(PROFILES, run_id="third")

    assert third.pending == 0
    assert shop.imported_rows() == [3, 1, 1]
    assert shop.klaviyo_profiles()["person1@shop.example"]["properties"]["Note"] == "newer"


def test_case_11_errors_of_a_job_are_read_to_the_last_page_through_a_broken_one(shop: Shop) -> None:
    doomed = [f"person{number}@shop.example" for number in range(1, 251)]
    KlaviyoSettings(shop.sandbox.store).fail_late = {
        email: f"Profile {email} or +491701234567 is not acceptable" for email in doomed
    }
    shop.sandbox.traffic.add_fault(Fault(kind="truncated_json", path=ERRORS, skip=1))
    shop.profiles([person(number) for number in range(1, 261)])

    report = shop.run(PROFILES)

    assert (report.sent, report.confirmed, report.rejected) == (260, 10, 250)
    reasons = shop.rejections()
    assert set(reasons) == set(doomed)
    assert set(reasons.values()) == {"Profile <e-mail> or <number> is not acceptable"}
    assert shop.calls()[f"GET {ERRORS}"] == 4


def test_case_12_all_rows_that_pointers_name_are_stripped_at_once(shop: Shop) -> None:
    """Two dots in a row pass our check and not Klaviyo's, which refuses the whole body for them."""
    bad = [person(number, email=f"p..{number}@shop.example") for number in range(100, 160)]
    people = [person(number) for number in range(1, 141)]
    shop.profiles([*people[:70], *bad, *people[70:]])

    report = shop.run(PROFILES)

    assert (report.sent, report.confirmed, report.rejected) == (140, 140, 60)
    assert set(shop.rejections().values()) == {"Invalid email address"}
    assert shop.calls()[SEND_IMPORT] == 2
    assert len(shop.klaviyo_profiles()) == 140

    shop.profiles([*people, bad[0], {**bad[1], "note": "changed"}])
    tried = shop.run(PROFILES)
    assert (tried.planned, tried.confirmed, tried.rejected) == (1, 0, 2)


def test_case_12_a_body_that_is_sent_again_after_rows_were_stripped_blames_nobody_else(shop: Shop) -> None:
    """Klaviyo forgets the import without the bad row: it is sent again, and the pointers count without it."""
    shop.sandbox.traffic.add_fault(
        Fault(status=404, method="GET", path=f"{IMPORT}/{{id}}", headers=JSON, body=refusal("No such job."))
    )
    bad = person(2, email="p..2@shop.example")
    shop.profiles([person(1), bad, *(person(number) for number in range(3, 6))])

    report = shop.run(PROFILES)

    assert (report.confirmed, report.rejected) == (4, 1)
    assert set(shop.rejections()) == {"p..2@shop.example"}
    assert len(shop.klaviyo_profiles()) == 4


def test_case_12_a_bad_event_is_isolated_among_those_of_its_person(shop: Shop) -> None:
    events = [event(number) for number in range(12)]
    events[5]["email"] = "p..5@shop.example"
    shop.events(events)

    report = shop.run(EVENTS)

    assert (report.confirmed, report.rejected) == (11, 1)
    assert set(shop.rejections()) == {"e5"}
    assert shop.calls()["POST /api/event-bulk-create-jobs"] == 2
    assert {event["unique_id"] for event in shop.recorded_events()} == {
        event["event_id"] for event in events
    } - {"e5"}


def test_case_12_a_row_that_no_pointer_names_is_found_by_halving(shop: Shop) -> None:
    # 16, 8, 4, 2, 1: always the first half
    shop.sandbox.traffic.add_fault(
        Fault(status=400, method="POST", path=IMPORT, times=5, headers=JSON, body=refusal("One is bad."))
    )
    shop.profiles([person(number) for number in range(1, 17)])

    report = shop.run(PROFILES)

    assert (report.confirmed, report.rejected) == (15, 1)
    assert list(shop.rejections().values()) == ["One is bad."]
    assert shop.calls()[SEND_IMPORT] == 9
    assert confirmed_keys(shop) == set(shop.klaviyo_profiles())


def test_case_12_rows_stripped_before_a_body_is_halved_stay_out(shop: Shop) -> None:
    body = refusal("The second is bad.", "/data/attributes/profiles/data/1/attributes/email")
    shop.sandbox.traffic.add_fault(
        Fault(status=400, method="POST", path=IMPORT, times=3, headers=JSON, body=body)
    )
    shop.profiles([person(number) for number in range(1, 10)])

    report = shop.run(PROFILES)

    # They stand between the rows that went through in the first half.
    assert (report.confirmed, report.rejected, len(shop.rejections())) == (6, 3, 3)
    assert confirmed_keys(shop) == set(shop.klaviyo_profiles())


def test_case_12_an_answer_that_blames_a_row_each_time_ends_in_a_bounded_number_of_requests(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "MOST_REFUSALS", 8)
    body = refusal("Bad.", "/data/attributes/profiles/data/0/attributes/email")
    shop.sandbox.traffic.add_fault(
        Fault(status=400, method="POST", path=IMPORT, times=9_999, headers=JSON, body=body)
    )
    shop.profiles([person(number) for number in range(1, 121)])

    with pytest.raises(SyncFailed, match="Bad"):
        shop.run(PROFILES)

    assert shop.calls()[SEND_IMPORT] <= 20
    shop.sandbox.traffic.forget_faults()
    report = shop.run(PROFILES)
    assert report.confirmed + report.rejected == 120
    assert report.confirmed >= 100


def test_case_13_a_body_that_is_refused_as_a_whole_rejects_nobody_and_is_not_halved_for_ever(
    shop: Shop,
) -> None:
    shop.profiles([person(number) for number in range(1, 41)])
    for body, most_calls in (
        (refusal("No such thing.", "/data/relationships"), 1),
        (refusal("No such thing."), 20),
    ):
        shop.sandbox.traffic.add_fault(
            Fault(status=400, method="POST", path=IMPORT, times=9_999, headers=JSON, body=body)
        )
        with pytest.raises(SyncRefused):
            shop.run(PROFILES)
        assert shop.calls()[SEND_IMPORT] <= most_calls
        assert (shop.rejections(), confirmed_keys(shop)) == ({}, set())
        shop.sandbox.traffic.forget_faults()

    assert shop.run(PROFILES).confirmed == 40


def test_case_13_an_unknown_list_holds_the_sync(shop: Shop) -> None:
    """Klaviyo answers 400 for it and points at the body as a whole."""
    shop.segment([f"person{number}@shop.example" for number in range(1, 50)])
    shop.klaviyo.lists_named = lambda name: ["NOLIST"]  # type: ignore[method-assign]

    with pytest.raises(SyncFailed, match="NOLIST"):
        shop.run(SEGMENT)

    assert shop.calls().get(SEND_IMPORT, 0) <= 1
    assert (shop.rejections(), confirmed_keys(shop), shop.imported_rows()) == ({}, set(), [])


def test_case_13_a_list_that_is_refused_for_its_only_new_row_blames_nobody(shop: Shop) -> None:
    shop.segment(["person1@shop.example"])
    shop.sandbox.traffic.add_fault(
        Fault(status=400, method="POST", path=IMPORT, headers=JSON, body=refusal("That list is gone."))
    )

    with pytest.raises(SyncRefused, match=r"That list is gone\..* none was rejected"):
        shop.run(SEGMENT)
    assert shop.rejections() == {}

    assert shop.run(SEGMENT).by_operation == {"add": 1}


def test_case_14_a_body_that_is_too_large_for_somebody_is_split_and_resent(shop: Shop) -> None:
    body = refusal("Payload must not exceed 1MB.")
    shop.sandbox.traffic.add_fault(
        Fault(status=413, method="POST", path=IMPORT, times=2, headers=JSON, body=body)
    )
    shop.profiles([person(number) for number in range(1, 41)])

    report = shop.run(PROFILES)

    assert (report.confirmed, report.rejected) == (40, 0)
    assert shop.imported_rows() == [10, 10, 20]  # refused at 40 and 20
    assert len(shop.klaviyo_profiles()) == 40


def test_case_14_a_proxy_that_says_so_with_a_page_is_believed(shop: Shop) -> None:
    page = "<html><body><h1>413 Request Entity Too Large</h1></body></html>"
    shop.sandbox.traffic.add_fault(Fault(kind="html", status=413, method="POST", path=IMPORT, body=page))
    shop.profiles([person(number) for number in range(1, 5)])

    assert shop.run(PROFILES).confirmed == 4
    assert shop.imported_rows() == [2, 2]


def test_case_14_one_row_above_100_kb_is_rejected_alone(shop: Shop) -> None:
    shop.profiles([person(1), person(2, note="ü" * 50_001), person(3, note="x" * 99_000)])
    shop.events([event(0, carrier="c" * 10), event(1, carrier="c" * 100_001)])

    assert (shop.run(PROFILES).confirmed, shop.run(EVENTS).confirmed) == (2, 1)

    assert shop.rejections() == {
        "person2@shop.example": "the row is larger than 100 KB",
        "e1": "the row is larger than 100 KB",
    }
    assert shop.imported_rows() == [2]


def test_case_15_bodies_of_many_bytes_a_sign_stay_below_the_limit_and_are_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_bytes = replace(payloads.LANES["event"], max_bytes=200_000)
    monkeypatch.setitem(payloads.LANES, "event", few_bytes)
    # Three bytes, four bytes, and one sign of three bytes that JSON escapes with six.
    shop.profiles([person(number, note=sign * 15_000) for number, sign in enumerate("€🌻\u2028" * 26)])
    # Together below the limit, and above it with what stands around each of them.
    shop.events([event(number, carrier="🌻" * 1_200) for number in range(40)])
    sizes = body_sizes(shop)

    assert (shop.run(PROFILES).confirmed, shop.run(EVENTS).confirmed) == (78, 40)

    batches = shop.ledger("select lane, byte_count from c360_sync.batches order by lane desc, batch_id")
    assert [batch["lane"] for batch in batches] == ["import", "import", "event", "event"]
    for size, batch in zip(sizes, batches, strict=True):
        assert size < (BODY_LIMIT if batch["lane"] == "import" else few_bytes.max_bytes + 1_000)
        assert size <= batch["byte_count"] + 1_000
        assert size >= batch["byte_count"] * (1 if batch["lane"] == "import" else 0.9)


def test_case_21_a_list_deleted_under_us_fails_alone_and_is_made_again(shop: Shop) -> None:
    emails = [f"person{number}@shop.example" for number in range(1, 4)]
    shop.segment(emails)
    shop.profiles([person(number) for number in range(1, 4)])
    other = replace(SEGMENT, name="seg_all", table="klaviyo_profiles", list_name="All")
    shop.run(SEGMENT)
    shop.segment([*emails, "person4@shop.example"])
    look_up = shop.klaviyo.lists_named

    def found_and_deleted(name: str) -> list[str]:
        found = look_up(name)
        for list_id in found:
            shop.api.Lists.delete_list(list_id)
        return found

    shop.klaviyo.lists_named = found_and_deleted  # type: ignore[method-assign]
    with pytest.raises(SyncFailed, match="does not exist"):
        shop.run(SEGMENT)
    shop.klaviyo.lists_named = look_up  # type: ignore[method-assign]
    assert (shop.rejections(), confirmed_keys(shop)) == ({}, set(emails))

    assert shop.run(other).by_operation == {"add": 3}
    assert shop.run(PROFILES).by_operation == {"create": 3}
    assert shop.run(SEGMENT).by_operation == {"add": 4}
    assert shop.members(shop.list_id()) == {*emails, "person4@shop.example"}


def test_case_21_a_list_deleted_before_its_members_are_taken_off_fails_alone(shop: Shop) -> None:
    shop.segment([f"person{number}@shop.example" for number in range(1, 4)])
    shop.run(SEGMENT)
    shop.segment(["person1@shop.example"])
    ids = shop.klaviyo.profile_ids

    def found_too_late(emails: Any) -> dict[str, str]:
        for entry in shop.api.Lists.get_lists()["data"]:
            shop.api.Lists.delete_list(entry["id"])
        return ids(emails)

    shop.klaviyo.profile_ids = found_too_late  # type: ignore[method-assign]
    with pytest.raises(SyncRefused, match=r"seg_vip: .*Nobody of this batch counts as removed"):
        shop.run(SEGMENT)
    shop.klaviyo.profile_ids = ids  # type: ignore[method-assign]
    assert len(confirmed_keys(shop)) == 3


def test_case_21_a_removal_that_a_dead_run_had_sent_ends_when_its_list_is_gone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.segment([f"person{number}@shop.example" for number in range(1, 4)])
    shop.run(SEGMENT)
    shop.segment(["person1@shop.example"])
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "confirm", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            shop.run(SEGMENT)
    shop.api.Lists.delete_list(shop.list_id())

    with pytest.raises(SyncRefused, match="does not exist"):
        shop.run(SEGMENT)

    assert shop.run(SEGMENT).by_operation == {"add": 1}
    assert shop.members(shop.list_id()) == {"person1@shop.example"}
    assert shop.run(SEGMENT).requests == 0


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_case_34_what_exceeds_the_calls_for_clearing_is_reported_as_pending_and_follows(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Singles, "MOST_ROWS", 2)
    monkeypatch.setitem(payloads.LANES, "single", replace(payloads.LANES["single"], max_rows=1))
    shop.profiles([person(number, city="Ulm") for number in range(1, 6)])
    shop.run(PROFILES)
    shop.profiles([person(number, city=None) for number in range(1, 6)])

    reports = [shop.run(PROFILES, run_id=f"clearing-{number}") for number in range(3)]

    assert [(report.confirmed, report.pending) for report in reports] == [(2, 3), (2, 1), (1, 0)]
    assert {found["location"]["city"] for found in shop.klaviyo_profiles().values()} == {None}

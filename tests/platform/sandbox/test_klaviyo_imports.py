"""Bulk profile imports: acceptance, the way of a job, its errors."""

from __future__ import annotations

from typing import Any

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import (
    Http,
    attributes_of,
    errors_of,
    import_now,
    new_list,
    profile_of,
    steer,
)
from tests.platform.sandbox.payloads import (
    import_job,
    row,
)


def test_an_import_goes_from_queued_to_complete_by_the_clock(sandbox: Sandbox, http: Http) -> None:
    http.json("POST", "/sandbox/imports", {"delay_seconds": 60})
    sandbox.clock.freeze()
    try:
        body = import_job([row("slow@shop.example")])
        job_id = http.json("POST", "/api/profile-bulk-import-jobs", body, status=202)["data"]["id"]
        states = []
        for _ in range(3):
            job = http.json("GET", f"/api/profile-bulk-import-jobs/{job_id}")["data"]["attributes"]
            states.append((job["status"], profile_of(http, "slow@shop.example") is not None))
            sandbox.clock.advance(31)
        assert states == [("queued", False), ("processing", False), ("complete", True)]
        sandbox.clock.advance(8 * 24 * 3600)
        errors_of(http, "GET", f"/api/profile-bulk-import-jobs/{job_id}", None, status=404)
    finally:
        sandbox.clock.reset()
        http.json("POST", "/sandbox/imports", {"delay_seconds": 0.2})


def test_imports_accepted_at_one_instant_are_carried_out_in_their_order(sandbox: Sandbox, http: Http) -> None:
    http.json("POST", "/sandbox/imports", {"delay_seconds": 0})
    sandbox.clock.freeze()
    for number in range(8):
        body = import_job([row("order@shop.example", first_name=f"N{number}", properties={str(number): 1})])
        http.json("POST", "/api/profile-bulk-import-jobs", body, status=202)
    attributes = attributes_of(http, "order@shop.example")
    assert attributes["first_name"] == "N7"
    assert len(attributes["properties"]) == 8
    sandbox.clock.reset()
    http.json("POST", "/sandbox/imports", {"delay_seconds": 0.2})


def test_one_malformed_row_refuses_the_import_and_every_bad_row_is_named(
    sandbox: Sandbox, http: Http
) -> None:
    rows: list[dict[str, Any]] = [row(f"good{index}@shop.example") for index in range(6)]
    rows[1] = row("not an address")
    rows[2] = row("typo@shop.example", fist_name="A")
    rows[3] = row("types@shop.example", last_name=7)
    rows[4] = row(first_name="nobody")
    rows[5] = row("big@shop.example", properties={"text": "x" * 100_000})
    errors = errors_of(http, "POST", "/api/profile-bulk-import-jobs", import_job(rows))
    rows_at = "/data/attributes/profiles/data"
    assert sorted(error["source"]["pointer"] for error in errors) == [
        f"{rows_at}/1/attributes/email",
        f"{rows_at}/2/attributes/fist_name",
        f"{rows_at}/3/attributes/last_name",
        f"{rows_at}/4/attributes",
        f"{rows_at}/5",
    ]
    sandbox.settle()
    assert profile_of(http, "good0@shop.example") is None
    (error,) = errors_of(
        http, "POST", "/api/profile-bulk-import-jobs", import_job([row("a@shop.example")], "NoList")
    )
    assert (error["source"]["pointer"], error["detail"]) == ("/data", "List ID NoList does not exist.")


def test_rows_that_fail_late_are_paged_with_their_payload(sandbox: Sandbox, http: Http) -> None:
    import_now(sandbox, http, [row("e1@shop.example", phone_number="+4915100000011"), row("e2@shop.example")])
    doomed = {f"doomed{index}@shop.example": "The address bounces." for index in range(43)}
    http.json("POST", "/sandbox/imports", {"fail_late": doomed})
    list_id = new_list(http, "Late failures")
    rows = [row("kept@shop.example"), *(row(email) for email in doomed)]
    rows.append(row("e2@shop.example", phone_number="+4915100000011"))
    rows.append({"type": "profile", "id": "01UNKNOWN", "attributes": {"first_name": "X"}})
    job = import_now(sandbox, http, rows, list_id)
    counts = job["attributes"]
    assert (counts["total_count"], counts["completed_count"], counts["failed_count"]) == (46, 1, 45)
    pages = list(http.pages(f"/api/profile-bulk-import-jobs/{job['id']}/import-errors"))
    assert [len(page) for page in pages] == [20, 20, 5]
    errors = [one["attributes"] for page in pages for one in page]
    assert [error["original_payload"] for error in errors] == rows[1:]
    assert [error["code"] for error in errors[-3:]] == ["invalid", "duplicate_profile", "not_found"]
    assert errors[0]["source"]["pointer"] == "/data/attributes/profiles/data/1/attributes/email"
    assert errors[0]["detail"] == "The address bounces."
    assert profile_of(http, "doomed0@shop.example") is None
    on_list = [
        one["id"] for page in http.pages(f"/api/lists/{list_id}/relationships/profiles") for one in page
    ]
    kept = profile_of(http, "kept@shop.example")
    assert kept is not None
    assert on_list == [kept["id"]]
    http.json("POST", "/sandbox/imports", {"fail_late": {}})


def test_an_import_with_a_list_adds_members_once_and_leaves_consent_alone(
    sandbox: Sandbox, http: Http
) -> None:
    list_id = new_list(http, "Imported")
    emails = [f"member{index}@shop.example" for index in range(3)]
    import_now(sandbox, http, [row(email) for email in emails], list_id)
    first = {
        one["id"]: one["attributes"]["joined_group_at"]
        for page in http.pages(f"/api/lists/{list_id}/profiles")
        for one in page
    }
    sandbox.clock.advance(120)
    import_now(sandbox, http, [row(email) for email in emails], list_id)
    again = http.json("GET", f"/api/lists/{list_id}/profiles?additional-fields[profile]=subscriptions")[
        "data"
    ]
    assert {one["id"]: one["attributes"]["joined_group_at"] for one in again} == first
    marketing = [one["attributes"]["subscriptions"]["email"]["marketing"]["consent"] for one in again]
    assert marketing == ["NEVER_SUBSCRIBED"] * 3


def test_the_limits_of_an_import_are_ten_thousand_rows_and_five_megabytes(
    sandbox: Sandbox, http: Http
) -> None:
    rows = [row(f"many{index}@shop.example", properties={"Total Orders": index}) for index in range(10_000)]
    job = import_now(sandbox, http, rows)
    assert job["attributes"]["completed_count"] == 10_000
    found = sandbox.store.value("select count(*) from kl_profile where email like 'many%'")
    assert found == 10_000
    errors_of(http, "POST", "/api/profile-bulk-import-jobs", import_job([*rows, row("more@shop.example")]))
    heavy = [row(f"heavy{index}@shop.example", properties={"text": "x" * 90_000}) for index in range(60)]
    errors_of(http, "POST", "/api/profile-bulk-import-jobs", import_job(heavy), status=413)


def test_jobs_may_be_cancelled_or_stay_for_ever(sandbox: Sandbox, http: Http) -> None:
    path = "/api/profile-bulk-import-jobs"
    steer(http, "imports", delay_seconds=60)
    emails = [f"fate{index}@shop.example" for index in range(4)]
    jobs = [http.json("POST", path, import_job([row(email)]), status=202)["data"]["id"] for email in emails]
    steer(http, "imports", fates=dict(zip(jobs, ["queued", "processing", "cancelled"], strict=False)))
    sandbox.clock.advance(3600)
    sandbox.settle()
    states = [http.json("GET", f"{path}/{job}")["data"]["attributes"] for job in jobs]
    assert [one["status"] for one in states] == ["queued", "processing", "cancelled", "complete"]
    assert [one["completed_count"] for one in states] == [0, 0, 0, 1]
    assert [profile_of(http, email) is not None for email in emails] == [False, False, False, True]
    steer(http, "imports", fates={jobs[0]: None, jobs[1]: "cancelled"})
    states = [http.json("GET", f"{path}/{job}")["data"]["attributes"] for job in jobs[:2]]
    assert [one["status"] for one in states] == ["complete", "cancelled"]
    assert profile_of(http, emails[0]) is not None
    steer(http, "imports", delay_seconds=0.2)

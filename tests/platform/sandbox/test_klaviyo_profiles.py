"""Single profiles and the collection of them."""

from __future__ import annotations

import re
from itertools import count
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import (
    Http,
    attributes_of,
    cursor_of,
    errors_of,
    import_now,
)
from tests.platform.sandbox.payloads import (
    deletion,
    profile,
    row,
)

MARKS = count()


def test_a_taken_identifier_is_refused_with_the_id_of_its_owner(http: Http) -> None:
    owner = http.json(
        "POST",
        "/api/profiles",
        profile(email="taken@shop.example", phone_number="+4915100000001"),
        status=201,
    )
    owner_id = owner["data"]["id"]
    (error,) = errors_of(http, "POST", "/api/profiles", profile(email="Taken@shop.example"), status=409)
    assert error["code"] == "duplicate_profile"
    assert error["meta"] == {"duplicate_profile_id": owner_id}
    http.json("POST", "/api/profiles", profile(email="other@shop.example"), status=201)
    both = profile(email="other@shop.example", phone_number="+4915100000001")
    (error,) = errors_of(http, "POST", "/api/profile-import", both, status=409)
    assert error["meta"] == {"duplicate_profile_id": owner_id}
    named = {"data": {"type": "profile", "id": owner_id, "attributes": {"email": "other@shop.example"}}}
    (error,) = errors_of(http, "POST", "/api/profile-import", named, status=404)
    assert error["code"] == "not_found"


def test_times_have_microseconds_in_answers_to_writes_and_seconds_when_read(http: Http) -> None:
    written = http.json("POST", "/api/profiles", profile(email="times@shop.example"), status=201)["data"]
    read = http.json("GET", f"/api/profiles/{written['id']}")["data"]
    for name in ("created", "updated"):
        assert re.fullmatch(r".{19}\.\d{6}\+00:00", written["attributes"][name])
        assert read["attributes"][name] == written["attributes"][name][:19] + "+00:00"


def test_null_clears_in_single_calls_and_never_in_bulk(sandbox: Sandbox, http: Http) -> None:
    email = "nulls@shop.example"
    import_now(sandbox, http, [row(email, first_name="N", title="Dr", properties={"a": 1, "b": [1], "c": 3})])
    nulls = {"first_name": None, "properties": {"a": None}}
    unset = {"patch_properties": {"unset": ["c"], "append": {"b": 2}}}
    import_now(sandbox, http, [row(email, meta=unset, **nulls)])
    attributes = attributes_of(http, email)
    assert (attributes["first_name"], attributes["properties"]) == ("N", {"a": 1, "b": [1, 2]})
    http.json("POST", "/api/profile-import", profile(email=email, **nulls))
    attributes = attributes_of(http, email)
    assert (attributes["first_name"], attributes["title"]) == (None, "Dr")
    assert attributes["properties"] == {"a": None, "b": [1, 2]}


def test_an_invalid_phone_number_is_dropped_in_bulk_and_refused_alone(sandbox: Sandbox, http: Http) -> None:
    job = import_now(sandbox, http, [row("phone@shop.example", phone_number="+1234", first_name="P")])
    assert job["attributes"]["failed_count"] == 0
    attributes = attributes_of(http, "phone@shop.example")
    assert (attributes["first_name"], attributes["phone_number"]) == ("P", None)
    (error,) = errors_of(http, "POST", "/api/profiles", profile(phone_number="+1234"))
    assert error["source"]["pointer"] == "/data/attributes/phone_number"


def test_paging_by_updated_misses_nobody_while_profiles_change(sandbox: Sandbox, http: Http) -> None:
    sandbox.clock.freeze()
    try:
        sandbox.clock.advance(3600)
        start = sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        sandbox.clock.advance(1)
        everybody = [f"walk{index}@shop.example" for index in range(60)]
        import_now(sandbox, http, [row(email) for email in everybody])
        path = f"/api/profiles?filter=greater-than(updated,{start})&sort=updated&page[size]=7"
        seen: list[str] = []
        for number, page in enumerate(http.pages(path)):
            seen += [one["attributes"]["email"] for one in page]
            if number < 8:  # behind and ahead of the reader
                sandbox.clock.advance(1)
                touched = [everybody[number], everybody[-number - 1]]
                import_now(sandbox, http, [row(email, first_name=f"N{number}") for email in touched])
            assert number < 40, "the walk does not end"
        assert set(seen) == set(everybody)
        assert len(seen) > len(everybody), "what changed is read twice"
    finally:
        sandbox.clock.resume()


def test_only_documented_filters_sorts_and_sizes_are_accepted(http: Http) -> None:
    refused = {
        "/api/profiles?filter=greater-or-equal(updated,2026-01-01T00:00:00Z)": "filter",
        "/api/profiles?filter=equals(first_name,%22A%22)": "filter",
        "/api/profiles?filter=equals(email,unquoted)": "filter",
        "/api/profiles?filter=equals(email": "filter",
        "/api/profiles?sort=first_name": "sort",
        "/api/profiles?page[size]=101": "page[size]",
        "/api/profiles?page[cursor]=nonsense": "page[cursor]",
        "/api/profiles?fields[profile]=nonsense": "fields[profile]",
        "/api/profiles?additional-fields[profile]=nonsense": "additional-fields[profile]",
        "/api/lists?page[size]=11": "page[size]",
        "/api/lists?additional-fields[list]=profile_count": "additional-fields[list]",
        "/api/metrics?page[size]=10": "page[size]",
        "/api/events?page[size]=1001": "page[size]",
        "/api/events?include=nonsense": "include",
    }
    for path, parameter in refused.items():
        (error,) = errors_of(http, "GET", path, None)
        assert error["source"] == {"parameter": parameter}, path


def test_a_cursor_of_one_order_is_refused_in_another(sandbox: Sandbox, http: Http) -> None:
    import_now(sandbox, http, [row(f"cursor{index}@shop.example") for index in range(3)])
    cursor = cursor_of(http.json("GET", "/api/profiles?page[size]=1&sort=id")["links"]["next"])
    http.json("GET", f"/api/profiles?page[size]=1&sort=id&page[cursor]={quote(cursor)}")
    (error,) = errors_of(http, "GET", f"/api/profiles?sort=updated&page[cursor]={quote(cursor)}", None)
    assert error["source"] == {"parameter": "page[cursor]"}


def test_sparse_fields_leave_only_what_was_asked_for(sandbox: Sandbox, http: Http) -> None:
    import_now(
        sandbox, http, [row("sparse@shop.example", location={"city": "Bonn"}, properties={"a": 1, "b": 2})]
    )
    path = '/api/profiles?filter=equals(email,"sparse@shop.example")'
    (found,) = http.json("GET", f"{path}&fields[profile]=email,location.city,properties.b")["data"]
    assert found["attributes"] == {
        "email": "sparse@shop.example",
        "location": {"city": "Bonn"},
        "properties": {"b": 2},
    }


STEPS = st.lists(
    st.tuples(st.sampled_from(["update", "delete", "create"]), st.integers(0, 19)), min_size=1, max_size=12
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.integers(2, 9), st.sampled_from(["id", "updated", "-created", "email"]))
def test_whoever_stays_is_seen_while_others_come_change_and_go(
    sandbox: Sandbox, http: Http, steps: list[tuple[str, int]], size: int, sort: str
) -> None:
    mark = f"{next(MARKS)}"
    emails = [f"{index:02d}.{mark}@walk.example" for index in range(20)]
    since = sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    sandbox.clock.advance(2)
    import_now(sandbox, http, [row(email) for email in emails])
    stay, seen, ahead = set(emails), set(), list(steps)
    for page in http.pages(
        f"/api/profiles?filter=greater-than(created,{since})&sort={sort}&page[size]={size}"
    ):
        seen |= {one["attributes"]["email"] for one in page}
        for kind, index in [ahead.pop(0) for _ in range(min(2, len(ahead)))]:
            sandbox.clock.advance(2)
            if kind == "delete" and emails[index] in stay:
                body = deletion(email=emails[index])
                http.json("POST", "/api/data-privacy-deletion-jobs", body, status=202)
                stay.discard(emails[index])
            elif kind == "update" and emails[index] in stay:
                import_now(sandbox, http, [row(emails[index], title=str(len(ahead)))])
            elif kind == "create":
                import_now(sandbox, http, [row(f"new{len(ahead)}.{emails[index]}")])
    assert stay <= seen

"""Lists and memberships by id."""

from __future__ import annotations

from urllib.parse import quote

from c360_platform.sandbox.server import Sandbox
from tests.platform.sandbox.client import (
    Http,
    errors_of,
    new_list,
)
from tests.platform.sandbox.payloads import (
    members,
    profile,
)


def test_members_come_and_go_by_id_and_can_be_read_by_when_they_joined(sandbox: Sandbox, http: Http) -> None:
    list_id = new_list(http, "By id")
    path = f"/api/lists/{list_id}/relationships/profiles"
    ids = [
        http.json("POST", "/api/profile-import", profile(email=f"byid{index}@shop.example"), status=201)[
            "data"
        ]["id"]
        for index in range(3)
    ]
    http.json("POST", path, members(*ids[:2]), status=204)
    sandbox.clock.advance(60)
    since = sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    sandbox.clock.advance(5)
    http.json("POST", path, members(*ids), status=204)
    joined = http.json("GET", f"{path}?filter=greater-or-equal(joined_group_at,{since})")["data"]
    assert [one["id"] for one in joined] == ids[2:]
    http.json("DELETE", path, members(ids[0]), status=204)
    http.json("DELETE", path, members(ids[0]), status=204)
    assert [one["id"] for one in http.json("GET", path)["data"]] == ids[1:]
    errors_of(http, "POST", path, members("01NOBODY"), status=404)
    errors_of(http, "POST", path, members(*[ids[0]] * 1_001))


def test_lists_come_ten_a_page_and_are_found_by_name(http: Http) -> None:
    wanted = {f"Paged, {index}" for index in range(12)}
    for name in wanted:
        new_list(http, name)
    pages = list(http.pages("/api/lists"))
    assert len(pages[0]) == 10
    assert wanted <= {one["attributes"]["name"] for page in pages for one in page}
    by_name = quote('equals(name,"Paged, 3")')
    found = http.json("GET", f"/api/lists?filter={by_name}")["data"]
    assert [one["attributes"]["name"] for one in found] == ["Paged, 3"]

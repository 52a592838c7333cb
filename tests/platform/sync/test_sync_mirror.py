"""Leaving a list: after the grace period, below the fuse, and only who was put there by the sync itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from c360_platform.activation.blocks import RemovalFuse
from c360_platform.activation.delivery import Overrides
from c360_platform.activation.errors import SyncFailed, SyncHeld
from c360_platform.activation.reconcile import reconcile
from c360_platform.sandbox.faults import Fault
from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from tests.platform.sync.shop import NOW, PROFILES, SEGMENT, Shop, person
from tests.platform.sync.test_sync_lists import emails
from tests.platform.sync.test_sync_recovery import kill

MIRROR = replace(SEGMENT, removal_grace_hours=24)
ALLOWED = Overrides(allow_removals=True)
JSON = {"content-type": "application/vnd.api+json"}
IMPORT = "/api/profile-bulk-import-jobs"
REMOVE = "DELETE /api/lists/{id}/relationships/profiles"


def test_a_member_is_removed_once_it_has_been_out_for_the_whole_grace_period(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody, fewer = emails(*range(1, 21)), emails(*range(1, 20))
    shop.segment(everybody)
    shop.run(MIRROR)
    list_id = shop.list_id()
    shop.calls()
    written = state_writes(shop, monkeypatch)
    for hours, segment, leaving, writes in (
        (0, fewer, emails(20), 1),
        (23, fewer, emails(20), 0),  # nothing changed, nothing is written
        (24, everybody, [], 1),  # back in time: a later departure starts anew
        (30, fewer, emails(20), 1),
    ):
        shop.segment(segment)
        report = shop.run(MIRROR, now=after(hours))
        assert (report.planned, report.leaving, report.unchanged) == (0, len(leaving), len(segment))
        assert (tombstones(shop), len(written)) == (leaving, writes)
        written.clear()
    assert (shop.calls(), len(shop.members(list_id))) == ({}, 20)

    report = shop.run(MIRROR, now=after(54))
    assert (report.by_operation, report.leaving, tombstones(shop)) == ({"remove": 1}, 0, [])
    assert shop.members(list_id) == set(fewer)


def test_case_22_a_segment_that_shrinks_or_empties_is_held_and_leaves_no_tombstone(
    shop: Shop,
) -> None:
    shop.segment(emails(*range(1, 31)))
    shop.run(MIRROR)
    shop.calls()
    for rest, said in ((emails(*range(1, 11)), "20 of 30 members"), ([], "is empty")):
        shop.segment(rest)
        with pytest.raises(SyncHeld, match=said):
            shop.run(MIRROR)
    assert (shop.calls(), tombstones(shop)) == ({}, [])

    shop.segment(emails(*range(1, 11)))
    report = shop.run(MIRROR, overrides=ALLOWED, run_id="allowed")

    assert report.by_operation == {"remove": 20}  # a person said so: no grace period
    assert shop.members(shop.list_id()) == set(emails(*range(1, 11)))
    overrides = shop.ledger("select overrides from c360_sync.runs where run_id = 'allowed'")
    assert overrides == [{"overrides": "allow_removals"}]
    shop.segment([])
    with pytest.raises(SyncHeld, match="is empty"):
        shop.run(MIRROR)  # it was allowed once


def test_case_22_members_who_leave_little_by_little_meet_the_fuse_together(shop: Shop) -> None:
    spec = replace(MIRROR, removal_fuse=RemovalFuse(max_share=0.5, always_allowed=0))
    shop.segment(emails(*range(1, 11)))
    shop.run(spec)
    shop.segment(emails(*range(1, 7)))
    assert shop.run(spec).leaving == 4
    shop.segment(emails(*range(1, 4)))

    with pytest.raises(SyncHeld, match="7 of 10 members"):
        shop.run(spec, now=after(12))
    assert tombstones(shop) == emails(10, 7, 8, 9)


def test_case_22_the_fuse_counts_members_of_ours_alone(shop: Shop) -> None:
    spec = replace(MIRROR, removal_fuse=RemovalFuse(max_share=0.5, always_allowed=0))
    shop.profiles([person(number) for number in range(1, 9)])
    shop.run(PROFILES)
    put_on(shop, shop.klaviyo.create_list(SEGMENT.list_name), emails(*range(1, 9)))
    shop.segment(emails(*range(1, 11)))
    shop.run(spec)
    shop.segment(emails(*range(1, 9)))

    with pytest.raises(SyncHeld, match="2 of 2 members"):
        shop.run(spec)


def test_case_24_after_the_state_is_lost_everybody_on_the_list_is_somebody_elses(shop: Shop) -> None:
    shop.segment(emails(*range(1, 6)))
    shop.run(SEGMENT)
    shop.warehouse.execute("drop schema c360_sync cascade")
    shop.segment(emails(*range(1, 7)))

    assert shop.run(SEGMENT).by_operation == {"add": 6}
    shop.segment(emails(5))
    assert shop.run(SEGMENT).by_operation == {"remove": 1}  # person 6, the only one added since
    assert shop.members(shop.list_id()) == set(emails(*range(1, 6)))


def test_case_24_a_list_that_was_made_anew_by_others_keeps_their_members(shop: Shop) -> None:
    shop.segment(emails(1, 2, 3))
    shop.run(SEGMENT)
    shop.api.Lists.delete_list(shop.list_id())
    list_id = shop.klaviyo.create_list(SEGMENT.list_name)
    put_on(shop, list_id, emails(1, 2))
    shop.segment(emails(1, 3, 4))

    shop.run(SEGMENT)
    shop.segment(emails(4))
    report = shop.run(SEGMENT)

    assert report.by_operation == {"remove": 1}  # person 3
    assert shop.members(list_id) == set(emails(1, 2, 4))


def test_case_24_a_list_that_was_renamed_is_not_filled_a_second_time(shop: Shop) -> None:
    shop.segment(emails(1, 2, 3))
    shop.run(SEGMENT)
    list_id = shop.list_id()
    rename(shop, list_id, "Our best")
    shop.segment(emails(1, 2))
    shop.calls()

    with pytest.raises(SyncHeld, match="is there under another name"):
        shop.run(SEGMENT)
    assert set(shop.calls()) <= {"GET /api/lists", "GET /api/lists/{id}/profiles"}

    rename(shop, list_id, SEGMENT.list_name)
    assert shop.run(SEGMENT).by_operation == {"remove": 1}
    assert shop.members(list_id) == set(emails(1, 2))


def test_case_24_a_killed_removal_is_finished_without_touching_others(shop: Shop) -> None:
    everybody = emails(*range(1, 21))
    shop.segment(everybody)
    shop.run(SEGMENT)
    list_id = shop.list_id()
    shop.segment(emails(*range(11, 21)))
    kill(shop, "SEGMENT", "accepted", "before", 1)  # Klaviyo has removed them, nobody wrote it down
    shop.profiles([person(50)])
    shop.run(PROFILES)
    put_on(shop, list_id, emails(50))

    report = shop.run(SEGMENT)

    assert (report.by_operation, report.pending) == ({"remove": 10}, 0)
    assert shop.members(list_id) == set(emails(*range(11, 21), 50))
    shop.calls()
    assert (shop.run(SEGMENT).planned, shop.calls()) == (0, {})


def test_case_24_members_of_a_body_whose_fate_is_unknown_are_ours_to_remove(shop: Shop) -> None:
    klaviyo = KlaviyoSettings(shop.sandbox.store)
    klaviyo.fail_late = {emails(2)[0]: "No reason."}
    shop.sandbox.traffic.add_fault(
        Fault(
            status=200, path=f"{IMPORT}/{{id}}/import-errors", headers=JSON, body='{"data": [], "links": {}}'
        )
    )
    shop.segment(emails(*range(1, 11)))
    with pytest.raises(SyncFailed, match="named only 0"):
        shop.run(SEGMENT)
    klaviyo.fail_late = {}
    found = reconcile(SEGMENT, shop.warehouse, shop.klaviyo, now=after(1))
    assert (found.waiting, found.missing, found.foreign) == (10, 0, 0)
    shop.segment(emails(*range(1, 6)))

    report = shop.run(SEGMENT)

    assert report.by_operation == {"update": 5, "remove": 5}
    assert shop.members(shop.list_id()) == set(emails(*range(1, 6)))


def test_case_24_members_whom_a_killed_run_added_are_taken_off_when_they_left_meanwhile(shop: Shop) -> None:
    shop.segment(emails(*range(1, 21)))
    kill(shop, "SEGMENT", "accepted", "before", 2)  # two bodies arrived, one was written down
    shop.sandbox.settle()
    assert len(shop.members(shop.list_id())) == 20
    shop.segment(emails(*range(1, 16)))

    for _ in range(2):
        shop.run(SEGMENT)

    assert shop.members(shop.list_id()) == set(emails(*range(1, 16)))


def test_case_24_leaving_one_list_touches_no_other_list_and_no_profile(shop: Shop) -> None:
    other = replace(
        SEGMENT, name="seg_loyal", table="klaviyo_profiles", list_name="Loyal", properties={"note": "Note"}
    )
    shop.profiles([person(1, note="a"), person(2, note="b")])
    shop.segment(emails(1, 2))
    for spec in (SEGMENT, other):
        shop.run(spec)
    before = shop.klaviyo_profiles()
    shop.segment(emails(2))
    shop.calls()

    assert shop.run(SEGMENT).by_operation == {"remove": 1}

    writes = [call for call in shop.calls() if not call.startswith("GET")]
    assert writes == [REMOVE]
    assert shop.members(shop.list_id()) == set(emails(2))
    assert shop.members(shop.list_id("Loyal")) == set(emails(1, 2))
    assert shop.klaviyo_profiles() == before


def test_ids_come_from_our_own_ingest_and_those_that_are_out_of_date_are_looked_up(shop: Shop) -> None:
    spec = replace(SEGMENT, ingest_schema="klaviyo")
    shop.segment(emails(*range(1, 7)))
    shop.run(spec)
    list_id = shop.list_id()
    ids = shop.klaviyo.profile_ids(emails(*range(1, 7)))
    ingest(
        shop,
        [
            (ids[emails(1)[0]], " Person1@Shop.example", "2026-01-02", False),
            ("01GONE", emails(1)[0], "2026-01-01", False),  # an older profile of the same address
            ("01STALE", emails(2)[0], "2026-01-01", False),  # the person has another id by now
            ("01DELETED", emails(3)[0], "2026-01-01", True),
        ],
    )
    shop.segment(emails(2, *range(3, 7)))
    shop.calls()
    shop.run(spec)
    calls = shop.calls()
    assert (calls[REMOVE], "GET /api/profiles" in calls) == (1, False)
    assert len(shop.members(list_id)) == 5

    shop.segment(emails(4, 5, 6))
    report = shop.run(spec)

    assert report.by_operation == {"remove": 2}
    assert shop.members(list_id) == set(emails(4, 5, 6))
    assert shop.calls()["GET /api/profiles"] == 2  # of person 3; of person 2, who was still on the list

    shop.sandbox.traffic.add_fault(Fault(status=404, method="DELETE"))
    shop.segment(emails(5, 6))
    assert shop.run(spec).by_operation == {"remove": 1}
    assert shop.members(list_id) == set(emails(5, 6))


def after(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def tombstones(shop: Shop) -> list[str]:
    rows = shop.ledger("select key from c360_sync.state where gone_at is not null order by key")
    return [row["key"] for row in rows]


def state_writes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects the statements that change the ledger's state from now on."""
    heard: list[str] = []
    execute, transaction = shop.warehouse.execute, shop.warehouse.transaction

    def heard_execute(sql: str, params: Sequence[Any] = ()) -> None:
        heard.extend([sql] if '"state"' in sql else [])
        execute(sql, params)

    def heard_transaction(statements: Sequence[Any]) -> None:
        heard.extend(sql for sql, _ in statements if '"state"' in sql)
        transaction(statements)

    monkeypatch.setattr(shop.warehouse, "execute", heard_execute)
    monkeypatch.setattr(shop.warehouse, "transaction", heard_transaction)
    return heard


def put_on(shop: Shop, list_id: str, addresses: Sequence[str]) -> None:
    """Somebody else puts people on a list."""
    ids = shop.klaviyo.profile_ids(addresses)
    assert len(ids) == len(addresses)
    shop.api.Lists.add_profiles_to_list(
        list_id, {"data": [{"type": "profile", "id": profile_id} for profile_id in ids.values()]}
    )


def rename(shop: Shop, list_id: str, name: str) -> None:
    shop.api.Lists.update_list(
        list_id, {"data": {"type": "list", "id": list_id, "attributes": {"name": name}}}
    )


def ingest(shop: Shop, rows: Sequence[tuple[str, str, str, bool]]) -> None:
    """What our own Klaviyo ingest has: id, address, when it changed, whether it is deleted."""
    shop.warehouse.execute("create schema if not exists klaviyo")
    shop.warehouse.execute(
        "create or replace table klaviyo.profiles "
        "(id varchar, email varchar, updated timestamptz, is_deleted boolean)"
    )
    for row in rows:
        shop.warehouse.execute(
            "insert into klaviyo.profiles values (?, ?, cast(? as timestamptz), ?)", list(row)
        )

"""Whom a sync may make, join, keep out or take off: both engines decide alike, and give the same reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_platform.activation.blocks import CreatePolicy
from c360_platform.activation.delivery import Overrides
from c360_platform.activation.merged import Aliases
from c360_platform.activation.spec import SyncSpec
from tests.platform.sync.shop import PROFILES, SEGMENT
from tests.warehouse.googlesql.two_warehouses import Shop, both_plans, confirmed, same_plan

NOW = datetime(2026, 6, 30, 6, tzinfo=UTC)
COLUMNS = {"email": "varchar", "phone": "varchar", "number": "bigint", "may_write": "boolean"}
PEOPLE = replace(
    PROFILES, fields={"phone": "phone_number", "number": "external_id"}, properties={}, consent="may_write"
)


def _people(*rows: tuple[str, str | None, int | None, bool | None]) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _operations(plan: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {row["key"]: row["operation"] for row in plan}


@pytest.mark.parametrize(
    ("create", "withheld"),
    [
        ("never", {"new@shop.example", "agreed@shop.example", "unasked@shop.example"}),
        ("consented", {"new@shop.example", "unasked@shop.example"}),
        ("always", set()),
    ],
)
def test_who_may_become_a_profile_is_decided_alike(create: CreatePolicy, withheld: set[str]) -> None:
    rows = _people(
        ("new@shop.example", None, 1, False),
        (" Agreed@shop.example", None, 2, True),
        ("unasked@shop.example", None, 3, None),
        ("known@shop.example", None, 4, False),
        ("brought@shop.example", None, 5, False),
        ("deleted@shop.example", None, 6, True),
        ("no address", None, 7, True),
    )
    spec = replace(PEOPLE, create=create, profile_syncs=(PEOPLE.name, "others"))
    brought = {"sync": "others", "key": "brought@shop.example", "digest": 1, "filled": ""}
    ingested = {" Known@Shop.example": False, "deleted@shop.example": True}
    shop = Shop(spec, COLUMNS, rows, NOW, ledger={"state": [brought]}, ingested=ingested)

    plan = same_plan(both_plans(shop))

    always = {"deleted@shop.example": "withheld", "no address": "reject"}
    assert _operations(plan) == {
        **dict.fromkeys(("new@shop.example", "agreed@shop.example", "unasked@shop.example"), "create"),
        **dict.fromkeys(("known@shop.example", "brought@shop.example"), "create"),
        **dict.fromkeys(withheld, "withheld"),
        **always,
    }
    assert {row["key"] for row in plan if row["is_new"]} >= {"new@shop.example", "agreed@shop.example"}
    assert not {row["key"] for row in plan if row["is_new"]} & {"known@shop.example", "brought@shop.example"}


@pytest.mark.parametrize("bad_phone", ["drop", "reject"])
def test_identifiers_of_two_people_join_nobody_on_either_engine(bad_phone: Any) -> None:
    rows = _people(
        ("a@shop.example", "+4917012345678", 1, True),
        ("b@shop.example", " +4917012345678\u3000", 2, True),
        ("c@shop.example", "0170 1234", 3, True),
        ("d@shop.example", "+4917099999999", 4, True),
        ("e@shop.example", None, 4, True),
        ("f@shop.example", "+4917088888888", None, True),
    )
    plan = same_plan(both_plans(Shop(replace(PEOPLE, bad_phone=bad_phone), COLUMNS, rows, NOW)))

    rejected = {"d@shop.example", "e@shop.example"}
    if bad_phone == "reject":
        rejected |= {"a@shop.example", "b@shop.example", "c@shop.example"}
    assert {key for key, operation in _operations(plan).items() if operation == "reject"} == rejected
    filled = {row["key"] for row in plan if "|phone_number|" in row["filled"]}
    assert filled - rejected == {"f@shop.example"}


def test_lists_gain_and_lose_the_same_members() -> None:
    members = (
        *("a@shop.example", " B@shop.example ", "ü@shop.example", None),
        *("twice@shop.example", "twice@shop.example"),
    )
    rows = [{"email": email} for email in members]
    shop = Shop(SEGMENT, {"email": "varchar"}, rows, NOW)
    state = confirmed(shop, same_plan(both_plans(shop)))
    theirs = {**state[0], "key": "theirs@shop.example", "is_ours": False}
    later = replace(shop, rows=[*rows[1:], {"email": "new@shop.example"}], ledger={"state": [*state, theirs]})

    plan = same_plan(both_plans(later))

    assert _operations(plan) == {
        "a@shop.example": "remove",
        "theirs@shop.example": "release",
        "new@shop.example": "add",
        "": "reject",
        "twice@shop.example": "reject",
    }


def test_who_goes_on_under_another_address_leaves_and_is_retired_alike() -> None:
    aliases = Aliases("klaviyo_aliases", "model.c360.klaviyo_aliases", "marts", "klaviyo_aliases")
    pairs = {
        " Old@shop.example ": "new@shop.example",
        "waits@shop.example": "unconfirmed@shop.example",
        "nowhere@shop.example": "nobody@shop.example",
        "in-use@shop.example": "new@shop.example",
        "retired@shop.example": "new@shop.example",
        "refused@shop.example": "new@shop.example",
        "ü@shop.example": "\u3000Ü@Shop.example",
    }
    rows = [{"email": f"{name}@shop.example"} for name in ("new", "unconfirmed", "in-use", "\u3000Ü")]
    names = ("old", "waits", "nowhere", "in-use", "retired", "new", "ü", "refused")
    confirmed_rows = [
        {"key": f"{name}@shop.example", "digest": 0 if name == "retired" else 1, "filled": "|city|"}
        for name in names
    ]
    refused = {"stage": "klaviyo", "key": "refused@shop.example", "digest": 0}

    def operations(spec: SyncSpec, *, has_refused: bool) -> dict[str, str]:
        same = {"sync": spec.name, "is_ours": True, "target": ""}
        ledger = {"state": [{**same, **row} for row in confirmed_rows]}
        if has_refused:
            ledger["rejections"] = [{"sync": spec.name, **refused}]
        shop = Shop(spec, {"email": "varchar"}, rows, NOW, ledger=ledger, aliases=pairs)
        plan = same_plan(both_plans(shop))
        assert {row["filled"] for row in plan if row["operation"] == "retire"} <= {"|city|"}
        return {
            key.partition("@")[0]: operation
            for key, operation in _operations(plan).items()
            if operation not in ("create", "add", "update")
        }

    profiles = replace(
        PROFILES, fields={}, properties={"email": 'The "own" address'}, aliases=aliases, create="always"
    )
    assert operations(profiles, has_refused=True) == {
        "old": "retire",
        "waits": "leaving",
        "refused": "refused",
    }
    members = replace(SEGMENT, aliases=aliases, removal_grace_hours=24)
    assert operations(members, has_refused=False) == {
        **dict.fromkeys(("old", "waits", "nowhere", "retired", "refused"), "remove")
    }


def test_members_leave_after_the_same_grace() -> None:
    spec = replace(SEGMENT, removal_grace_hours=24)
    rows = [{"email": "stays@shop.example"}]
    gone = {"longer": NOW - timedelta(hours=25), "as long": NOW - timedelta(hours=24), "stays": None}
    gone |= {"shorter": NOW - timedelta(hours=23), "today": None}
    same = {"sync": spec.name, "digest": 1, "filled": "", "is_ours": True, "target": ""}
    state = [
        {**same, "key": f"{name.replace(' ', '-')}@shop.example", "gone_at": at} for name, at in gone.items()
    ]
    shop = Shop(spec, {"email": "varchar"}, rows, NOW, ledger={"state": state})

    plan = same_plan(both_plans(shop))
    at_once = same_plan(both_plans(replace(shop, overrides=Overrides(allow_removals=True))))

    out = ("longer@shop.example", "as-long@shop.example", "shorter@shop.example", "today@shop.example")
    assert _operations(plan) == {
        "stays@shop.example": "update",
        **dict(zip(out, ("remove", "remove", "leaving", "leaving"), strict=True)),
    }
    assert _operations(at_once) == {"stays@shop.example": "update", **dict.fromkeys(out, "remove")}

"""Two customers turn out to be one: Klaviyo follows, the plan says so before, and a split leads back."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import orjson
import pytest

from c360_platform.activation.blocks import RemovalFuse
from c360_platform.activation.delivery import Overrides
from c360_platform.activation.errors import SyncFailed, SyncHeld
from c360_platform.activation.forecast.dry_run import forecast
from c360_platform.activation.forecast.figures import Merged
from c360_platform.activation.forecast.words import notes, what_happens
from c360_platform.activation.merged import Aliases
from tests.platform.sync.killed_run import DieAt, OtherRun, Plot
from tests.platform.sync.shop import NOW, PROFILES, SEGMENT, Shop, person
from tests.platform.sync.test_dry_run import made_writes, plan, writes
from tests.platform.sync.test_sync_lists import consent, emails, subscribe
from tests.platform.sync.test_sync_mirror import put_on

ALIASES = Aliases("klaviyo_aliases", "model.c360.klaviyo_aliases", "marts", "klaviyo_aliases")
PEOPLE = replace(PROFILES, aliases=ALIASES)
MIRROR = replace(
    SEGMENT, aliases=ALIASES, removal_grace_hours=24, create="never", profile_syncs=(PEOPLE.name,)
)
ONE, TWO, THREE, FOUR = emails(1, 2, 3, 4)


def open_shop(shop: Shop) -> str:
    """Four people in Klaviyo and on the list, whose id it returns."""
    shop.aliases({})
    shop.profiles([person(number, note="a", phone=f"+49170123456{number}") for number in range(1, 5)])
    shop.segment(emails(1, 2, 3, 4))
    shop.run(PEOPLE)
    shop.run(MIRROR)
    return shop.list_id()


def merge(shop: Shop) -> None:
    """Person 1 is person 2; person 3 stays and person 4 leaves the segment."""
    shop.profiles([person(2, note="a", total_orders=3, phone="+491701234562"), *untouched(3, 4)])
    shop.segment(emails(2, 3))
    shop.aliases({" Person1@shop.example": TWO})


def untouched(*numbers: int) -> list[dict[str, Any]]:
    return [person(number, note="a", phone=f"+49170123456{number}") for number in numbers]


def test_after_a_merge_one_profile_goes_on_and_the_other_keeps_nothing_that_a_segment_could_find(
    shop: Shop,
) -> None:
    list_id = open_shop(shop)
    subscribe(shop, ONE)
    before = shop.klaviyo_profiles()
    merge(shop)
    planned, on_list = plan(shop, PEOPLE), plan(shop, MIRROR)
    shop.calls()

    profiles = shop.run(PEOPLE)
    assert made_writes(shop) == writes(planned)
    members = shop.run(MIRROR)

    assert profiles.by_operation == planned.operations == {"update": 1, "retire": 1}
    assert (profiles.unchanged, profiles.read_back) == (planned.unchanged, profiles.read_back)
    assert profiles.read_back is not None
    assert (profiles.read_back.checked, profiles.read_back.holds) == (2, True)
    after = shop.klaviyo_profiles()
    assert after[TWO]["properties"] == before[TWO]["properties"] | {"Total Orders": 3}
    kept = ("first_name", "phone_number", "location", "subscriptions")
    assert after[ONE]["properties"] == {}
    assert [after[ONE].get(name) for name in kept] == [before[ONE].get(name) for name in kept]
    assert consent(shop, ONE) == "SUBSCRIBED"
    assert members.by_operation == on_list.operations == {"remove": 1}  # at once, without the grace period
    assert members.leaving == on_list.leaving == 1  # person 4, who has it
    assert shop.members(list_id) == {TWO, THREE, FOUR}
    assert made_writes(shop) == writes(on_list)

    for spec in (PEOPLE, MIRROR):
        assert shop.run(spec).planned == 0
    assert shop.calls() == {}


def test_the_plan_tells_who_goes_on_as_whom_and_masks_both(shop: Shop) -> None:
    open_shop(shop)
    merge(shop)
    shop.aliases({ONE: TWO, FOUR: TWO})

    profiles = plan(shop, replace(PEOPLE, removal_fuse=RemovalFuse(always_allowed=0, max_share=0.2)))
    members = plan(shop, MIRROR)

    assert (profiles.merged, members.merged) == (Merged(people=1, retire=1), Merged(people=1, leave=2))
    assert notes(members) == [
        "1 person goes on under another address, merged or changed; old ones that leave the list at once: 2"
    ]
    assert notes(profiles)[0].startswith("would be held: 1 of 4 profiles would be retired")
    assert (
        "1 person goes on under another address, merged or changed; old ones that stay behind as profiles, "
        "without what this sync wrote: 1"
    ) in notes(profiles)
    sample = next(one for one in members.samples if one.operation == "remove")
    assert (sample.person, what_happens(sample)) == ("p…@s….example", "goes on as p…@s….example")
    shown = forecast(PEOPLE, shop.warehouse, now=NOW, unmask=True)
    retired = next(one for one in shown.samples if one.operation == "retire")
    assert (retired.person, retired.goes_on_as) == (ONE, TWO)
    assert "person" not in repr(shown.samples)
    document = orjson.loads(orjson.dumps(members.document()))
    assert document["merged"] == {"people": 1, "leave": 2, "stay": 0, "retire": 0, "wait": 0}
    assert "person1" not in orjson.dumps(document).decode()


def test_a_split_brings_profile_and_membership_back(shop: Shop) -> None:
    list_id = open_shop(shop)
    before = shop.klaviyo_profiles()
    merge(shop)
    shop.run(PEOPLE)
    shop.run(MIRROR)
    shop.profiles(untouched(1, 2, 3, 4))
    shop.segment(emails(1, 2, 3))
    shop.aliases({})

    assert shop.run(PEOPLE).by_operation == {"update": 2}
    assert shop.run(MIRROR).by_operation == {"add": 1}

    after = shop.klaviyo_profiles()
    assert {key: after[key]["properties"] for key in after} == {
        key: before[key]["properties"] for key in before
    }
    assert shop.members(list_id) == {ONE, TWO, THREE, FOUR}


def test_a_profile_is_retired_only_once_klaviyo_has_the_other_address(shop: Shop) -> None:
    open_shop(shop)
    spec = replace(PEOPLE, create="never")
    new = person(9, note="a", total_orders=2)
    shop.profiles([new, *untouched(2, 3, 4)])
    shop.aliases({ONE: new["email"]})

    waiting = plan(shop, spec)
    assert (waiting.merged, waiting.operations) == (Merged(people=1, wait=1), {})
    held_back = shop.run(spec)
    assert (held_back.planned, held_back.withheld, held_back.leaving) == (0, 1, 1)
    assert shop.run(PEOPLE).by_operation == {"create": 1}
    assert shop.run(spec).by_operation == {"retire": 1}
    assert shop.klaviyo_profiles()[ONE]["properties"] == {}

    shop.profiles(untouched(2, 3))  # person 4 has left without going on anywhere
    shop.aliases({ONE: "nobody@shop.example", FOUR: "nobody@shop.example", TWO: THREE})
    assert shop.run(PEOPLE).planned == 0  # nor does an alias count whose address is still in the model
    assert shop.klaviyo_profiles()[FOUR]["properties"]["Note"] == "a"


def test_case_22_a_wrong_mass_merge_meets_the_fuse_of_profiles_and_lists(shop: Shop) -> None:
    shop.aliases({})
    shop.profiles([person(number) for number in range(1, 31)])
    shop.segment(emails(*range(1, 31)))
    shop.run(PEOPLE)
    shop.run(MIRROR)
    shop.calls()
    shop.profiles([person(30)])
    shop.segment(emails(30))
    shop.aliases(dict.fromkeys(emails(*range(1, 30)), emails(30)[0]))

    for spec, said in ((PEOPLE, "29 of 30 profiles would be retired"), (MIRROR, "29 of 30 members")):
        with pytest.raises(SyncHeld, match=said):
            shop.run(spec)
    assert shop.calls() == {}

    assert shop.run(PEOPLE, overrides=Overrides(allow_removals=True)).by_operation == {"retire": 29}
    assert shop.run(PEOPLE).planned == 0


def test_who_was_on_the_list_before_us_stays_and_two_masters_are_none(shop: Shop) -> None:
    shop.aliases({})
    shop.profiles(untouched(1, 2, 3, 4))
    shop.run(PEOPLE)
    list_id = shop.klaviyo.create_list(SEGMENT.list_name)
    put_on(shop, list_id, [ONE])
    shop.segment(emails(1, 2, 3, 4))
    shop.run(MIRROR)
    shop.segment([FOUR])
    shop.aliases({ONE: FOUR, TWO: FOUR})
    shop.warehouse.execute(
        "insert into marts.klaviyo_aliases values "
        f"('{THREE}', '{FOUR}'), ('{THREE}', '{ONE}'), ('{TWO}', '{FOUR}'), ('{TWO}', null), (null, '{ONE}')"
    )

    found = plan(shop, MIRROR)
    report = shop.run(MIRROR)

    assert found.merged == Merged(people=1, leave=1, stay=1)
    assert "that stay on it, as they were there before us: 1" in notes(found)[0]
    assert (report.by_operation, report.leaving) == ({"remove": 1}, 1)
    assert shop.members(list_id) == {ONE, THREE, FOUR}


def test_a_profile_that_was_merged_at_klaviyo_is_not_made_anew(shop: Shop) -> None:
    open_shop(shop)
    ids = shop.klaviyo.profile_ids([ONE, TWO])
    shop.api.Profiles.merge_profiles(
        {
            "data": {
                "type": "profile-merge",
                "id": ids[TWO],
                "relationships": {"profiles": {"data": [{"type": "profile", "id": ids[ONE]}]}},
            }
        }
    )
    shop.sandbox.settle()
    assert ONE not in shop.klaviyo_profiles()
    merge(shop)

    report = shop.run(PEOPLE)

    assert (report.by_operation, report.pending) == ({"update": 1}, 0)
    assert set(shop.klaviyo_profiles()) == {TWO, THREE, FOUR}
    assert shop.run(PEOPLE).planned == 0


def test_case_01_a_run_that_is_killed_while_it_retires_is_finished_by_the_next(shop: Shop) -> None:
    open_shop(shop)
    merge(shop)
    taken = DieAt("accepted", "before", 1)  # Klaviyo took the batch, nobody wrote it down
    assert OtherRun(Plot(shop.address, shop.sandbox.url, PEOPLE, taken)).ended() == (-signal.SIGKILL, "")

    report = shop.run(PEOPLE)

    assert report.pending == 0
    assert shop.klaviyo_profiles()[ONE]["properties"] == {}
    assert shop.ledger(f"select digest from c360_sync.state where key = '{ONE}' and sync = 'profiles'") == [
        {"digest": 0}
    ]
    shop.calls()
    assert (shop.run(PEOPLE).planned, shop.calls()) == (0, {})


def test_without_the_table_of_aliases_nothing_is_sent(shop: Shop) -> None:
    shop.profiles(untouched(1))
    with pytest.raises(SyncFailed, match="build the model klaviyo_aliases"):
        shop.run(PEOPLE)
    assert shop.imported_rows() == []

"""Lists as mirrors of segments: whom we put on, we take off, and nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from c360_platform.activation.delivery import Overrides
from c360_platform.activation.errors import SyncFailed, SyncHeld
from tests.platform.sync.shop import PROFILES, SEGMENT, Shop, person

CONSENT_CALLS = ("subscription", "suppression")


def emails(*numbers: int) -> list[str]:
    return [f"person{number}@shop.example" for number in numbers]


def test_a_list_follows_its_segment_and_consent_stays(shop: Shop) -> None:
    shop.segment(emails(*range(1, 21)))
    first = shop.run(SEGMENT)
    list_id = shop.list_id()
    assert (first.by_operation, shop.members(list_id)) == ({"add": 20}, set(emails(*range(1, 21))))
    subscribe(shop, emails(1)[0])
    shop.calls()

    shop.segment(emails(*range(2, 19), 30))
    second = shop.run(SEGMENT)

    assert (second.by_operation, second.unchanged) == ({"remove": 3, "add": 1}, 17)
    calls = shop.calls()
    assert shop.members(list_id) == set(emails(*range(2, 19), 30))
    assert calls["POST /api/profile-bulk-import-jobs"] == 1
    assert calls["DELETE /api/lists/{id}/relationships/profiles"] == 1
    assert not [call for call in calls if any(word in call for word in CONSENT_CALLS)]
    assert consent(shop, emails(1)[0]) == "SUBSCRIBED"
    shop.calls()
    assert (shop.run(SEGMENT).planned, shop.calls()) == (0, {})


def test_case_24_members_that_were_there_before_are_never_removed(shop: Shop) -> None:
    shop.profiles([person(number) for number in range(1, 6)])
    shop.run(PROFILES)
    ids = shop.klaviyo.profile_ids(emails(1, 2, 5))
    list_id = shop.klaviyo.create_list(SEGMENT.list_name)
    shop.api.Lists.add_profiles_to_list(
        list_id, {"data": [{"type": "profile", "id": profile_id} for profile_id in ids.values()]}
    )
    shop.segment(emails(1, 2, 3, 4))

    first = shop.run(SEGMENT)
    assert (first.planned, first.sent, first.confirmed) == (4, 2, 4)
    assert shop.members(list_id) == set(emails(1, 2, 3, 4, 5))

    shop.segment(emails(2, 3))
    second = shop.run(SEGMENT)

    assert second.by_operation == {"remove": 1}  # person 4; person 1 was on the list before us
    assert shop.members(list_id) == set(emails(1, 2, 3, 5))
    assert shop.run(SEGMENT).planned == 0


def test_case_22_removing_most_of_a_list_waits_for_a_persons_word(shop: Shop) -> None:
    shop.segment(emails(*range(1, 31)))
    shop.run(SEGMENT)
    shop.segment(emails(1, 2, 3))
    shop.calls()

    with pytest.raises(SyncHeld, match="27 of 30 members would be removed"):
        shop.run(SEGMENT)
    assert shop.calls() == {}
    assert len(shop.members(shop.list_id())) == 30

    assert shop.run(SEGMENT, overrides=Overrides(allow_removals=True)).by_operation == {"remove": 27}
    assert shop.members(shop.list_id()) == set(emails(1, 2, 3))


def test_two_lists_of_one_name_are_an_error_and_not_a_guess(shop: Shop) -> None:
    for _ in range(2):
        shop.klaviyo.create_list(SEGMENT.list_name)
    shop.segment(emails(1))

    with pytest.raises(SyncFailed, match="2 lists in Klaviyo are named"):
        shop.run(SEGMENT)
    assert shop.imported_rows() == []


def test_a_list_sync_may_carry_properties(shop: Shop) -> None:
    spec = replace(SEGMENT, table="klaviyo_profiles", properties={"note": "Note"})
    shop.profiles([person(1, note="a"), person(2, note="b")])
    shop.run(spec)
    shop.profiles([person(1, note="a"), person(2, note="c")])

    report = shop.run(spec)

    assert report.by_operation == {"update": 1}
    assert shop.members(shop.list_id()) == set(emails(1, 2))
    assert shop.klaviyo_profiles()["person2@shop.example"]["properties"] == {"Note": "c"}


def subscribe(shop: Shop, email: str) -> None:
    agreed = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    subscriber = {"type": "profile", "attributes": {"email": email, "subscriptions": agreed}}
    shop.api.Profiles.bulk_subscribe_profiles(
        {
            "data": {
                "type": "profile-subscription-bulk-create-job",
                "attributes": {"profiles": {"data": [subscriber]}},
            }
        }
    )


def consent(shop: Shop, email: str) -> str:
    found = shop.api.Profiles.get_profiles(
        filter=f'equals(email,"{email}")', additional_fields_profile=["subscriptions"]
    )
    return str(found["data"][0]["attributes"]["subscriptions"]["email"]["marketing"]["consent"])

"""The sync engine with its ledger in BigQuery: the most telling tests of `tests/platform/sync`, as they are.

They are written against a `shop`; here that is one whose warehouse is BigQuery.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from klaviyo_api import KlaviyoAPI

from c360_platform.activation.delivery import Overrides
from c360_platform.activation.forecast.dry_run import forecast
from c360_platform.activation.reconcile import reconcile, repair
from c360_platform.activation.transport.client import Klaviyo
from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.server import Sandbox, running_sandbox
from c360_platform.warehouse import open_warehouse
from tests.platform.faults.test_state_faults import (
    test_case_19_a_key_of_another_account_holds_the_sync_until_a_person_accepts_it,
    test_case_23_events_of_a_lost_ledger_are_held_and_then_only_what_is_missing_goes,
)
from tests.platform.sync.shop import KEY, NOW, PROFILES, SEGMENT, Shop, person
from tests.platform.sync.test_sync_events import (
    test_a_first_load_is_history_and_later_events_are_news_while_they_are_fresh,
    test_a_late_event_of_an_old_month_is_sent_without_looking_at_the_others,
    test_case_30_two_events_of_one_second_are_both_recorded,
)
from tests.platform.sync.test_sync_lists import (
    test_a_list_follows_its_segment_and_consent_stays,
    test_case_22_removing_most_of_a_list_waits_for_a_persons_word,
    test_case_24_members_that_were_there_before_are_never_removed,
)
from tests.platform.sync.test_sync_mirror import (
    test_case_22_a_segment_that_shrinks_or_empties_is_held_and_leaves_no_tombstone,
    test_case_24_members_of_a_body_whose_fate_is_unknown_are_ours_to_remove,
)
from tests.platform.sync.test_sync_profiles import (
    test_a_first_run_makes_klaviyo_equal_to_the_mart,
    test_a_second_run_makes_no_call_and_one_changed_row_sends_one_row,
    test_case_12_a_row_that_klaviyo_refuses_is_isolated_and_tried_again_when_it_changes,
    test_case_34_values_that_became_null_are_cleared,
    test_rows_that_cannot_be_sent_are_kept_with_a_reason_and_the_others_go_through,
)
from tests.platform.sync.test_sync_recovery import (
    test_a_value_that_became_null_while_its_row_waited_to_be_sent_again_is_cleared,
    test_an_event_that_changed_while_its_batch_was_open_is_recorded_once,
    test_batches_whose_plan_is_gone_are_planned_anew,
    test_case_01_a_killed_run_doubles_no_event_and_reads_back_before_it_sends,
    test_case_01_a_killed_run_loses_nothing_and_sends_at_most_one_batch_twice,
    test_case_24_members_that_a_killed_run_added_are_still_ours_to_remove,
)
from tests.warehouse.emulator.process import LOCATION, PROJECT, Emulator

__all__ = [
    "test_a_first_load_is_history_and_later_events_are_news_while_they_are_fresh",
    "test_a_first_run_makes_klaviyo_equal_to_the_mart",
    "test_a_late_event_of_an_old_month_is_sent_without_looking_at_the_others",
    "test_a_list_follows_its_segment_and_consent_stays",
    "test_a_second_run_makes_no_call_and_one_changed_row_sends_one_row",
    "test_a_value_that_became_null_while_its_row_waited_to_be_sent_again_is_cleared",
    "test_an_event_that_changed_while_its_batch_was_open_is_recorded_once",
    "test_batches_whose_plan_is_gone_are_planned_anew",
    "test_case_01_a_killed_run_doubles_no_event_and_reads_back_before_it_sends",
    "test_case_01_a_killed_run_loses_nothing_and_sends_at_most_one_batch_twice",
    "test_case_12_a_row_that_klaviyo_refuses_is_isolated_and_tried_again_when_it_changes",
    "test_case_19_a_key_of_another_account_holds_the_sync_until_a_person_accepts_it",
    "test_case_22_a_segment_that_shrinks_or_empties_is_held_and_leaves_no_tombstone",
    "test_case_22_removing_most_of_a_list_waits_for_a_persons_word",
    "test_case_23_events_of_a_lost_ledger_are_held_and_then_only_what_is_missing_goes",
    "test_case_24_members_of_a_body_whose_fate_is_unknown_are_ours_to_remove",
    "test_case_24_members_that_a_killed_run_added_are_still_ours_to_remove",
    "test_case_24_members_that_were_there_before_are_never_removed",
    "test_case_30_two_events_of_one_second_are_both_recorded",
    "test_case_34_values_that_became_null_are_cleared",
    "test_rows_that_cannot_be_sent_are_kept_with_a_reason_and_the_others_go_through",
]

ARROW_TYPES = {
    "varchar": pa.string(),
    "varchar[]": pa.list_(pa.string()),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "decimal(18,2)": pa.decimal128(18, 2),
    "double": pa.float64(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}


@dataclass
class BigQueryShop(Shop):
    """The shop with its marts and its ledger in BigQuery."""

    @property
    def address(self) -> str:
        return f"bigquery:{PROJECT}"

    def _table(self, name: str, types: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
        schema = pa.schema([(column, ARROW_TYPES[kind]) for column, kind in types.items()])
        typed = [{key: _value(value, schema.field(key).type) for key, value in row.items()} for row in rows]
        relation = self.warehouse.relation("marts", name)
        self.warehouse.execute(f"drop table if exists {relation}")
        self.warehouse.append(relation, pa.Table.from_pylist(typed, schema=schema))


def _value(value: Any, kind: pa.DataType) -> Any:
    """The texts that DuckDB casts by itself."""
    if not isinstance(value, str):
        return value
    if pa.types.is_decimal(kind):
        return Decimal(value)
    if pa.types.is_timestamp(kind):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if pa.types.is_date(kind) else value


@pytest.fixture
def shop(emulator: Emulator, tmp_path: Path) -> Iterator[Shop]:
    emulator.drop("marts", "c360_sync")
    warehouse: Any = open_warehouse(
        engine="bigquery", bigquery_project=PROJECT, bigquery_location=LOCATION, labels={"sync": "test"}
    )
    warehouse.create_schema("marts")
    with running_sandbox(tmp_path / "sandbox.sqlite") as sandbox:
        KlaviyoSettings(sandbox.store).import_delay_seconds = 0
        yield _shop(warehouse, sandbox)


def _shop(warehouse: Any, sandbox: Sandbox) -> Shop:
    return BigQueryShop(
        warehouse=warehouse,
        sandbox=sandbox,
        klaviyo=Klaviyo(KEY, sandbox.url, patience_seconds=20),
        api=KlaviyoAPI(KEY, test_host=sandbox.url, options={"USE_DICTIONARY_FOR_RESPONSE_DATA": True}),
    )


def test_a_dry_run_says_what_the_run_then_does(shop: Shop) -> None:
    people = [person(number, city="Köln", note="a") for number in range(1, 9)]
    shop.profiles(people)
    ingest(shop, [])
    spec = replace(PROFILES, ingest_schema="klaviyo", create="consented", consent="is_vip")
    first = forecast(spec, shop.warehouse, now=NOW)
    assert (first.operations, first.new_profiles) == ({"create": 4}, 4)
    assert first.withheld == {
        "Klaviyo does not know the person, who has not consented (create: consented)": 4
    }
    assert shop.run(spec).by_operation == {"create": 4}
    ingest(shop, ["person1@shop.example", *shop.klaviyo_profiles()])
    people[1] |= {"note": "b"}
    people[3] |= {"first_name": None, "note": "b"}
    shop.profiles([*people, person(9, email="no address")])

    found = forecast(spec, shop.warehouse, now=NOW)

    assert found.operations == {"create": 1, "update": 1, "clear": 1}
    assert {name: found.changed.by_name[name] for name in ("Note", "first_name", "LTV")} == {
        "Note": 3,
        "first_name": 2,
        "LTV": 1,  # of the one whom only the ingest knows
    }
    report = shop.run(spec)
    assert report.by_operation == found.operations
    assert (report.rejected, report.withheld, report.unchanged) == (1, 3, 2)
    assert (report.rejected + report.withheld, report.unchanged) == (found.kept_out, found.unchanged)


def test_members_wait_for_their_grace_and_drift_is_mended(shop: Shop) -> None:
    spec = replace(SEGMENT, removal_grace_hours=24)
    members = [f"person{number}@shop.example" for number in range(1, 9)]
    shop.segment(members)
    shop.run(spec)
    shop.segment(members[1:])
    for hours in (0, 23):
        report = shop.run(spec, now=later(hours))
        assert (report.planned, report.leaving) == (0, 1)
    list_id = shop.list_id()
    ids = shop.klaviyo.profile_ids(members[2:4])
    shop.klaviyo.remove_from_list(list_id, list(ids.values()))  # as somebody else might

    drift = reconcile(spec, shop.warehouse, shop.klaviyo, now=later(26))
    assert (drift.in_step, drift.missing, drift.orphaned, drift.foreign) == (5, 2, 1, 0)
    mended = repair(spec, shop.warehouse, shop.klaviyo, run_id="repair", now=later(26))
    assert mended.repaired == 2
    report = shop.run(spec, now=later(27))

    assert report.by_operation == {"add": 2, "remove": 1}
    assert shop.members(list_id) == set(members[1:])
    assert reconcile(spec, shop.warehouse, shop.klaviyo, now=later(28)).holds


def test_a_row_that_was_refused_is_tried_again_when_a_person_says_so(shop: Shop) -> None:
    shop.profiles([person(1), person(9, email="nine..nine@shop.example")])
    assert (shop.run(PROFILES).rejected, shop.run(PROFILES).planned) == (1, 0)

    report = shop.run(PROFILES, overrides=Overrides(retry_rejected=True))

    assert (report.planned, report.confirmed, report.rejected) == (1, 0, 1)


def later(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def ingest(shop: Shop, addresses: Sequence[str]) -> None:
    """What our own Klaviyo ingest has of these people."""
    known = shop.klaviyo_profiles()
    rows = [
        {
            "id": f"id-{number}",
            "email": email,
            "first_name": known.get(email, {}).get("first_name"),
            "phone_number": None,
            "location": json.dumps(known.get(email, {}).get("location") or {}),
            "properties": json.dumps(known.get(email, {}).get("properties") or {}),
            "updated": datetime.now(UTC),
            "is_deleted": False,
        }
        for number, email in enumerate(addresses)
    ]
    relation = shop.warehouse.relation("klaviyo", "profiles")
    shop.warehouse.create_schema("klaviyo")
    shop.warehouse.execute(f"drop table if exists {relation}")
    kinds = {"updated": "timestamptz", "is_deleted": "boolean"}
    columns = ("id", "email", "first_name", "phone_number", "location", "properties", *kinds)
    schema = pa.schema([(name, ARROW_TYPES[kinds.get(name, "varchar")]) for name in columns])
    shop.warehouse.append(relation, pa.Table.from_pylist(rows, schema=schema))

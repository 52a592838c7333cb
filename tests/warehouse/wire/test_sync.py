"""The sync engine with its ledger in BigQuery: the most telling tests of `tests/platform/sync`, as they are.

They are written against a `shop`; here that is one whose warehouse is BigQuery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from klaviyo_api import KlaviyoAPI

from c360_platform.activation.transport import Klaviyo
from c360_platform.sandbox.server import Sandbox, running_sandbox
from c360_platform.warehouse import open_warehouse
from tests.platform.sync.shop import KEY, Shop
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
from tests.platform.sync.test_sync_profiles import (
    test_a_first_run_makes_klaviyo_equal_to_the_mart,
    test_a_second_run_makes_no_call_and_one_changed_row_sends_one_row,
    test_case_12_a_row_that_klaviyo_refuses_is_isolated_and_tried_again_when_it_changes,
    test_case_34_values_that_became_null_are_cleared,
    test_rows_that_cannot_be_sent_are_kept_with_a_reason_and_the_others_go_through,
)
from tests.platform.sync.test_sync_recovery import (
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
    "test_batches_whose_plan_is_gone_are_planned_anew",
    "test_case_01_a_killed_run_doubles_no_event_and_reads_back_before_it_sends",
    "test_case_01_a_killed_run_loses_nothing_and_sends_at_most_one_batch_twice",
    "test_case_12_a_row_that_klaviyo_refuses_is_isolated_and_tried_again_when_it_changes",
    "test_case_22_removing_most_of_a_list_waits_for_a_persons_word",
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
        yield _shop(warehouse, sandbox)


def _shop(warehouse: Any, sandbox: Sandbox) -> Shop:
    return BigQueryShop(
        warehouse=warehouse,
        sandbox=sandbox,
        klaviyo=Klaviyo(KEY, sandbox.url, patience_seconds=20),
        api=KlaviyoAPI(KEY, test_host=sandbox.url, options={"USE_DICTIONARY_FOR_RESPONSE_DATA": True}),
    )

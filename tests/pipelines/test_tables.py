"""Raw tables: what they look like, against the contract that staging reads, and what a merge keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import msgspec
import pytest
import yaml
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime import anon_tracker
from hypothesis import given
from hypothesis import strategies as st

from dlt_pipelines.klaviyo import tables as klaviyo_tables
from dlt_pipelines.personal_data import HINT, Classification, Personal, UnclassifiedColumn
from dlt_pipelines.pipeline import make_pipeline
from dlt_pipelines.quarantine import REJECTED_ROWS
from dlt_pipelines.tables import Table
from dlt_pipelines.zendesk import tables as zendesk_tables
from dlt_pipelines.zendesk.answers import TicketPage
from dlt_pipelines.zendesk.tables import TICKETS, USERS, Ticket, User
from tests.pipelines.accounts import KlaviyoAccount, Warehouse, ZendeskAccount

STAGING = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "staging"
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "json": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=8,
)
TABLES = {
    "zendesk": [*zendesk_tables.TABLES, REJECTED_ROWS],
    "klaviyo": [*klaviyo_tables.TABLES, REJECTED_ROWS],
}


def contract(source: str) -> dict[str, dict[str, Any]]:
    document = yaml.safe_load((STAGING / source / f"_{source}__sources.yml").read_text())
    return {table["name"]: table for table in document["sources"][0]["tables"]}


def test_an_empty_account_gives_every_table_of_the_contract_with_its_columns(
    zendesk: ZendeskAccount, klaviyo: KlaviyoAccount
) -> None:
    zendesk.load()
    klaviyo.load()

    for source in ("zendesk", "klaviyo"):
        for name, table in contract(source).items():
            columns = zendesk.warehouse.rows(
                "select column_name, data_type from information_schema.columns "
                f"where table_schema = '{source}' and table_name = '{name}' order by ordinal_position"
            )
            expected = [(column["name"], DUCKDB_TYPES[column["data_type"]]) for column in table["columns"]]
            assert columns == [*expected, ("_dlt_load_id", "VARCHAR")], f"{source}.{name}"


@pytest.mark.parametrize("source", ["zendesk", "klaviyo"])
def test_keys_are_those_of_the_contract(source: str) -> None:
    keys = {name: tuple(table["config"]["meta"]["key"]) for name, table in contract(source).items()}

    assert {table.name: table.primary_key for table in TABLES[source]} == keys


def test_the_newest_version_wins_when_one_package_brings_a_ticket_thrice(warehouse: Warehouse) -> None:
    versions = [
        Ticket(id=1, generated_timestamp=generated, subject=str(generated)) for generated in (20, 30, 15)
    ]

    @dlt.resource(**TICKETS.merged)
    def tickets() -> Any:
        for version in versions:
            yield TICKETS.arrow([version])

    pipeline = make_pipeline("zendesk", warehouse.path, warehouse.dlt_home)
    pipeline.run(tickets())

    assert warehouse.rows("select id, subject from zendesk.tickets") == [("1", "30")]


def test_ids_become_text_and_times_utc() -> None:
    table = USERS.arrow(
        [
            User(id=7, external_id="A-7", organization_id=2**62),
            User(id="8", created_at=datetime.fromisoformat("2026-03-29T03:30:00+02:00")),
            User(id=9, created_at=datetime.fromisoformat("2026-03-29T01:30:00")),
        ]
    )

    assert table["id"].to_pylist() == ["7", "8", "9"]
    assert table["organization_id"].to_pylist() == [str(2**62), None, None]
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert table["created_at"].to_pylist() == [None, moment, moment]


@given(nested=JSON_VALUES, text=st.text(st.characters(exclude_categories=["Cs"])))
def test_nested_values_and_text_arrive_as_they_were_sent(nested: Any, text: str) -> None:
    page = {"tickets": [{"id": 1, "custom_fields": nested, "subject": text}], "end_of_stream": True}

    [row] = TICKETS.arrow(msgspec.json.decode(json.dumps(page), type=TicketPage).rows).to_pylist()

    assert row["subject"] == text
    assert (None if row["custom_fields"] is None else json.loads(row["custom_fields"])) == nested


def test_dlt_reports_nothing_to_anybody(warehouse: Warehouse) -> None:
    make_pipeline("zendesk", warehouse.path, warehouse.dlt_home)

    assert Container()[PluggableRunContext].context.runtime_config.dlthub_telemetry is False
    assert anon_tracker._ANON_TRACKER_ENDPOINT is None


def test_every_column_says_what_it_tells_about_a_person(
    zendesk: ZendeskAccount, klaviyo: KlaviyoAccount
) -> None:
    zendesk.load()
    klaviyo.load()

    for source, tables in TABLES.items():
        pipeline = make_pipeline(source, zendesk.warehouse.path, zendesk.warehouse.dlt_home)
        pipeline.sync_destination()  # the schema as the dataset keeps it
        for table in tables:
            columns = pipeline.default_schema.tables[table.name]["columns"]
            found = {name: column.get(HINT) for name, column in columns.items() if name != "_dlt_load_id"}
            assert found == {name: personal.value for name, personal in table.personal_data.items()}, (
                table.name
            )


def test_columns_that_name_or_reach_somebody_are_classified_as_that() -> None:
    classes = {f"{table.name}.{name}": personal for tables in TABLES.values() for table in tables
               for name, personal in table.personal_data.items()}  # fmt: skip

    assert {name for name in classes if name.rpartition(".")[2] in {"email", "phone", "phone_number"}} == {
        name for name, personal in classes.items() if personal is Personal.CONTACT
    }
    assert classes["users.name"] is classes["profiles.last_name"] is Personal.NAME
    assert classes["tickets.description"] is classes["rejected_rows.record"] is Personal.CONTENT
    assert classes["organizations.name"] is classes["metrics.name"] is Personal.NONE


def test_a_column_without_a_class_cannot_be_loaded() -> None:
    class Pet(msgspec.Struct):
        id: str
        owner: str | None = None

    table = Table("pets", Pet, ("id",), Classification("zoo", {Personal.NONE: ("id",)}))

    with pytest.raises(UnclassifiedColumn, match=r"zoo\.pets\.owner"):
        _ = table.merged

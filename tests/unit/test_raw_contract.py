"""The raw contract as it is read from the dbt source files, and how names find their table and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_platform.raw_files.contract import (
    ContractError,
    RawColumn,
    RawContract,
    RawSource,
    RawTable,
    load_contract,
)

DBT_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


@pytest.fixture(scope="module")
def contract() -> RawContract:
    return load_contract(DBT_PROJECT)


def table_of(contract: RawContract, source: str, table: str) -> RawTable:
    found = contract.source(source)
    assert found is not None
    declared = found.table(table)
    assert declared is not None
    return declared


def test_the_contract_declares_every_source_with_typed_columns_and_keys(contract: RawContract) -> None:
    assert {source.name for source in contract.sources} == {
        *(
            "shopify",
            "amazon",
            "webshop",
            "shipments",
            "stripe",
            "ga4",
            "crm",
            "zendesk",
            "klaviyo",
            "marketing",
        )
    }
    order = table_of(contract, "shopify", "order")
    assert order.key == ("id",)
    assert order.required
    assert order.columns_by_name["total_price"].data_type == "numeric"
    assert order.columns_by_name["total_price"].required


def test_no_name_in_the_contract_means_two_things(contract: RawContract) -> None:
    """Every declared name and alias of a table finds that table, whatever the others are called."""
    for source in contract.sources:
        for table in source.tables:
            assert source.table(table.name) is table
            for alias in table.aliases:
                assert source.table(alias) is table, f"{source.name}: {alias} is not {table.name}"
            for column in table.columns:
                assert table.match_columns([column.name]) == {column.name: 0}


@pytest.mark.parametrize(
    ("folder", "file", "expected"),
    [
        ("shopify", "order", ("shopify", "order")),
        ("SHOPIFY", "Shopify_Order_Data", ("shopify", "order")),
        ("shopify_gql", "shopify_gql_order_data", ("shopify", "order")),
        ("amazon_selling_partner", "orders", ("amazon", "orders")),
        ("webshop", "raw_customers", ("webshop", "customers")),
        ("klaviyo", "person", ("klaviyo", "profiles")),
        ("zendesk", "ticket_data", ("zendesk", "tickets")),
        ("stripe", "charge_data", ("stripe", "charge")),
    ],
)
def test_folders_and_files_are_known_by_the_names_loaders_give_them(
    contract: RawContract, folder: str, file: str, expected: tuple[str, str]
) -> None:
    table = table_of(contract, folder, file)
    assert (table.source, table.name) == expected


def test_a_catalogue_of_discount_codes_is_not_taken_for_the_codes_of_orders(contract: RawContract) -> None:
    shopify = contract.source("shopify")
    assert shopify is not None
    assert shopify.table("shopify_discount_code_data") is None


TABLE = RawTable(
    source="shop",
    name="orders",
    columns=(
        RawColumn("ordered_at", "timestamp", aliases=("placed_at", "date")),
        RawColumn("buyer_email", "string", aliases=("email",)),
    ),
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["ORDERED_AT", "Buyer Email"], {"ordered_at": 0, "buyer_email": 1}),
        (["date", "placed_at", "ordered_at"], {"ordered_at": 2}),
        (["date", "placed_at"], {"ordered_at": 1}),
        (["BuyerEmail", "orderedAt"], {"buyer_email": 0, "ordered_at": 1}),
        (["buyer__email"], {"buyer_email": 0}),
        (["something", ""], {}),
    ],
)
def test_the_declared_name_wins_then_the_first_alias(header: list[str], expected: dict[str, int]) -> None:
    assert TABLE.match_columns(header) == expected


def test_a_table_is_never_found_under_an_alias_that_is_another_tables_name() -> None:
    refund = RawTable("shop", "refund", ())
    line = RawTable("shop", "order_line", (), aliases=("refund", "lines"))
    source = RawSource("shop", "shop", (line, refund))
    assert source.table("refund") is refund
    assert source.table("raw_lines") is line


def test_columns_that_may_tell_who_somebody_is_are_marked() -> None:
    assert all(
        RawColumn(name, "string").is_personal
        for name in ("email", "shipping_address_zip", "birth_date", "street", "address_line_1")
    )
    assert not any(RawColumn(name, "string").is_personal for name in ("amount", "created_at", "metric_name"))


def write_project(folder: Path, source_yaml: str, variables: str = "{}") -> Path:
    staging = folder / "models" / "staging" / "shop"
    staging.mkdir(parents=True)
    (staging / "_shop__sources.yml").write_text(source_yaml)
    (folder / "dbt_project.yml").write_text(f"name: c360\nvars: {variables}\n")
    return folder


def test_a_source_may_be_in_a_schema_of_another_name(tmp_path: Path) -> None:
    yaml = "sources: [{name: shop, tables: []}]"
    project = write_project(tmp_path, yaml, variables="{raw_schemas: {shop: my_dataset}}")
    assert load_contract(project).sources[0].schema == "my_dataset"


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        (
            "sources: [{name: shop, tables: [{name: t, columns: [{name: a, data_type: money}]}]}]",
            "t.a: data_type 'money'",
        ),
        (
            "sources: [{name: shop, tables: [{name: t, config: {meta: {key: [id]}}}]}]",
            "key column id is not declared",
        ),
        ("sources: [", "cannot be read as YAML"),
    ],
)
def test_a_source_file_that_cannot_be_used_is_named(tmp_path: Path, yaml: str, message: str) -> None:
    with pytest.raises(ContractError, match=r"_shop__sources\.yml") as raised:
        load_contract(write_project(tmp_path, yaml))
    assert message in str(raised.value)


def test_a_project_without_source_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no source files"):
        load_contract(tmp_path)

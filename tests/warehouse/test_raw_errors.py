"""What a source must have and lacks is named, with what to do."""

from __future__ import annotations

from collections.abc import Callable

from tests.warehouse.dbt_home import DbtHome


def test_what_is_required_and_missing_is_named_with_what_to_do(new_home: Callable[[], DbtHome]) -> None:
    home = new_home()
    home.load(
        "create schema shopify",
        "create table shopify.customer (email varchar)",
        "create schema webshop",
        "create table webshop.orders (id varchar)",
    )

    done = home.dbt("run", "--select", "stg_shopify__customers", "stg_shopify__orders", "stg_webshop__orders")

    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert "Source shopify: table shopify.customer has no column id" in done.stdout
    assert "Source shopify has no table shopify.order." in done.stdout
    assert (
        "Source webshop: table webshop.orders has no column order_date (also known as ordered_at, created_at)"
        in done.stdout
    )

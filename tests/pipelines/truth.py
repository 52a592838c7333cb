"""Accounts of many small pages, and how a warehouse differs from what the sandbox holds.

Belongs here: what killed loads are judged by. Does not belong here: killing them (`killed_load`).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import duckdb

from c360_platform.sandbox.store import Store
from tests.pipelines.accounts import KlaviyoAccount, Warehouse, ZendeskAccount

# What killed loads read: by cursor (two tables of one), by time, by changes, by window. Table to what the
# sandbox holds and what the warehouse has: key and version of every row.
TABLES = {
    "zendesk.tickets": (
        "select cast(id as text), generated_at from zd_ticket",
        "select id, generated_timestamp from {}",
    ),
    "zendesk.ticket_metrics": (
        "select cast(id as text), updated_at from zd_ticket",
        "select ticket_id, epoch(updated_at)::bigint from {}",
    ),
    "zendesk.organizations": (
        "select cast(id as text), updated_at from zd_organization",
        "select id, epoch(updated_at)::bigint from {}",
    ),
    "klaviyo.profiles": (
        "select id, updated_at / 1000000 from kl_profile",
        "select id, epoch(updated)::bigint from {}",
    ),
    "klaviyo.events": ("select id, occurred_at from kl_event", "select id, epoch(datetime)::bigint from {}"),
}


def write_many_pages(zendesk: ZendeskAccount, klaviyo: KlaviyoAccount) -> None:
    """Six pages of tickets, profiles and events, at the page sizes of `killed_load`."""
    zendesk.tickets(range(1, 56), age=lambda number: timedelta(minutes=200 - number // 4))
    zendesk.organizations(range(1, 5))
    for number in range(1, 29):
        klaviyo.profiles([number], age=timedelta(hours=100 - number))
    klaviyo.metric("M1", "Placed Order")
    klaviyo.events([f"e{number}" for number in range(28)], age=lambda number: timedelta(hours=100 - number))


def differences(store: Store, warehouse: Warehouse) -> dict[str, tuple[Counter[Any], Counter[Any]]]:
    """Of every table that is not exact: what is missing, and what is doubled, old or should not be there."""
    found = {}
    for table, (in_sandbox, in_warehouse) in TABLES.items():
        expected = Counter(tuple(row) for row in store.rows(in_sandbox))
        try:
            loaded = Counter(warehouse.rows(in_warehouse.format(table)))
        except duckdb.CatalogException:
            loaded = Counter()
        if loaded != expected:
            found[table] = (expected - loaded, loaded - expected)
    return found

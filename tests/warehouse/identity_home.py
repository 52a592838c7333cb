"""Records that tests make up, and what identity makes of them.

Belongs here: writing records as the staging layer gives them, building identity for a day, reading who is one
customer. Does not belong here: what must be true; the tests say that.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tests.warehouse.dbt_process import DbtProcess

SEEDS = (
    "role_mailboxes",
    "placeholder_names",
    "placeholder_birth_dates",
    "pickup_points",
    "identity_decisions",
    "source_priorities",
)
MODELS = (
    "identity_contacts",
    "identity_compared_names",
    "identity_residences",
    "identity_identifiers",
    "identity_proposed_links",
    "identity_strong_parts_1",
    "identity_strong_parts_2",
    "identity_strong_parts_3",
    "identity_weak_parts",
    "identity_clusters",
    "identity_links",
    "identity_map",
    "customer_ids",
    "identity_changes",
)
_RECORDS = """
create schema identity;
create schema staging;
create table identity.identity_records (
    record_key varchar, source varchar, source_id varchar, is_channel boolean, account_key varchar,
    email varchar, has_verified_email boolean, phone varchar, first_name varchar, last_name varchar,
    country_code varchar, language varchar, street varchar, postal_code varchar, city varchar,
    birth_date date, accepts_marketing boolean, created_at timestamptz, updated_at timestamptz
);
create table staging.stg_orders (
    customer_key varchar, email varchar, phone varchar, first_name varchar, last_name varchar,
    street varchar, postal_code varchar, country_code varchar, ordered_at timestamptz
);
"""
CREATED = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass
class People:
    """Records and orders of one build, in the order in which they were added."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, record_key: str, **values: Any) -> str:
        """A record; `name` is first and last name in one, `verified` its confirmed e-mail."""
        first, _, last = values.pop("name", "").partition(" ")
        verified = values.pop("verified", None)
        self.records[record_key] = {
            "email": verified,
            "has_verified_email": verified is not None,
            "first_name": first or None,
            "last_name": last or None,
            "created_at": CREATED,
            **values,
        }
        return record_key

    def order(self, record_key: str, **values: Any) -> None:
        """An order that was placed from the account; `name` is the recipient's first and last name."""
        first, _, last = values.pop("name", "").partition(" ")
        self.orders.append({
            "customer_key": record_key, "ordered_at": CREATED,
            "first_name": first or None, "last_name": last or None, **values,
        })  # fmt: skip

    def chain(self, prefix: str, keys: Iterable[int]) -> set[str]:
        """Accounts of which each shares one address with the next, through their orders."""
        members = [
            self.add(f"{prefix}:{key:05}", email=f"{prefix}{n}@x.example") for n, key in enumerate(keys)
        ]
        for n, member in enumerate(members[:-1]):
            self.order(member, email=f"{prefix}{n + 1}@x.example")
        return set(members)


@dataclass(frozen=True)
class IdentityHome:
    """dbt with the project parsed, and a warehouse of made-up records."""

    dbt: DbtProcess

    def new(self) -> None:
        """Begin with an empty warehouse and the project's own seeds."""
        self.dbt.warehouse.unlink(missing_ok=True)
        with duckdb.connect(str(self.dbt.warehouse)) as connection:
            connection.execute(_RECORDS)
        code, output = self.dbt.run("seed", "--select", *SEEDS)
        assert code == 0, output

    def build(
        self,
        people: People,
        *,
        day: date = date(2026, 6, 1),
        keys: Iterable[str] | None = None,
        shuffle: int | None = None,
        full_refresh: bool = False,
        also: Iterable[str] = (),
    ) -> dict[str, str]:
        """Build identity as of a day from the people, or those with `keys`; the customer of every record."""
        chosen = [{"record_key": key, **people.records[key]} for key in (keys or people.records)]
        if shuffle is not None:
            random.Random(shuffle).shuffle(chosen)
        known = {record["record_key"] for record in chosen}
        orders = [order for order in people.orders if order["customer_key"] in known]
        with duckdb.connect(str(self.dbt.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("truncate identity.identity_records")
            connection.execute("truncate staging.stg_orders")
            _insert(connection, "identity.identity_records", [*map(_described, chosen)])
            _insert(connection, "staging.stg_orders", orders)
            connection.execute("truncate seeds.identity_decisions")
            for decision in people.decisions:
                connection.execute(
                    "insert into seeds.identity_decisions (record_key_a, record_key_b, decision) "
                    "values (?, ?, ?)",
                    decision,
                )
        self.dbt.build(
            *(["--full-refresh"] if full_refresh else []),
            "--select", *MODELS, *also,
            variables={"as_of": day.isoformat()},
        )  # fmt: skip
        return dict(self.rows("select record_key, customer_id from identity.customer_ids"))

    def test(self, *tests: str) -> str:
        """What dbt says when data tests fail; nothing when they hold."""
        code, output = self.dbt.run("test", "--select", *tests)
        return "" if code == 0 else output

    def rows(self, sql: str) -> list[Any]:
        with duckdb.connect(str(self.dbt.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    @property
    def warehouse(self) -> Path:
        return self.dbt.warehouse


def groups(customers: Mapping[str, str]) -> set[frozenset[str]]:
    """Records that are one customer, whatever its id."""
    members = defaultdict(set)
    for record, customer in customers.items():
        members[customer].add(record)
    return {frozenset(records) for records in members.values()}


def _described(record: Mapping[str, Any]) -> dict[str, Any]:
    source, _, source_id = record["record_key"].partition(":")
    return {
        "source": source,
        "source_id": source_id,
        "is_channel": source not in ("crm", "klaviyo", "zendesk", "stripe", "ga4"),
        "accepts_marketing": False,
        **record,
    }


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        columns = sorted({name for row in rows for name in row})
        arrow = pa.table({name: [row.get(name) for row in rows] for name in columns})
        connection.register("added", arrow)
        connection.execute(f"insert into {table} by name select * from added")
        connection.unregister("added")

"""A small shop for sync tests: marts tables in a DuckDB file, a sandbox, and the engine between them.

Belongs here: what several test modules say about both ends. Does not belong here: any knowledge of the
engine's inside; tests look at Klaviyo over its API and at the ledger's tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from klaviyo_api import KlaviyoAPI

from c360_platform.activation.blocks import RemovalFuse
from c360_platform.activation.delivery import Patience
from c360_platform.activation.engine import run_sync
from c360_platform.activation.report import SyncReport
from c360_platform.activation.spec import SyncSpec
from c360_platform.activation.transport.client import Klaviyo
from c360_platform.sandbox.server import Sandbox
from c360_platform.warehouse.duckdb import DuckDBWarehouse

KEY = "pk_demo_sync"
NOW = datetime.now(UTC).replace(microsecond=0)

PROFILES = SyncSpec(
    name="profiles",
    model="klaviyo_profiles",
    unique_id="model.c360.klaviyo_profiles",
    schema="marts",
    table="klaviyo_profiles",
    object="profiles",
    key="email",
    fields={"first_name": "first_name", "phone": "phone_number", "city": "location.city"},
    properties={
        "lifetime_revenue": "LTV",
        "total_orders": "Total Orders",
        "is_vip": "Is VIP",
        "last_order_at": "Last Order At",
        "birth_date": "Birth Date",
        "categories": "Preferred Categories",
        "note": "Note",
    },
)
PROFILE_TYPES = {
    "email": "varchar",
    "first_name": "varchar",
    "phone": "varchar",
    "city": "varchar",
    "lifetime_revenue": "decimal(18,2)",
    "total_orders": "bigint",
    "is_vip": "boolean",
    "last_order_at": "timestamptz",
    "birth_date": "date",
    "categories": "varchar[]",
    "note": "varchar",
    "ratio": "double",
}
SEGMENT = SyncSpec(
    name="seg_vip",
    model="seg_vip",
    unique_id="model.c360.seg_vip",
    schema="marts",
    table="seg_vip",
    object="list",
    key="email",
    list_name='VIP "gold" customers',
    removal_fuse=RemovalFuse(),
)
EVENTS = SyncSpec(
    name="events_shipments",
    model="events_shipments",
    unique_id="model.c360.events_shipments",
    schema="marts",
    table="events_shipments",
    object="events",
    key="email",
    event_id="event_id",
    metric="event_name",
    occurred_at="event_timestamp",
    properties={"carrier": "Carrier"},
)
EVENT_TYPES = {
    "event_id": "varchar",
    "email": "varchar",
    "event_name": "varchar",
    "event_timestamp": "timestamptz",
    "carrier": "varchar",
}


@dataclass
class Shop:
    """Both ends of the engine. `klaviyo` is the engine's client, `api` the SDK that looks at the result."""

    warehouse: DuckDBWarehouse
    sandbox: Sandbox
    klaviyo: Klaviyo
    api: KlaviyoAPI
    progress: list[str] = field(default_factory=list)
    patience: Patience = field(default_factory=lambda: Patience(first_pause=0.02, imports=20, events=5))
    runs: int = 0
    # Opening the file costs more than most of what is done in it, so it is not closed between two visits.
    kept_open: duckdb.DuckDBPyConnection | None = None

    @classmethod
    def open(cls, folder: Path, sandbox: Sandbox) -> Shop:
        warehouse = DuckDBWarehouse(folder / "warehouse.duckdb")
        kept_open = duckdb.connect(str(warehouse.path))
        warehouse.execute("create schema if not exists marts")
        return cls(
            kept_open=kept_open,
            warehouse=warehouse,
            sandbox=sandbox,
            klaviyo=Klaviyo(KEY, sandbox.url, patience_seconds=20),
            api=KlaviyoAPI(KEY, test_host=sandbox.url, options={"USE_DICTIONARY_FOR_RESPONSE_DATA": True}),
        )

    # The warehouse ------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """How other processes find the warehouse, which is closed for them."""
        self.close()
        return str(self.warehouse.path)

    def close(self) -> None:
        """From now on the file is open only while somebody is at work in it."""
        if self.kept_open is not None:
            self.kept_open.close()

    def profiles(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._table("klaviyo_profiles", PROFILE_TYPES, rows)

    def segment(self, emails: Sequence[str | None]) -> None:
        self._table("seg_vip", {"email": "varchar"}, [{"email": email} for email in emails])

    def aliases(self, pairs: Mapping[str, str]) -> None:
        """Addresses in use no more, and those under which their people go on."""
        rows = [{"address": old, "goes_on_as": new} for old, new in pairs.items()]
        self._table("klaviyo_aliases", dict.fromkeys(("address", "goes_on_as"), "varchar"), rows)

    def events(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._table("events_shipments", EVENT_TYPES, rows)

    def ledger(self, sql: str) -> list[dict[str, Any]]:
        return self.warehouse.table(sql).to_pylist()

    def rejections(self) -> dict[str, str]:
        """Key to reason, of rows that are kept out now."""
        rows = self.ledger("select key, reason from c360_sync.rejections where resolved_at is null")
        return {row["key"]: row["reason"] for row in rows}

    def _table(self, name: str, types: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        with self.warehouse.connection() as connection:
            connection.execute(f"create or replace table marts.{name} ({columns})")
            for row in rows:
                names = ", ".join(row)
                marks = ", ".join("?" * len(row))
                connection.execute(f"insert into marts.{name} ({names}) values ({marks})", list(row.values()))

    # The engine ---------------------------------------------------------------------------------------------

    def run(self, spec: SyncSpec, **options: Any) -> SyncReport:
        self.runs += 1
        chosen = {"patience": self.patience, "now": NOW, "run_id": f"run-{self.runs}", **options}
        return run_sync(spec, self.warehouse, self.klaviyo, progress=self.progress.append, **chosen)

    def calls(self) -> dict[str, int]:
        """Calls since the last time this was asked."""
        calls = self.sandbox.calls()
        self.sandbox.traffic.forget_calls()
        return calls

    # Klaviyo ------------------------------------------------------------------------------------------------

    def klaviyo_profiles(self) -> dict[str, dict[str, Any]]:
        """E-mail address to attributes, of everybody in Klaviyo."""
        found: dict[str, dict[str, Any]] = {}
        cursor = None
        while True:
            page = self.api.Profiles.get_profiles(page_size=100, page_cursor=cursor)
            found |= {entry["attributes"]["email"]: entry["attributes"] for entry in page["data"]}
            following = page["links"]["next"]
            if not following:
                return found
            cursor = following.split("page%5Bcursor%5D=")[1].split("&")[0]

    def members(self, list_id: str) -> set[str]:
        page = self.api.Lists.get_profiles_for_list(list_id, page_size=100)
        assert not page["links"]["next"]
        return {entry["attributes"]["email"] for entry in page["data"]}

    def list_id(self, name: str = SEGMENT.list_name) -> str:
        found = [
            entry["id"] for entry in self.api.Lists.get_lists()["data"] if entry["attributes"]["name"] == name
        ]
        assert len(found) == 1
        return str(found[0])

    def recorded_events(self) -> list[dict[str, Any]]:
        """The events that Klaviyo has, as rows of its store (the API does not tell which are backfilled)."""
        rows = self.sandbox.store.rows(
            "select e.unique_id, p.email, m.name as metric, e.occurred_at, e.backfill, e.properties "
            "from kl_event as e join kl_profile as p on p.id = e.profile_id "
            "join kl_metric as m on m.id = e.metric_id order by e.unique_id"
        )
        return [dict(row) for row in rows]

    def imported_rows(self) -> list[int]:
        """The number of rows of every import job so far, in order."""
        rows = self.sandbox.store.rows("select total_count from kl_import_job order by created_at, id")
        return [row["total_count"] for row in rows]


def person(number: int, **values: Any) -> dict[str, Any]:
    """A customer with all columns that matter."""
    return {
        "email": f"person{number}@shop.example",
        "first_name": f"First {number}",
        "lifetime_revenue": f"{number}.50",
        "total_orders": number,
        "is_vip": number % 2 == 0,
        **values,
    }


def impatient(shop: Shop) -> Shop:
    """The same shop with a run that does not wait for Klaviyo."""
    return replace(shop, patience=Patience(first_pause=0.05, imports=0.05, events=0.05))

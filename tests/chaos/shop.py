"""The shop of a world: three syncs, the tables that they read, and which of their rows can be sent.

Belongs here: what the models mean, said again in plain Python from the documentation of the engine and of
Klaviyo. Does not belong here: changing rows (`edits`), and what Klaviyo ends up with (`expected`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from c360_platform.activation.blocks import RemovalFuse
from c360_platform.activation.spec import SyncSpec
from c360_platform.warehouse.duckdb import DuckDBWarehouse

Row = dict[str, Any]

KEY = "pk_demo_chaos_planted"
MARK = "planted"  # in every address and in the key, so that a leak of either can be seen
PHONE_MARK = "4915177"  # every phone number begins so
LIST_NAME = "Chaos, VIPs"
LARGEST_ROW = 100_000
_EXACT = 2**53 - 1

PROFILES = SyncSpec(
    name="profiles",
    model="klaviyo_profiles",
    unique_id="model.chaos.klaviyo_profiles",
    schema="marts",
    table="klaviyo_profiles",
    object="profiles",
    key="email",
    fields={"first_name": "first_name", "phone": "phone_number", "city": "location.city"},
    properties={
        "ltv": "LTV",
        "orders": "Total Orders",
        "is_vip": "Is VIP",
        "last_order_at": "Last Order At",
        "categories": "Categories",
        "note": "Note",
        "ratio": "Ratio",
    },
)
MEMBERS = SyncSpec(
    name="seg_vips",
    model="seg_vips",
    unique_id="model.chaos.seg_vips",
    schema="marts",
    table="seg_vips",
    object="list",
    key="email",
    list_name=LIST_NAME,
    removal_fuse=RemovalFuse(max_share=0.4, always_allowed=5),
)
EVENTS = SyncSpec(
    name="events_shipments",
    model="events_shipments",
    unique_id="model.chaos.events_shipments",
    schema="marts",
    table="events_shipments",
    object="events",
    key="email",
    event_id="event_id",
    metric="metric",
    occurred_at="occurred_at",
    value="value",
    properties={"carrier": "Carrier"},
)
TIER = {"tier": "Tier"}  # the property that the list of some worlds carries
SYNCS = {spec.name: spec for spec in (PROFILES, MEMBERS, EVENTS)}

_TIME = pa.timestamp("us", tz="UTC")
_COLUMNS: Mapping[str, pa.Schema] = {
    PROFILES.table: pa.schema(
        {
            "email": pa.string(),
            "first_name": pa.string(),
            "phone": pa.string(),
            "city": pa.string(),
            "ltv": pa.decimal128(18, 2),
            "orders": pa.int64(),
            "is_vip": pa.bool_(),
            "last_order_at": _TIME,
            "categories": pa.list_(pa.string()),
            "note": pa.string(),
            "ratio": pa.float64(),
        }
    ),
    MEMBERS.table: pa.schema({"email": pa.string(), "tier": pa.string()}),
    EVENTS.table: pa.schema(
        {
            "event_id": pa.string(),
            "email": pa.string(),
            "metric": pa.string(),
            "occurred_at": _TIME,
            "carrier": pa.string(),
            "value": pa.decimal128(18, 2),
        }
    ),
}
_EMAIL = re.compile(r"[a-z0-9+_-]+(\.[a-z0-9+_-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


class Models:
    """The rows of the three models as they are now."""

    def __init__(self) -> None:
        self.profiles: list[Row] = []
        self.members: list[Row] = []
        self.events: list[Row] = []

    def of(self, sync: str) -> list[Row]:
        return {PROFILES.name: self.profiles, MEMBERS.name: self.members, EVENTS.name: self.events}[sync]

    def write(self, path: Path) -> None:
        """Put them into the warehouse file, as a build of the models does."""
        with DuckDBWarehouse(path).connection() as connection:
            connection.execute("create schema if not exists marts")
            for spec in SYNCS.values():
                rows = pa.Table.from_pylist(self.of(spec.name), schema=_COLUMNS[spec.table])
                connection.register("rows", rows)
                connection.execute(f"create or replace table marts.{spec.table} as select * from rows")
                connection.unregister("rows")


def address(text: str | None) -> str:
    """An address as Klaviyo keeps it; empty when there is none."""
    return (text or "").strip().lower()


def event_key(row: Row) -> str:
    return row["event_id"] or ""


def valid_profiles(rows: Sequence[Row]) -> dict[str, Row]:
    """Address to what Klaviyo should hold of it, for the rows that can be sent."""
    return {
        key: klaviyo_values(row)
        for key, row in _unrepeated(rows)
        if _is_address(key)
        and (row["ratio"] is None or math.isfinite(row["ratio"]))
        and abs(row["orders"] or 0) <= _EXACT
        and len((row["note"] or "").encode()) < LARGEST_ROW - 2_000
    }


def valid_members(rows: Sequence[Row]) -> dict[str, Row]:
    return {key: {"Tier": row["tier"]} for key, row in _unrepeated(rows) if _is_address(key)}


def valid_events(rows: Sequence[Row], now: datetime) -> dict[str, Row]:
    """Event id to what Klaviyo should hold of it."""
    copies = Counter(row["event_id"] for row in rows)
    return {
        row["event_id"]: {
            "email": address(row["email"]),
            "metric": row["metric"],
            "occurred_s": int(row["occurred_at"].timestamp()),
            "carrier": row["carrier"],
        }
        for row in rows
        if row["event_id"]
        and copies[row["event_id"]] == 1
        and _is_address(address(row["email"]))
        and 0 < len((row["metric"] or "").strip()) < 128
        and row["occurred_at"] is not None
        and datetime(1990, 1, 1, tzinfo=UTC) <= row["occurred_at"] <= now + timedelta(days=365)
    }


def klaviyo_values(row: Row) -> Row:
    """A profile's row under Klaviyo's names, values as its API shows them; None is no value."""
    phone = (row["phone"] or "").strip()
    return {
        "first_name": (row["first_name"] or "").strip() or None,
        "phone_number": phone if _PHONE.fullmatch(phone) else None,
        "location.city": (row["city"] or "").strip() or None,
        "LTV": _number(row["ltv"]),
        "Total Orders": row["orders"],
        "Is VIP": row["is_vip"],
        "Last Order At": row["last_order_at"] and row["last_order_at"].strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        "Categories": row["categories"] or None,
        "Note": row["note"],
        "Ratio": row["ratio"],
    }


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _is_address(text: str) -> bool:
    is_relay = re.search(r"@([^@]+\.)?marketplace\.amazon\.", text)
    local = text.partition("@")[0]
    return bool(_EMAIL.fullmatch(text)) and len(text) <= 254 and len(local) <= 64 and not is_relay


def _unrepeated(rows: Iterable[Row]) -> list[tuple[str, Row]]:
    rows = list(rows)
    copies = Counter(address(row["email"]) for row in rows)
    return [(key, row) for row in rows if copies[key := address(row["email"])] == 1]

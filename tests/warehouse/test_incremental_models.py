"""Incremental models give what a full refresh gives, whatever happened to raw tables within the look-back."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.warehouse.dbt_home import DBT_PROJECT
from tests.warehouse.dbt_process import DbtProcess

# The tables that grow by their last days, and what reads them.
BASES = {
    "base_klaviyo__events": "event_id",
    "base_ga4__session_days": "session_day_key",
    "base_shipments__dhl_events": "scan_key",
    "base_shipments__dpd_scans": "scan_key",
}
# Tables that remember, which nothing can build anew: test_identity_ids.py.
REMEMBERING = {"identity_map", "identity_changes"}
READERS = (
    "stg_klaviyo__events",
    "stg_ga4__sessions",
    "stg_shipments__dhl_events",
    "stg_shipments__dpd_scans",
)
MODELS = (*BASES, *READERS, "stg_klaviyo__metrics", "stg_ga4__events")
RAW = (
    "create schema klaviyo",
    "create table klaviyo.metrics (id varchar, name varchar, created timestamptz)",
    "create table klaviyo.events (id varchar, metric_id varchar, profile_id varchar, datetime timestamptz)",
    "create schema ga4",
    """
    create table ga4.events (
        event_date varchar, event_timestamp bigint, event_name varchar, user_pseudo_id varchar,
        event_params varchar, collected_traffic_source varchar
    )
    """,
    "create schema shipments",
    """
    create table shipments.dhl_events (
        tracking_number varchar, event_timestamp varchar, status_code varchar, estimated_delivery_at varchar,
        received_at timestamptz
    )
    """,
    """
    create table shipments.dpd_scans (
        parcel_number varchar, scan_date varchar, status varchar, location varchar, received_at timestamptz
    )
    """,
)
LOOKBACK = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]["lookback_days"]
FIRST = date(2026, 6, 20)


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@dataclass
class Shop:
    """A warehouse whose raw tables a test changes, and its builds."""

    dbt: DbtProcess

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.dbt.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(statement, values).fetchall()

    def mailed(self, event: str, day: date, metric: str = "opened", profile: str = "p") -> None:
        self.sql("insert into klaviyo.events values (?, ?, ?, ?)", event, metric, profile, at(day))

    def visited(self, session: str, moment: datetime, source: str = "google") -> None:
        self.sql(
            "insert into ga4.events values (?, ?, 'page_view', 'device', ?, ?)",
            f"{moment:%Y%m%d}",  # the property's calendar is UTC, the shop's is not
            int(moment.timestamp() * 1e6),
            f'[{{"key": "ga_session_id", "value": {{"int_value": {session}}}}}]',
            f'{{"manual_source": "{source}"}}',
        )

    def dhl(
        self, parcel: str, day: date, code: str = "transit", *, promised: str = "", late: int = 0
    ) -> None:
        self.sql(
            "insert into shipments.dhl_events values (?, ?, ?, ?, ?)",
            parcel, at(day).isoformat(), code, promised, at(day + timedelta(days=late), 13),
        )  # fmt: skip

    def dpd(
        self, parcel: str, day: date, status: str = "Depot", *, location: str = "A", late: int = 0
    ) -> None:
        self.sql(
            "insert into shipments.dpd_scans values (?, ?, ?, ?, ?)",
            parcel, f"{at(day):%m/%d/%Y %I:%M:%S %p}", status, location, at(day + timedelta(days=late), 13),
        )  # fmt: skip

    def a_day(self, day: date) -> None:
        """What an ordinary day brings to every feed."""
        self.mailed(f"mail {day}", day)
        self.visited(f"{day:%Y%m%d}", at(day))
        self.visited(f"{day:%Y%m%d}", at(day, 22))  # after midnight on the shop's calendar in summer
        self.dhl(f"dhl {day}", day)
        self.dpd(f"dpd {day}", day, "PickedUp")

    def build(self, as_of: date, *, full_refresh: bool = False) -> None:
        options = ("--full-refresh",) if full_refresh else ()
        self.dbt.build(*options, "--select", *MODELS, variables={"as_of": as_of.isoformat()})

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        return {model: self.sql(f"select * from staging.{model} order by all") for model in READERS}

    def assert_as_if_built_in_full(self, as_of: date) -> None:
        """Readers see what they see after a full refresh over the same raw tables, and no key is twice."""
        for model, key in BASES.items():
            [(keys, rows)] = self.sql(f"select count(distinct {key}), count(*) from staging.{model}")
            assert keys == rows, model
        seen = self.rows()
        kept = Path(shutil.copyfile(self.dbt.warehouse, self.dbt.warehouse.with_suffix(".kept")))
        self.build(as_of, full_refresh=True)
        expected = self.rows()
        kept.replace(self.dbt.warehouse)
        for model in READERS:
            assert seen[model] == expected[model], f"{model} as of {as_of}"


@pytest.fixture(scope="module")
def first_build(dbt_process: DbtProcess) -> Path:
    """Three weeks of history, built as of the first day."""
    dbt_process.warehouse.unlink(missing_ok=True)
    shop = Shop(dbt_process)
    for statement in RAW:
        shop.sql(statement)
    shop.sql("insert into klaviyo.metrics values ('opened', 'Opened Email', '2025-01-01 00:00:00Z')")
    for days in range(20, -1, -4):
        shop.a_day(FIRST - timedelta(days=days))
    shop.a_day(FIRST)
    shop.build(FIRST)
    built = dbt_process.warehouse
    return Path(shutil.copyfile(built, built.with_suffix(".first")))


@pytest.fixture
def shop(dbt_process: DbtProcess, first_build: Path) -> Shop:
    shutil.copyfile(first_build, dbt_process.warehouse)
    return Shop(dbt_process)


def test_no_model_is_incremental_without_being_among_these() -> None:
    models = (DBT_PROJECT / "models").rglob("*.sql")
    incremental = {
        model.stem for model in models if "incremental" in model.read_text().partition("select")[0]
    }
    assert incremental == BASES.keys() | REMEMBERING


def test_a_shops_history_of_changes_ends_where_a_full_refresh_ends(shop: Shop) -> None:
    before = shop.rows()
    assert all(before.values())
    shop.build(FIRST)
    assert shop.rows() == before, "the same input twice changed something"

    day = FIRST + timedelta(days=1)
    shop.a_day(day)
    shop.mailed("late mail", day - timedelta(days=8))
    shop.visited("777", at(day - timedelta(days=3)), source="newsletter")
    shop.dhl("late parcel", day - timedelta(days=25), late=25)
    shop.dpd("late parcel", day - timedelta(days=25), "DeliveryFailure", late=25)
    shop.build(day)
    assert shop.sql("select * from staging.stg_klaviyo__events where event_id = 'late mail'")

    # Rows come again with other words, a failed attempt turns an old scan into a delivery, rows disappear.
    shop.dhl(f"dhl {FIRST}", FIRST, promised="2026-06-25", late=5)
    shop.dpd(f"dpd {FIRST}", FIRST, "PickedUp", location="0", late=5)
    shop.dpd(f"dpd {FIRST}", FIRST - timedelta(days=1), "ParcelShop", late=6)
    shop.sql("delete from klaviyo.events where id = 'late mail'")
    shop.sql("delete from ga4.events where event_params like '%777%'")
    shop.sql("delete from shipments.dhl_events where tracking_number = 'late parcel'")
    shop.build(day)
    [(event_type,)] = shop.sql(
        "select event_type from staging.stg_shipments__dpd_scans where tracking_number = ? "
        "and carrier_status = 'PickedUp'", f"dpd {FIRST}"
    )  # fmt: skip
    assert event_type == "delivered"

    # Google writes a day anew: a session that went on past midnight comes, another goes.
    shop.sql("delete from ga4.events where event_date = ?", f"{day:%Y%m%d}")
    shop.visited("900", at(day, 21), source="bing")
    shop.visited("900", at(day, 23), source="yahoo")
    # A metric gets its name after its events, another one a new name.
    shop.mailed("unnamed", day, metric="clicked")
    shop.build(day + timedelta(days=1))
    shop.sql("insert into klaviyo.metrics values ('clicked', 'Clicked Email', '2025-01-01 00:00:00Z')")
    shop.sql("update klaviyo.metrics set name = 'Opened Mail' where id = 'opened'")
    # A carrier's clock is far ahead; nothing may be held back by it.
    shop.dhl("ahead", date(2099, 1, 1), late=-26_000)
    shop.build(day + timedelta(days=1))
    shop.assert_as_if_built_in_full(day + timedelta(days=1))
    assert shop.sql(
        "select source, events from staging.stg_ga4__sessions where session_key = 'device.900'"
    ) == [("bing", 2)]

    # Nothing was built for longer than any look-back.
    for days in range(2, 80):
        shop.a_day(day + timedelta(days=days)) if days % 13 == 0 else None
    day += timedelta(days=80)
    shop.build(day)
    shop.assert_as_if_built_in_full(day)

    # Days long gone are built again, from before the first build to a night in which a session was going on.
    latest = shop.rows()
    for earlier in (FIRST - timedelta(days=10), FIRST + timedelta(days=1)):
        shop.build(earlier)
        shop.assert_as_if_built_in_full(earlier)
    shop.build(day)
    assert shop.rows() == latest


def test_any_changes_in_any_order_on_any_days_end_where_a_full_refresh_ends(shop: Shop) -> None:
    chance = random.Random(1)
    newest = FIRST
    for step in range(3):
        for change in range(chance.randrange(15, 30)):
            _change_anything(shop, chance, newest, name=f"{step}.{change}")
        as_of = newest + timedelta(days=chance.choice([-40, -7, -1, 0, 1, 9]))
        newest = max(newest, as_of)
        shop.build(as_of)
        shop.assert_as_if_built_in_full(as_of)


def _change_anything(shop: Shop, chance: random.Random, newest: date, name: str) -> None:
    def within(feed: str) -> date:
        return newest - timedelta(days=chance.randrange(LOOKBACK[feed]))

    mailed, visited, scanned = within("klaviyo_events"), within("ga4_events"), within("shipment_scans")
    match chance.randrange(7):
        case 0:
            shop.mailed(name, mailed)
        case 1:
            session = str(1000 + chance.randrange(6))
            shop.visited(session, at(visited, chance.randrange(24)), chance.choice(["google", "bing"]))
        case 2:
            shop.dhl(str(chance.randrange(3)), scanned, late=chance.randrange(3))
        case 3:
            status = chance.choice(["PickedUp", "DeliveryFailure"])
            shop.dpd(str(chance.randrange(3)), scanned, status, location=chance.choice("AB"))
        case 4:
            shop.sql("delete from klaviyo.events where datetime::date = ?", mailed)
        case 5:
            shop.sql("delete from ga4.events where event_date = ?", f"{visited:%Y%m%d}")
        case 6:
            shop.sql(
                "delete from shipments.dpd_scans where received_at::date >= ? and location = 'B'", scanned
            )


def test_what_is_older_than_the_look_back_shows_with_a_full_refresh(shop: Shop) -> None:
    too_late = FIRST - timedelta(days=LOOKBACK["klaviyo_events"] + 1)
    shop.mailed("too late", too_late)
    shop.sql("delete from klaviyo.events where id = ?", f"mail {FIRST - timedelta(days=12)}")
    found = "select event_id from staging.stg_klaviyo__events where event_id = 'too late' or event_at < ?"

    shop.build(FIRST)
    before = shop.sql(found, at(too_late))
    shop.build(FIRST, full_refresh=True)

    assert ("too late",) not in before
    assert (f"mail {FIRST - timedelta(days=12)}",) in before
    assert ("too late",) in shop.sql(found, at(too_late))
    assert (f"mail {FIRST - timedelta(days=12)}",) not in shop.sql(found, at(too_late))


def test_days_of_another_time_zone_are_not_mixed_in(shop: Shop) -> None:
    variables = {"as_of": FIRST.isoformat(), "shop_timezone": "America/New_York"}

    code, output = shop.dbt.run("run", "--select", "base_ga4__session_days", variables=variables)

    assert code == 1
    assert "was built with shop_timezone 'Europe/Berlin', which is now 'America/New_York'" in output
    assert "--full-refresh --select +base_ga4__session_days+" in output

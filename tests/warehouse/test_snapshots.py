"""Snapshots keep what customers were on every day that was built, by the day and not by the clock."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import duckdb

from tests.warehouse.dbt_process import DbtProcess

JUNE_1, JUNE_2, JUNE_3 = date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 3)
CUSTOMERS = """
    create schema marts;
    create table marts.dim_customers (
        customer_id varchar, lifecycle_stage varchar, customer_value_tier varchar, vip_tier varchar,
        email_consent varchar, accepts_marketing bool, is_email_suppressed bool, can_receive_email bool,
        is_syncable bool, is_vip bool, is_winback_candidate bool, winback_stage varchar,
        is_high_value_at_risk bool, is_repeat_purchase_candidate bool, is_cross_channel bool,
        is_upsell_candidate bool
    );
"""


class Customers:
    """A warehouse with dim_customers alone, which a test writes, and the snapshot of it."""

    def __init__(self, dbt: DbtProcess) -> None:
        self.dbt = dbt
        dbt.warehouse.unlink(missing_ok=True)
        self.sql(CUSTOMERS)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.dbt.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(statement).fetchall()

    def build(self, as_of: date, **stages: str) -> None:
        """Let the customers be those named, in their stage of life, and take the snapshot for a day."""
        self.sql("truncate marts.dim_customers")
        for customer, stage in stages.items():
            columns = "(customer_id, lifecycle_stage)"
            self.sql(f"insert into marts.dim_customers {columns} values ('{customer}', '{stage}')")
        self.dbt.build("snapshot", "--select", "customers_snapshot", variables={"as_of": as_of.isoformat()})

    def versions(self) -> list[tuple[Any, ...]]:
        return self.sql(
            "select customer_id, lifecycle_stage, dbt_valid_from, dbt_valid_to "
            "from snapshots.customers_snapshot order by all"
        )

    def on(self, day: date) -> dict[str, str]:
        """What the snapshot says that customers were at the end of a day."""
        return dict(
            self.sql(
                "select customer_id, lifecycle_stage from snapshots.customers_snapshot "
                f"where dbt_valid_from <= timestamptz '{end_of(day)}' "
                f"and (dbt_valid_to is null or dbt_valid_to > timestamptz '{end_of(day)}')"
            )
        )


def end_of(day: date) -> datetime:
    """The day's last microsecond in Berlin in summer."""
    return datetime.fromisoformat(f"{day}T21:59:59.999999+00:00")


def test_every_day_keeps_its_customers_and_the_same_input_twice_adds_nothing(dbt_process: DbtProcess) -> None:
    customers = Customers(dbt_process)
    customers.build(JUNE_1, a="active", b="new", c="new")
    first = customers.versions()
    customers.build(JUNE_1, a="active", b="new", c="new")
    assert customers.versions() == first
    assert {valid_from for _, _, valid_from, _ in first} == {end_of(JUNE_1)}

    customers.build(JUNE_2, a="at_risk", c="new")
    customers.build(JUNE_3, a="at_risk", b="active", c="new")

    assert customers.on(JUNE_1) == {"a": "active", "b": "new", "c": "new"}
    assert customers.on(JUNE_2) == {"a": "at_risk", "c": "new"}
    assert customers.on(JUNE_3) == {"a": "at_risk", "b": "active", "c": "new"}
    assert len(customers.versions()) == 5


def test_the_last_build_of_a_day_counts_and_a_past_day_rewrites_no_history(dbt_process: DbtProcess) -> None:
    customers = Customers(dbt_process)
    customers.build(JUNE_1, a="new", b="new")
    customers.build(JUNE_2, a="active", b="new")
    customers.build(JUNE_2, a="new")
    customers.build(JUNE_2, a="active", b="new")
    before = customers.versions()

    customers.build(JUNE_1, a="churned")

    assert customers.versions() == before
    assert customers.on(JUNE_1) == {"a": "new", "b": "new"}
    assert customers.on(JUNE_2) == {"a": "active", "b": "new"}
    [(ids, rows)] = customers.sql(
        "select count(distinct dbt_scd_id), count(*) from snapshots.customers_snapshot"
    )
    assert ids == rows == 6


LISTS = ("cross_channel_customers", "high_value_at_risk", "repeat_purchase_candidates", "upsell_candidates",
         "vip_customers", "winback_candidates")  # fmt: skip


class Segments:
    """A warehouse with the lists and the RFM segments, which a test writes, and the snapshot of them."""

    def __init__(self, dbt: DbtProcess) -> None:
        self.dbt = dbt
        dbt.warehouse.unlink(missing_ok=True)
        self.sql("create schema marts")
        for name in LISTS:
            self.sql(f"create table marts.seg_{name} (email varchar, customer_id varchar)")
        self.sql(
            "create table marts.customer_segmentation "
            "(customer_id varchar, channel varchar, customer_segment varchar)"
        )

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.dbt.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(statement).fetchall()

    def build(self, as_of: date, *, vips: str, rfm: dict[str, str]) -> None:
        """Let the VIP list and the RFM segments be those, and take the snapshot for a day."""
        self.sql("truncate marts.seg_vip_customers")
        self.sql("truncate marts.customer_segmentation")
        for customer in vips:
            self.sql(f"insert into marts.seg_vip_customers values (null, '{customer}')")
        for customer, segment in rfm.items():
            # the rows of a channel are another look at the same customer
            self.sql(
                "insert into marts.customer_segmentation values "
                f"('{customer}', 'all', '{segment}'), ('{customer}', 'webshop', 'Lost')"
            )
        self.dbt.build(
            "snapshot", "--select", "segment_memberships_snapshot", variables={"as_of": as_of.isoformat()}
        )

    def stays(self) -> list[tuple[Any, ...]]:
        return self.sql(
            "select customer_id, segment, dbt_valid_from, dbt_valid_to "
            "from snapshots.segment_memberships_snapshot order by all nulls last"
        )


def test_who_enters_leaves_and_comes_back_to_a_segment_is_known_by_the_day(dbt_process: DbtProcess) -> None:
    segments = Segments(dbt_process)
    everybody = {"a": "Champions", "b": "Loyal"}
    segments.build(JUNE_1, vips="ab", rfm=everybody)
    segments.build(JUNE_2, vips="b", rfm=everybody | {"b": "At Risk"})
    segments.build(JUNE_3, vips="ab", rfm=everybody | {"b": "At Risk", "c": "New"})

    first, second, third = end_of(JUNE_1), end_of(JUNE_2), end_of(JUNE_3)
    stays = [
        ("a", "Champions", first, None),
        ("a", "seg_vip_customers", first, second),
        ("a", "seg_vip_customers", third, None),
        ("b", "At Risk", second, None),
        ("b", "Loyal", first, second),
        ("b", "seg_vip_customers", first, None),
        ("c", "New", third, None),
    ]
    assert segments.stays() == stays

    segments.build(JUNE_2, vips="", rfm={})
    assert segments.stays() == stays, "a build of a past day changed history"

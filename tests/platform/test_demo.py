"""The whole loop as people meet it: a demo, one change, and a Klaviyo that went astray."""

from __future__ import annotations

import sqlite3

import duckdb

from c360_platform.activation.spec import SyncSpec, load_specs
from c360_platform.activation.verify import Comparison, compare
from c360_platform.dbt_manifest import read_manifest
from c360_platform.loop import run_job
from c360_platform.settings import Settings
from c360_platform.warehouse import open_warehouse
from tests.conftest import DEMO_OUTPUT, LivedInHome


def specs(settings: Settings) -> dict[str, SyncSpec]:
    """The project's syncs by name."""
    found = load_specs(read_manifest(settings), project_dir=settings.dbt_project_dir)
    return {spec.name: spec for spec in found}


def compared(home: LivedInHome, sync: str) -> Comparison:
    """Klaviyo held against the model of a sync."""
    settings = home.settings
    warehouse = open_warehouse(warehouse_path=settings.warehouse_path)
    return compare(specs(settings)[sync], warehouse, settings.klaviyo_key(), settings.klaviyo_base_url)


def test_the_demo_tells_what_came_in_what_was_built_and_what_klaviyo_has(small_home: Settings) -> None:
    said = (small_home.home / DEMO_OUTPUT).read_text()
    for part in ("Rows in, by source", "Rows, by model", "Syncs to Klaviyo", "read back", "make dev"):
        assert part in said
    for name in ("shopify", "dim_customers", *specs(small_home)):
        assert name in said
    assert "@" not in said


def test_orders_and_money_of_the_world_reach_the_customers(small_home: Settings) -> None:
    with duckdb.connect(str(small_home.warehouse_path), read_only=True) as connection:
        truth = connection.sql(
            "select count(*) filter (is_counted), sum(net_amount) from world.orders"
        ).fetchall()
        reached = connection.sql(
            "select sum(total_orders), sum(lifetime_revenue) from marts.dim_customers"
        ).fetchall()
    assert reached == truth


def test_one_changed_order_changes_one_profile_newly_known_people_follow_and_every_step_works_again(
    lived_in_home: LivedInHome,
) -> None:
    """Buyers who had not agreed are known since the shipment events of the first loop; nobody else is new.

    One walk, because every loop builds the whole project. All of it in one process.
    """
    with duckdb.connect(str(lived_in_home.settings.warehouse_path)) as connection:
        [(order_id,)] = connection.sql(
            """
            select raw.id
            from shopify."order" as raw
            inner join identity.orders_customers as owners on owners.order_key = 'shopify:' || raw.id
            inner join marts.klaviyo_profiles as profiles on profiles.customer_id = owners.customer_id
            where raw.financial_status = 'paid' and profiles.total_orders = 1
            order by raw.id
            limit 1
            """
        ).fetchall()
        newly_known = dict(connection.sql("select sync, withheld from c360_sync.runs").fetchall())
        connection.execute(
            'update shopify."order" set total_price = total_price + 1 where id = ?', [order_id]
        )
    assert newly_known["klaviyo_profiles"] > 0
    due = newly_known | {"klaviyo_profiles": newly_known["klaviyo_profiles"] + 1}
    bodies = sum(map(bool, due.values()))

    pushed: dict[str, set[str]] = {}
    for job in ("loop", "shipment_events", "segments"):
        outcome = run_job(lived_in_home.settings, job)
        assert outcome.success, outcome.failures
        assert not [warning for warning in outcome.warnings if "zendesk" in warning or "klaviyo/" in warning]
        planned = {sync: counters["planned"] for sync, counters in outcome.pushes.items()}
        assert planned == {sync: due[sync] for sync in planned}
        assert lived_in_home.writes() == {"POST /api/profile-bulk-import-jobs": bodies}
        pushed[job] = set(planned)
        due = dict.fromkeys(due, 0)

    assert pushed["loop"] == set(due)
    assert all(pushed.values())
    assert len(due) == 8
    assert compared(lived_in_home, "klaviyo_profiles").holds
    # The project tree stays clean, and nothing piles up in the home.
    assert [path.name for path in lived_in_home.settings.dbt_home.iterdir()] == ["target"]


def test_a_klaviyo_that_differs_is_seen(lived_in_home: LivedInHome) -> None:
    assert compared(lived_in_home, "klaviyo_profiles").holds
    with sqlite3.connect(lived_in_home.settings.sandbox_path) as state:
        state.execute(
            "update kl_profile set properties = json_set(properties, '$.LTV', -1) "
            "where email = (select min(email) from kl_profile where properties like '%Total Orders%')"
        )
        state.execute("delete from kl_list_member where list_id != 'NwsLt1'")
        state.execute(
            "delete from kl_event where id = (select min(id) from kl_event where properties like '%Carrier%')"
        )
    state.close()

    profiles = compared(lived_in_home, "klaviyo_profiles")
    assert (profiles.different, profiles.missing, profiles.holds) == (1, 0, False)
    members = compared(lived_in_home, "seg_winback_candidates")
    assert members.missing == members.expected > 0
    assert compared(lived_in_home, "events_shipments").missing == 1

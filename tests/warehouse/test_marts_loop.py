"""The customer 360 on a small shop: nothing lost, nothing invented, and steady when nothing changed."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from c360_platform.sandbox.world import make_world
from tests.warehouse.dbt_process import DbtProcess
from tests.warehouse.marts_home import AS_OF, SYNCED_MODELS, MartsHome, ingest_and_push

EARLIER = date(2026, 5, 15)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, dbt_process: DbtProcess) -> MartsHome:
    """A shop, ingested and built once: the stage `first`."""
    home = MartsHome(tmp_path_factory.mktemp("marts"), dbt_process)
    make_world(home.warehouse("first"), home.sandbox_path, customers=300, seed=7, as_of=AS_OF)
    ingest_and_push(home, "first", push=False)
    home.build("first")
    return home


def test_orders_and_money_of_the_shop_are_preserved(home: MartsHome) -> None:
    [truth] = home.query("first", "select counted_orders, net_amount from world.totals where channel = 'all'")

    [marts] = home.query("first", "select sum(total_orders), sum(lifetime_revenue) from marts.dim_customers")

    assert marts == truth


def test_every_customer_has_the_orders_and_the_money_of_the_truth(home: MartsHome) -> None:
    wrong = home.query(
        "first",
        """
        with truth as (
            select
                customer_id,
                count_if(orders.is_counted) as total_orders,
                sum(orders.net_amount) as lifetime_revenue
            from world.orders
            inner join identity.orders_customers
                on orders.channel || ':' || orders.order_id = orders_customers.order_key
            group by customer_id
        )
        select customer_id, truth.*
        from marts.dim_customers
        left join truth using (customer_id)
        where dim_customers.total_orders != coalesce(truth.total_orders, 0)
            or dim_customers.lifetime_revenue != coalesce(truth.lifetime_revenue, 0)
        """,
    )

    assert wrong == []


def test_everybody_has_exactly_one_stage_tier_cell_and_segment(home: MartsHome) -> None:
    [(customers, rows, staged)] = home.query(
        "first",
        """
        select
            (select count(distinct customer_id) from identity.customer_ids),
            count(*),
            count_if(
                lifecycle_stage in ('prospect', 'new', 'active', 'at_risk', 'lapsing', 'churned')
                and customer_value_tier in ('vip', 'high', 'medium', 'low', 'no_purchase')
                and regexp_full_match(rfm_segment, '000|[1-5]{3}')
                and customer_segment is not null
                and engagement_score between 0 and 100
                and cross_sell_score between 0 and 100
            )
        from marts.dim_customers
        """,
    )

    assert customers == rows == staged


def test_no_relay_address_reaches_a_synced_model_in_any_column(home: MartsHome) -> None:
    [(relays,)] = home.query(
        "first",
        "select count(*) from amazon.orders where buyer_info_buyer_email like '%marketplace.amazon.%'",
    )
    assert relays > 0

    for model in SYNCED_MODELS:
        found = home.query(
            "first",
            f"select rows from (select to_json(m) as rows from marts.{model} as m) "
            "where rows like '%marketplace.amazon.%'",
        )
        assert found == [], model


def test_role_mailboxes_are_customers_but_never_sent(home: MartsHome) -> None:
    [(shared, sent)] = home.query(
        "first",
        """
        select count(*), count_if(is_syncable)
        from marts.dim_customers
        where split_part(email, '@', 1) in (select local_part from seeds.role_mailboxes)
        """,
    )

    assert shared > 0
    assert sent == 0


def test_shipment_events_tell_what_happened_to_the_parcels(home: MartsHome) -> None:
    events = home.query(
        "first",
        """
        with told as (
            select carrier, tracking_number, event_name, min(event_timestamp) as at
            from marts.events_shipments
            group by all
        )
        select event_name, count(*), count_if(told.at is distinct from case event_name
            when 'Package Shipped' then shipped_at
            when 'Package Delivered' then delivered_at
            when 'Delivery Failed' then first_failed_at
        end)
        from told
        inner join world.shipments using (carrier, tracking_number)
        where event_name != 'Delivery Delayed'
        group by all
        """,
    )

    assert {name for name, _, _ in events} == {"Package Shipped", "Package Delivered", "Delivery Failed"}
    assert [wrong for _, _, wrong in events] == [0, 0, 0]


def test_one_changed_order_changes_its_customer_and_nobody_else(home: MartsHome) -> None:
    """In between, everybody is pushed to Klaviyo and read back: that alone must change nothing."""
    [(order_id, email, customer_id)] = home.query(
        "first",
        """
        select split_part(order_key, ':', 2), email, customer_id
        from marts.dim_customers
        inner join staging.stg_customer_activity using (customer_id)
        where is_syncable and not is_vip and total_orders > 1 and channel = 'shopify'
            and order_status_group = 'successful' and order_number_of_customer = 1
        order by order_key
        limit 1
        """,
    )
    home.stage("second", after="first")
    ingest_and_push(home, "second", push=True)
    [(known, known_before)] = home.query(
        "second",
        "select (select count(*) from klaviyo.profiles), (select count(*) from before.klaviyo.profiles)",
        before="first",
    )
    _raise_price(home, "second", order_id)

    home.build("second")

    assert known > known_before
    changed = {
        model: home.changed(model, before="first", after="second", key=key)
        for model, key in [(m, "event_id" if m == "events_shipments" else "email") for m in SYNCED_MODELS]
    }
    assert changed.pop("klaviyo_profiles") == {email}
    assert changed.pop("seg_vip_customers") == {email}
    assert changed.pop("events_shipments") == set()
    assert set().union(*changed.values()) <= {email}
    assert _customers_changed_by_themselves(home) == {customer_id}


def test_a_late_parcel_is_late_since_the_same_moment_on_every_later_day(home: MartsHome) -> None:
    """What a build for a day six weeks ago says of a parcel is what today's build says of that day."""
    home.stage("earlier", after="first")
    home.build("earlier", "+int_shipment__parcels", as_of=EARLIER)

    parcels = home.query(
        "earlier",
        """
        select
            count(*),
            count(past.delayed_at),
            count_if(past.shipped_at is distinct from present.shipped_at),
            count_if(past.delivered_at != present.delivered_at),
            count_if(past.delayed_at is not null and past.delayed_at is distinct from present.delayed_at)
        from intermediate.int_shipment__parcels as past
        left join today.intermediate.int_shipment__parcels as present using (carrier, tracking_number)
        where past.shipped_at is not null
        """,
        today="first",
    )

    [(count, late, *differences)] = parcels
    assert count > late > 0
    assert differences == [0, 0, 0]


def _customers_changed_by_themselves(home: MartsHome) -> set[str]:
    """Customers whose row in dim_customers differs, apart from what Klaviyo knows and from RFM.

    RFM compares customers with each other, so that one purchase may move others by a step.
    """
    own = (
        "* exclude (recency_score, frequency_score, monetary_score, rfm_segment, customer_segment, "
        "is_known_to_klaviyo)"
    )
    rows = home.query(
        "second",
        f"select customer_id from (select {own} from marts.dim_customers "
        f"except select {own} from before.marts.dim_customers)",
        before="first",
    )
    return {row[0] for row in rows}


def _raise_price(home: MartsHome, stage: str, order_id: str) -> None:
    with duckdb.connect(str(home.warehouse(stage))) as connection:
        changed = connection.execute(
            'update shopify."order" set total_price = total_price + 1000, '
            "updated_at = updated_at + interval 1 minute where id = ? returning id",
            [order_id],
        ).fetchall()
    assert changed == [(order_id,)]

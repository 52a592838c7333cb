"""The synthetic world is deterministic, keeps its contract with staging, and its books balance."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from c360_platform.sandbox.world import RAW_SCHEMAS, WorldError, WorldSummary, make_world
from c360_platform.settings import PROJECT_ROOT

AS_OF = date(2026, 11, 1)
END = datetime(2026, 11, 1, tzinfo=UTC)
CUSTOMERS = 2000
SOURCES = PROJECT_ROOT / "dbt_project" / "models" / "staging"
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "numeric": "DECIMAL(18,2)",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "json": "VARCHAR",
}
PROMISES = {"earliest_ship_date", "latest_ship_date", "earliest_delivery_date", "latest_delivery_date"}
RESERVED = re.compile(r"@(?:[a-z0-9-]+\.)*(?:example\.(?:com|net|org)|marketplace\.amazon\.de)\Z")
ADDRESS = re.compile(r"[^\s\"<>:,]+@[^\s\"<>:,]+")


class World:
    """A made world and short ways to ask it."""

    def __init__(
        self, home: Path, *, customers: int = CUSTOMERS, seed: int = 1, replace: bool = False
    ) -> None:
        self.home = home
        self.warehouse = home / "warehouse.duckdb"
        self.sandbox = home / "sandbox.sqlite"
        self.summary: WorldSummary = make_world(
            self.warehouse, self.sandbox, customers=customers, seed=seed, as_of=AS_OF, replace=replace
        )

    @contextmanager
    def asked(self) -> Iterator[World]:
        """Keeps the warehouse open between questions."""
        with closing(duckdb.connect(str(self.warehouse))) as self._open:
            self._open.execute("set TimeZone = 'UTC'")
            yield self

    def rows(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        return self._open.execute(sql, parameters).fetchall()

    def value(self, sql: str, parameters: list[Any] | None = None) -> Any:
        return self.rows(sql, parameters)[0][0]

    def sandbox_rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.sandbox)) as connection:
            return connection.execute(sql).fetchall()

    def tables(self, *schemas: str) -> list[tuple[str, str]]:
        return self.rows(
            "select schema_name, table_name from duckdb_tables() "
            "where schema_name in (select unnest(?)) order by all",
            [list(schemas)],
        )

    def digest(self) -> str:
        """What is in both files, whatever the order of rows."""
        digest = hashlib.sha256()
        with self.asked():
            for schema, table in self.tables(*RAW_SCHEMAS, "world"):
                rows = self.rows(
                    "select count(*), sum(md5_number_lower(rows::varchar)::hugeint) "
                    f'from {schema}."{table}" as rows'
                )
                digest.update(f"{schema}.{table} {rows}\n".encode())
        for table in sandbox_tables(self):
            digest.update(repr(sorted(self.sandbox_rows(f"select * from {table}"), key=repr)).encode())
        return digest.hexdigest()


def sandbox_tables(world: World) -> list[str]:
    return [name.removeprefix("sandbox.") for name in world.summary.rows if name.startswith("sandbox.")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("world")).asked() as world:
        yield world


def declared_tables() -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    for file in sorted(SOURCES.glob("*/_*__sources.yml")):
        for source in yaml.safe_load(file.read_text(encoding="utf-8"))["sources"]:
            if source["name"] not in RAW_SCHEMAS:
                continue
            for table in source["tables"]:
                columns = [(column["name"], DUCKDB_TYPES[column["data_type"]]) for column in table["columns"]]
                yield source["name"], table["name"], columns


def test_the_same_parameters_give_the_same_world_also_where_another_one_was(tmp_path: Path) -> None:
    other = World(tmp_path / "first", customers=60, seed=1).digest()
    replaced = World(tmp_path / "first", customers=60, seed=2)
    assert replaced.digest() == World(tmp_path / "second", customers=60, seed=2).digest()
    assert replaced.digest() != other
    assert '"seed": 2' in (tmp_path / "first" / "world.json").read_text(encoding="utf-8")


def test_every_declared_raw_table_has_exactly_its_declared_columns(world: World) -> None:
    declared = {(schema, table): columns for schema, table, columns in declared_tables()}
    made = {
        (schema, table): world.rows(
            "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ?",
            [schema, table],
        )
        for schema, table in world.tables(*RAW_SCHEMAS)
    }
    assert made == declared


def test_every_key_is_unique_and_every_reference_finds_its_row(world: World) -> None:
    for file in sorted(SOURCES.glob("*/_*__sources.yml")):
        for source in yaml.safe_load(file.read_text(encoding="utf-8"))["sources"]:
            for table in source["tables"] if source["name"] in RAW_SCHEMAS else []:
                if key := table["config"]["meta"]["key"]:
                    name = f'{source["name"]}."{table["name"]}"'
                    repeated = f"select {', '.join(key)} from {name} group by all having count(*) > 1"
                    assert world.rows(repeated) == [], name
    references = [
        ("shopify.order", "customer_id", "shopify.customer", "id"),
        ("shopify.order_line", "order_id", "shopify.order", "id"),
        ("shopify.order_line", "product_id", "shopify.product", "id"),
        ("shopify.refund", "order_id", "shopify.order", "id"),
        ("shopify.order_line_refund", "refund_id", "shopify.refund", "id"),
        ("shopify.order_line_refund", "order_line_id", "shopify.order_line", "id"),
        ("shopify.order_adjustment", "refund_id", "shopify.refund", "id"),
        ("shopify.transaction", "order_id", "shopify.order", "id"),
        ("shopify.transaction", "refund_id", "shopify.refund", "id"),
        ("shopify.transaction", "parent_id", "shopify.transaction", "id"),
        ("shopify.fulfillment", "order_id", "shopify.order", "id"),
        ("shopify.order_discount_code", "order_id", "shopify.order", "id"),
        ("amazon.order_item", "amazon_order_id", "amazon.orders", "amazon_order_id"),
        ("amazon.orders", "replaced_order_id", "amazon.orders", "amazon_order_id"),
        ("webshop.orders", "user_id", "webshop.customers", "id"),
        ("webshop.order_items", "order_id", "webshop.orders", "id"),
        ("webshop.payments", "order_id", "webshop.orders", "id"),
        ("stripe.charge", "customer_id", "stripe.customer", "id"),
        ("stripe.charge", "order_reference", "webshop.orders", "reference"),
        ("stripe.refund", "charge_id", "stripe.charge", "id"),
    ]
    for child, column, parent, key in references:
        orphans = (
            f"select count(*) from {quoted(child)} where {column} is not null "
            f"and {column} not in (select {key} from {quoted(parent)})"
        )
        assert world.value(orphans) == 0, f"{child}.{column}"


def quoted(table: str) -> str:
    schema, _, name = table.partition(".")
    return f'{schema}."{name}"'


def test_shopify_books_balance(world: World) -> None:
    unbalanced = """
        with lines as (
            select order_id, sum(quantity * price - total_discount) as amount
            from shopify.order_line group by 1
        ),
        paid as (
            select order_id, sum(amount) as amount from shopify.transaction
            where status = 'success' and kind in ('sale', 'capture') group by 1
        ),
        back as (
            select order_id, sum(amount) as amount from shopify.transaction
            where status = 'success' and kind = 'refund' group by 1
        ),
        refund_parts as (
            select refund.order_id, lines.subtotal + lines.total_tax as amount
            from shopify.order_line_refund as lines
            inner join shopify.refund on lines.refund_id = refund.id
            union all
            select order_id, -(amount + tax_amount) from shopify.order_adjustment
        ),
        refunds as (select order_id, sum(amount) as amount from refund_parts group by 1)
        select orders.id
        from shopify."order" as orders
        left join lines on orders.id = lines.order_id
        left join paid on orders.id = paid.order_id
        left join back on orders.id = back.order_id
        left join refunds on orders.id = refunds.order_id
        where orders.total_price is distinct from lines.amount + orders.total_shipping_price
            or orders.subtotal_price is distinct from lines.amount
            or orders.financial_status in ('paid', 'partially_refunded', 'refunded')
                and orders.total_price <> coalesce(paid.amount, 0)
            or orders.financial_status in ('pending', 'authorized', 'voided') and paid.amount is not null
            or coalesce(back.amount, 0) <> coalesce(refunds.amount, 0)
            or coalesce(back.amount, 0) > orders.total_price
    """
    assert world.rows(unbalanced) == []
    assert world.value("select count(*) from shopify.refund") > 50
    on_another_day = """
        select count(*) from shopify.refund
        inner join shopify."order" as orders on refund.order_id = orders.id
        where orders.cancelled_at is null and refund.created_at < orders.created_at + interval 4 days
    """
    assert world.value(on_another_day) == 0


def test_amazon_web_shop_and_stripe_books_balance(world: World) -> None:
    amazon = """
        with items as (
            select
                amazon_order_id,
                sum(
                    replace(item_price_amount, ',', '')::decimal(18, 2)
                    + replace(shipping_price_amount, ',', '')::decimal(18, 2)
                    - replace(promotion_discount_amount, ',', '')::decimal(18, 2)
                ) as amount,
            from amazon.order_item
            group by 1
        )
        select amazon_order_id from amazon.orders left join items using (amazon_order_id)
        where replace(order_total_amount, ',', '')::decimal(18, 2) is distinct from amount
    """
    assert world.rows(amazon) == []
    webshop = """
        with items as (
            select order_id, sum(quantity * unit_price) as cents from webshop.order_items group by 1
        ),
        paid as (
            select order_id, sum(amount) filter (where amount > 0) as cents, sum(amount) as net
            from webshop.payments group by 1
        )
        select orders.id
        from webshop.orders
        left join items on orders.id = items.order_id
        left join paid on orders.id = paid.order_id
        where status <> 'cancelled' and orders.id in (
                select order_id from webshop.payments where payment_method not in ('coupon', 'gift_card')
            )
            and paid.cents <> items.cents - discount_amount + shipping_amount
            or paid.net < 0
    """
    assert world.rows(webshop) == []
    stripe = """
        with cards as (
            select orders.reference, sum(payments.amount) filter (where payments.amount > 0) as paid,
                coalesce(-sum(payments.amount) filter (where payments.amount < 0), 0) as back
            from webshop.payments
            inner join webshop.orders on payments.order_id = orders.id
            where payments.payment_method = 'credit_card'
            group by 1
        ),
        charges as (
            select order_reference as reference, sum(amount) as paid, sum(amount_refunded) as back
            from stripe.charge where status = 'succeeded' group by 1
        )
        select reference from cards full join charges using (reference)
        where cards.paid is distinct from charges.paid or cards.back is distinct from charges.back
    """
    assert world.rows(stripe) == []
    assert world.value("select sum(amount) from stripe.refund") == world.value(
        "select sum(amount_refunded) from stripe.charge"
    )


def test_the_truth_about_orders_follows_from_the_raw_tables(world: World) -> None:
    expected = """
        select 'shopify' as channel, id as order_id, cancelled_at is null as is_counted, total_price as gross,
            coalesce((
                select sum(amount) from shopify.transaction
                where order_id = orders.id and kind = 'refund' and status = 'success'
            ), 0) as refunded
        from shopify."order" as orders
        where not test and not _fivetran_deleted
        union all
        select 'webshop', id, status <> 'cancelled',
            coalesce((
                select sum(amount) from webshop.payments where order_id = orders.id and amount > 0
            ), 0) / 100,
            coalesce((
                select -sum(amount) from webshop.payments where order_id = orders.id and amount < 0
            ), 0) / 100
        from webshop.orders
        where not is_test
        union all
        select 'amazon', amazon_order_id, order_status <> 'Canceled',
            coalesce(replace(order_total_amount, ',', '')::decimal(18, 2), 0), 0
        from amazon.orders
    """
    wrong = f"""
        with expected as ({expected})
        select * from expected
        full join world.orders as truth using (channel, order_id)
        where truth.is_counted is distinct from expected.is_counted
            or truth.gross_amount is distinct from expected.gross::decimal(18, 2)
            or truth.refunded_amount is distinct from expected.refunded::decimal(18, 2)
            or truth.net_amount is distinct from case
                when expected.is_counted then (expected.gross - expected.refunded)::decimal(18, 2) else 0 end
    """
    assert world.rows(wrong) == []
    assert world.rows("select orders, net_amount from world.totals where channel = 'all'") == world.rows(
        "select count(*), sum(net_amount) from world.orders"
    )
    assert world.value("select sum(net_amount) from world.people") == world.value(
        "select sum(net_amount) from world.orders"
    )


def test_every_source_record_belongs_to_a_person_and_every_person_left_a_trace(world: World) -> None:
    recorded = [
        ("shopify", "customer", "id"),
        ("shopify", "order", "id"),
        ("webshop", "customers", "id"),
        ("webshop", "orders", "id"),
        ("amazon", "orders", "amazon_order_id"),
        ("stripe", "customer", "id"),
        ("stripe", "charge", "id"),
        ("crm", "contacts", "contact_id"),
    ]
    for schema, table, key in recorded:
        ids = world.rows(f'select {key} from {schema}."{table}" order by 1')
        assert ids == records_of(world, schema, table), f"{schema}.{table}"
    profiles = sorted(world.sandbox_rows("select id from kl_profile"))
    assert profiles == records_of(world, "klaviyo", "profiles")
    asking = "select cast(id as text) from zd_user where json_extract(body, '$.role') = 'end-user'"
    assert sorted(world.sandbox_rows(asking)) == records_of(world, "zendesk", "users")
    traceless = (
        "select count(*) from world.people where person_id not in (select person_id from world.records)"
    )
    assert world.value(traceless) == 0
    prospects = world.value(
        "select count(*) from world.people where person_id not in (select person_id from world.orders)"
    )
    assert 0.30 < prospects / CUSTOMERS < 0.40


def records_of(world: World, source: str, table: str) -> list[tuple[str]]:
    return world.rows(
        "select source_id from world.records where source = ? and table_name = ? order by 1", [source, table]
    )


@pytest.mark.parametrize(
    ("planted", "low", "high"),
    [
        ("shopify customer guest_checkout", 0.25, 0.60),
        ("shopify customer email_spelling", 0.05, 0.12),
        ("shopify customer former_email", 0.005, 0.05),
        ("shopify customer name_variant", 0.04, 0.11),
        ("shopify customer placeholder_email", 0.001, 0.02),
        ("shopify customer placeholder_phone", 0.002, 0.02),
        ("shopify customer shared_phone", 0.01, 0.06),
        ("shopify customer role_mailbox", 0.002, 0.02),
        ("shopify customer deleted", 0.001, 0.02),
        ("shopify order test", 0.002, 0.012),
        ("shopify order deleted", 0.002, 0.012),
        ("shopify order cancelled", 0.015, 0.04),
        ("shopify order refunded_later", 0.04, 0.09),
        ("shopify order sale_and_capture", 0.04, 0.10),
        ("shopify order anonymous", 0.003, 0.02),
        ("shopify order customer_deleted", 0.001, 0.02),
        ("amazon orders anonymous", 0.60, 0.80),
        ("amazon orders relay_email", 0.20, 0.40),
        ("amazon orders replacement", 0.005, 0.03),
        ("webshop customers second_mailbox", 0.07, 0.18),
        ("webshop orders guest_checkout", 0.10, 0.40),
        ("stripe charge guest_checkout", 0.2, 0.6),
        ("crm contacts duplicate", 0.03, 0.10),
        ("crm contacts relay_email", 0.002, 0.04),
        ("klaviyo profiles unsubscribed", 0.03, 0.09),
        ("klaviyo profiles suppressed", 0.04, 0.12),
        ("klaviyo profiles never_subscribed", 0.20, 0.55),
        ("zendesk users relay_email", 0.005, 0.12),
        ("zendesk tickets merged", 0.01, 0.06),
        ("zendesk tickets deleted", 0.005, 0.03),
    ],
)
def test_mess_is_planted_at_its_rate(world: World, planted: str, low: float, high: float) -> None:
    source, table, defect = planted.split()
    count = world.value(
        "select count(*) from world.defects where source = ? and table_name = ? and defect = ?",
        [source, table, defect],
    )
    assert low < count / len(records_of(world, source, table)) < high


def test_carrier_feeds_repeat_overtake_and_forget_zones(world: World) -> None:
    parcels = world.value("select count(*) from world.shipments where shipped_at is not null")
    rates = dict(
        world.rows(
            "select defect, count(*) / ? from world.defects where source = 'shipments' group by 1", [parcels]
        )
    )
    assert 0.05 < rates["repeated_scan"] < 0.25
    assert 0.05 < rates["late_scan"] < 0.30
    assert 0.07 < rates["failed_attempt"] < 0.16
    assert 0.03 < rates["collected_after_failure"] < 0.08
    overtaken = """
        select count(*) from (
            select scan_date, received_at, row_number() over (
                partition by parcel_number order by strptime(scan_date, '%m/%d/%Y %I:%M:%S %p')
            ) as happened,
            row_number() over (partition by parcel_number order by received_at) as arrived
            from shipments.dpd_scans
        ) where happened <> arrived
    """
    assert world.value(overtaken) > 10
    unzoned = """
        select avg((not regexp_matches(event_timestamp, '(Z|[+]0[12]:00)$'))::int) from shipments.dhl_events
    """
    assert 0.08 < world.value(unzoned) < 0.16
    order = """
        select count(*) from world.shipments
        where delivered_at <= shipped_at or first_failed_at >= delivered_at or first_failed_at <= shipped_at
    """
    assert world.value(order) == 0


def test_nothing_happens_after_the_end(world: World) -> None:
    for schema, table, columns in declared_tables():
        for column, kind in columns:
            if kind.startswith("TIMESTAMP") and column not in PROMISES:
                latest = world.value(f'select max("{column}") from {schema}."{table}"')
                assert latest is not None, f"{schema}.{table}.{column} is empty"
                assert latest < END, f"{schema}.{table}.{column}"
    assert world.value("select max(event_timestamp) from ga4.events") < END.timestamp() * 1e6
    for table, column, unit in [
        *(("kl_profile", column, 1_000_000) for column in ("created_at", "updated_at", "email_consent_at")),
        *((table, "updated_at", 1) for table in ("zd_ticket", "zd_user", "zd_organization")),
        ("zd_ticket", "generated_at", 1),
        ("zd_satisfaction_rating", "updated_at", 1_000_000),
        ("zd_survey_response", "updated_at", 1_000_000),
        ("zd_ticket_event", "occurred_at", 1_000_000),
        ("kl_list_member", "joined_at", 1_000_000),
    ]:
        latest = world.sandbox_rows(f"select max({column}) from {table}")[0][0]
        assert latest / unit < END.timestamp(), f"{table}.{column}"
    latest_mail = world.sandbox_rows("select max(occurred_at) from kl_event")[0][0]
    assert latest_mail <= END.timestamp() - 3 * 3600


def test_no_e_mail_could_reach_a_real_mailbox(world: World) -> None:
    texts: list[str] = []
    for schema, table, column in world.rows(
        "select schema_name, table_name, column_name from duckdb_columns() "
        "where data_type = 'VARCHAR' and schema_name in (select unnest(?))",
        [[*RAW_SCHEMAS, "world"]],
    ):
        found = f'select distinct "{column}" from {schema}."{table}" where contains("{column}", \'@\')'
        texts += [text for (text,) in world.rows(found)]
    texts += [
        email for (email,) in world.sandbox_rows("select email from kl_profile where email is not null")
    ]
    for table in ("zd_ticket", "zd_user", "zd_satisfaction_rating", "zd_survey_response", "zd_ticket_event"):
        texts += [body for (body,) in world.sandbox_rows(f"select body from {table} where body like '%@%'")]
    addresses = {address for text in texts for address in ADDRESS.findall(text)}
    assert len(addresses) > CUSTOMERS
    assert [address for address in addresses if not RESERVED.search(address.lower())] == []


def test_amazon_shows_an_alias_only_for_orders_that_the_shop_ships(world: World) -> None:
    by_channel = dict(
        world.rows(
            "select fulfillment_channel, count(buyer_info_buyer_email) / count(*) "
            "from amazon.orders group by 1"
        )
    )
    assert by_channel == {"AFN": 0.0, "MFN": 1.0}
    assert world.value("select count(*) from amazon.orders where order_total_amount like '%,%'") > 0
    aliases = "select count(*) from world.records where table_name = 'buyer'"
    shared = (
        f"select count(*) - count(distinct source_id), count(*) - count(distinct person_id) {aliases[15:]}"
    )
    assert world.rows(shared) == [(0, 0)]


def test_klaviyo_in_the_sandbox_agrees_with_itself(world: World) -> None:
    assert world.sandbox_rows("select count(*) from kl_profile where email <> lower(email)") == [(0,)]
    assert world.sandbox_rows("select count(*) from kl_profile where email like '%amazon%'") == [(0,)]
    assert world.sandbox_rows(
        "select count(*) from kl_profile where email is null and phone_number is null"
    ) == [(0,)]
    orphans = """
        select count(*) from kl_event
        where profile_id not in (select id from kl_profile) or metric_id not in (select id from kl_metric)
    """
    assert world.sandbox_rows(orphans) == [(0,)]
    unsubscribed = """
        select (select count(*) from kl_profile where email_consent = 'UNSUBSCRIBED'),
            (select count(*) from kl_event where metric_id = 'UnsbEm')
    """
    profiles, events = world.sandbox_rows(unsubscribed)[0]
    assert profiles == events > 0
    metrics = {
        name
        for (name,) in world.sandbox_rows(
            "select distinct kl_metric.name from kl_event inner join kl_metric on kl_metric.id = metric_id"
        )
    }
    assert metrics >= {
        "Received Email",
        "Opened Email",
        "Clicked Email",
        "Bounced Email",
        "Unsubscribed",
        "Placed Order",
    }
    earlier = """
        select count(*) from kl_event as opened
        inner join kl_event as received using (profile_id, unique_id)
        where opened.metric_id in ('OpndEm', 'ClckEm') and received.metric_id = 'RcvdEm'
            and opened.occurred_at < received.occurred_at
    """
    assert world.sandbox_rows(earlier) == [(0,)]


def test_klaviyo_predicts_for_those_who_have_ordered_and_for_nobody_else(world: World) -> None:
    unlike_its_orders = """
        with orders as (
            select profile_id, count(*) as orders, sum(value) as revenue
            from kl_event where metric_id = 'PlcdOr' group by profile_id
        )
        select count(*) from orders full join kl_prediction as predicted using (profile_id)
        where orders is not json_extract(body, '$.historic_number_of_orders')
            or abs(revenue - json_extract(body, '$.historic_clv')) > 0.01
            or json_extract(body, '$.churn_probability') not between 0 and 1
            or (orders = 1) <> (json_extract(body, '$.average_days_between_orders') is null)
    """
    assert world.sandbox_rows(unlike_its_orders) == [(0,)]
    assert world.sandbox_rows("select count(*) from kl_prediction")[0][0] > CUSTOMERS // 10


def test_zendesk_in_the_sandbox_has_both_forms_of_ratings(world: World) -> None:
    last_legacy = world.sandbox_rows("select max(created_at) from zd_satisfaction_rating")[0][0]
    first_survey = world.sandbox_rows("select min(created_at) from zd_survey_response")[0][0]
    assert last_legacy < first_survey
    statuses = {
        status
        for (status,) in world.sandbox_rows("select distinct json_extract(body, '$.status') from zd_ticket")
    }
    assert statuses >= {"new", "open", "solved", "closed", "deleted"}
    strangers = """
        select count(*) from zd_ticket
        where json_extract(body, '$.requester_id') not in (select id from zd_user)
    """
    assert world.sandbox_rows(strangers) == [(0,)]


def test_an_interrupted_or_refused_world_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, customers=30)
    before = world.digest(), (tmp_path / "world.json").read_text(encoding="utf-8")

    def interrupt(step: str) -> None:
        if step == "sandbox":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_world(world.warehouse, world.sandbox, customers=60, seed=3, as_of=AS_OF, progress=interrupt)
    assert (world.digest(), (tmp_path / "world.json").read_text(encoding="utf-8")) == before

    with closing(duckdb.connect(str(world.warehouse))) as connection:
        connection.execute("create or replace table webshop.customers as select 1 as id")
        connection.execute("create view shopify.my_notes as select 1 as id")
        connection.execute("create schema klaviyo; create table klaviyo.profiles as select 1 as id")
    before = world.digest(), (tmp_path / "world.json").read_text(encoding="utf-8")
    with pytest.raises(WorldError, match=r"klaviyo\.profiles, shopify\.my_notes, webshop\.customers"):
        World(tmp_path, customers=60)
    assert (world.digest(), (tmp_path / "world.json").read_text(encoding="utf-8")) == before

    with World(tmp_path, customers=60, replace=True).asked() as replaced:
        assert replaced.value("select count(*) from world.people") == 60
        assert replaced.value("select count(*) from duckdb_views() where view_name = 'my_notes'") == 0
        assert replaced.tables("klaviyo") == []


@pytest.mark.parametrize("customers", [0, 6_000_000])
def test_an_impossible_size_is_refused_before_anything_is_written(tmp_path: Path, customers: int) -> None:
    with pytest.raises(WorldError, match="customers cannot be made"):
        World(tmp_path, customers=customers)
    assert list(tmp_path.iterdir()) == []

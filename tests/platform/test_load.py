"""`c360 load`: folders of exports become raw tables, or are refused with the place of everything wrong.

All people and shops here are invented; the shapes are those of Fivetran's, dlt's and spreadsheet exports.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c360_platform.raw_files import LoadReport, RawFileError, load_folder
from c360_platform.raw_files.problems import Problem

DBT_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


class Shop:
    """A folder of exports and the warehouse that they are loaded into."""

    def __init__(self, directory: Path) -> None:
        self.exports = directory / "exports"
        self.warehouse = directory / "home" / "warehouse.duckdb"
        self.exports.mkdir(parents=True)

    def write(self, files: dict[str, str | bytes]) -> Shop:
        for name, content in files.items():
            path = self.exports / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def load(self) -> LoadReport:
        return load_folder(self.exports, self.warehouse, DBT_PROJECT)

    def problems(self) -> tuple[Problem, ...]:
        with pytest.raises(RawFileError) as raised:
            self.load()
        return raised.value.problems

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All tables of the warehouse with their columns and rows."""
        tables = self.rows(
            "select table_schema || '.\"' || table_name || '\"' from information_schema.tables order by 1"
        )
        return {
            name: [*self.rows(f"describe {name}"), *self.rows(f"from {name} order by all")]
            for (name,) in tables
        }


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def reference(name: str) -> Path:
    root = os.environ.get("C360_REFERENCE_DATA")
    if not root:
        pytest.skip("C360_REFERENCE_DATA is not set")
    return Path(root) / name


# What is loaded


def test_the_jaffle_shop_loads_as_the_web_shop(shop: Shop) -> None:
    data = reference("jaffle_shop_classic")
    names = ("raw_customers.csv", "raw_orders.csv", "raw_payments.csv")
    report = shop.write({f"webshop/{name}": (data / name).read_bytes() for name in names}).load()

    assert {table.table: table.rows for table in report.tables} == {
        "customers": 100,
        "orders": 99,
        "payments": 113,
    }
    assert shop.rows("select sum(amount) from webshop.payments") == [(167200,)]
    assert shop.rows("select count(distinct user_id), min(order_date) from webshop.orders") == [
        (62, datetime(2018, 1, 1, tzinfo=UTC))
    ]
    assert report.missing_tables == ("webshop.order_items",)


def test_tables_in_fivetrans_naming_land_where_the_platform_reads_them(shop: Shop) -> None:
    shop.write(
        {
            "shopify/shopify_customer_data.csv": "id,email,created_at,_fivetran_synced\n"
            "7001,mara.winkel@shop.example,2023-05-01 10:00:00.000 ,2023-05-02 00:00:00.000 \n",
            "shopify/shopify_order_data.csv": "id,customer_id,total_price,created_at,test,landing_site\n"
            "9001,7001,19.90,2023-05-02 11:30:00.000 ,FALSE,/vitamins\n",
            "amazon_selling_partner/orders.csv": "amazon_order_id,purchase_date,order_total_amount\n"
            'AMZ-1,2023-05-03 08:00:00,"2,329.86"\nAMZ-2,2023-05-03 09:00:00,284.36a\n',
            "klaviyo/event.csv": "ID,PERSON_ID,DATETIME,TIMESTAMP,TYPE,PROPERTY_VALUE\n"
            "E1,P1,2023-05-04 12:00:00.000,2023-05-04 12:00:00.000,Received Email,$12\n"
            "E1,P1,2023-05-04 12:00:00.000,2023-05-04 12:00:00.000,Received Email\n",
            "zendesk/ticket_data.csv": "id,requester_id,via_channel,merged_ticket_ids,created_at\n"
            "55,88,web,[56],2023-05-05 07:00:00\n",
        }
    )
    report = shop.load()

    assert shop.rows("select id, email, created_at, verified_email from shopify.customer") == [
        ("7001", "mara.winkel@shop.example", datetime(2023, 5, 1, 10, tzinfo=UTC), None)
    ]
    assert shop.rows('select customer_id, total_price, test, landing_site from shopify."order"') == [
        ("7001", Decimal("19.900000000"), False, "/vitamins")
    ]
    assert shop.rows("select order_total_amount from amazon.orders order by 1") == [
        ("2,329.86",),
        ("284.36a",),
    ]
    assert shop.rows("select distinct profile_id, metric_name, datetime from klaviyo.events") == [
        ("P1", "Received Email", datetime(2023, 5, 4, 12, tzinfo=UTC))
    ]
    assert shop.rows("select id, via, merged_ticket_ids from zendesk.tickets") == [("55", '"web"', "[56]")]
    events = next(table for table in report.tables if table.table == "events")
    assert events.mapped["profile_id"] == "PERSON_ID"
    assert events.extra == ("timestamp", "property_value")
    assert "event_properties" in events.missing
    assert events.notes == (
        "lines with fewer values than the header, read as nulls: 1",
        "rows that repeat the id of another: 1",
    )


ORDERS = "id,user_id,order_date,is_test\n"


def test_times_are_read_as_exports_write_them(shop: Shop) -> None:
    written: dict[str, datetime | None] = {
        "2023-07-18 12:43:52 UTC": datetime(2023, 7, 18, 12, 43, 52, tzinfo=UTC),
        "2023-07-18T12:43:52Z": datetime(2023, 7, 18, 12, 43, 52, tzinfo=UTC),
        "2023-07-18 12:43:52.250 ": datetime(2023, 7, 18, 12, 43, 52, 250000, tzinfo=UTC),
        "2023-07-18T12:43:52+02:00": datetime(2023, 7, 18, 10, 43, 52, tzinfo=UTC),
        "2023-07-18 12:43:52 -0530": datetime(2023, 7, 18, 18, 13, 52, tzinfo=UTC),
        "2023-07-18 12:43": datetime(2023, 7, 18, 12, 43, tzinfo=UTC),
        "2023-07-18": datetime(2023, 7, 18, tzinfo=UTC),
        "1689684232": datetime(2023, 7, 18, 12, 43, 52, tzinfo=UTC),
        "1689684232000": datetime(2023, 7, 18, 12, 43, 52, tzinfo=UTC),
        " ": None,
        "NULL": None,
    }
    shop.write({"webshop/orders.csv": ORDERS + "".join(f"{i},5,{text},\n" for i, text in enumerate(written))})
    shop.load()
    read = shop.rows("select order_date from webshop.orders order by id::int")
    assert dict(zip(written, (value for (value,) in read), strict=True)) == written


def test_booleans_numbers_and_ids_are_read_as_exports_write_them(shop: Shop) -> None:
    booleans = {
        "TRUE": True,
        "t": True,
        "yes": True,
        "1": True,
        "False": False,
        "f": False,
        "no": False,
        "0": False,
    }
    orders = "".join(f"{i},{i}.0,2024-01-01,{text}\n" for i, text in enumerate(booleans, start=1))
    shop.write(
        {
            "webshop/orders.csv": ORDERS + orders,
            "webshop/payments.csv": "id,order_id,amount\nA1,1,1250\nA2,2,-3.0\nA3,3,\n",
            "webshop/customers.csv": "id,birth_date\n1,1990-02-28\n2,1990-02-28 00:00:00.000\n3,\n",
        }
    ).load()
    assert shop.rows("select user_id, is_test from webshop.orders order by id::int") == [
        (str(i), value) for i, value in enumerate(booleans.values(), start=1)
    ]
    assert shop.rows("select amount from webshop.payments order by id") == [(1250,), (-3,), (None,)]
    assert shop.rows("select birth_date from webshop.customers order by id") == [
        (date(1990, 2, 28),),
        (date(1990, 2, 28),),
        (None,),
    ]


CUSTOMERS = "Id ,First_Name,email\n1,Jörg,joerg@shop.example\n2,Zoë,\n"


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        ("customers.csv", b"\xef\xbb\xbf" + CUSTOMERS.encode(), None),
        ("Customers.CSV", CUSTOMERS.replace("\n", "\r\n").encode(), None),
        ("customers.csv", CUSTOMERS.replace(",", ";").encode(), None),
        ("customers.tsv", CUSTOMERS.replace(",", "\t").encode(), None),
        ("customers.csv.gz", gzip.compress(CUSTOMERS.encode()), None),
        ("customers.csv", CUSTOMERS.encode("cp1252"), "not UTF-8, read as cp1252"),
        ("customers.csv", CUSTOMERS.replace(",", "\t").encode("utf-16"), "not UTF-8, read as utf-16"),
        ("customers.csv", CUSTOMERS.replace("2,Zoë,", "2,Zoë").encode(), "lines with fewer values"),
        ("customers.csv", (CUSTOMERS + ",,\n\n").encode(), None),
        ("customers [1].csv", CUSTOMERS.encode(), "ignored"),
    ],
    ids=[
        "bom",
        "crlf",
        "semicolon",
        "tab",
        "gzip",
        "latin",
        "utf16",
        "short-line",
        "blank-lines",
        "other-name",
    ],
)
def test_every_dialect_of_csv_gives_the_same_rows(
    shop: Shop, name: str, content: bytes, note: str | None
) -> None:
    shop.write({f"webshop/{name}": content, "webshop/orders.csv": ORDERS})
    report = shop.load()
    if note == "ignored":
        assert report.ignored == {
            "webshop/customers [1].csv": "webshop has no table customers [1], did you mean customers?"
        }
        return
    assert shop.rows("select id, first_name, email from webshop.customers order by id") == [
        ("1", "Jörg", "joerg@shop.example"),
        ("2", "Zoë", None),
    ]
    loaded = next(table for table in report.tables if table.table == "customers")
    assert [text for text in loaded.notes if note is None or not text.startswith(note)] == []
    assert bool(loaded.notes) == (note is not None)


def test_a_parquet_file_of_a_data_frame_gives_ids_without_decimals(shop: Shop) -> None:
    table = pa.table(
        {
            "id": pa.array([3588998496353.0, 12.0]),
            "customer_id": pa.array([None, 77], pa.int64()),
            "total_price": pa.array([0.1, 1e-05]),
            "created_at": pa.array([datetime(2024, 1, 1, 5, tzinfo=UTC)] * 2, pa.timestamp("ns", tz="UTC")),
            "test": pa.array([True, None]),
            "tags": pa.array([["a", "b"], None]),
        }
    )
    (shop.exports / "shopify").mkdir()
    pq.write_table(table, shop.exports / "shopify" / "orders.parquet")
    shop.write({"shopify/customers.csv": "id\n"}).load()
    assert shop.rows(
        'select id, customer_id, total_price, created_at, test, tags from shopify."order" order by id'
    ) == [
        ("12", "77", Decimal("0.000010000"), datetime(2024, 1, 1, 5, tzinfo=UTC), None, None),
        (
            "3588998496353",
            None,
            Decimal("0.100000000"),
            datetime(2024, 1, 1, 5, tzinfo=UTC),
            True,
            '["a","b"]',
        ),
    ]


def test_undeclared_columns_are_kept_as_text_under_names_of_their_own(shop: Shop) -> None:
    shop.write(
        {
            "webshop/customers.csv": "id,Loyalty Points,,loyalty points,email,E-Mail 2\n"
            "1,00120,x,y,a@shop.example,\n"
        }
    )
    (table,) = shop.load().tables
    assert table.extra == ("loyalty_points", "column_3", "loyalty_points_2", "e_mail_2")
    assert shop.rows(
        "select loyalty_points, column_3, loyalty_points_2, e_mail_2 from webshop.customers"
    ) == [("00120", "x", "y", None)]


# What is refused


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"webshop/payments.csv": 'id,order_id,amount\n1,1,100\n2,1,12.5\n3,1,"12,3x"\n'},
            [
                "webshop/payments.csv:3: column amount: '12.5' (a number) is not a whole number",
                "webshop/payments.csv:4: column amount: '12,3x' (text) is not a whole number",
            ],
        ),
        (
            {"webshop/orders.csv": 'id,order_date,status\n1,2024-01-01,"a\nb"\n\n2,07/18/2024,x\n'},
            ["webshop/orders.csv:5: column order_date: '07/18/2024' (a date that does not begin with the"],
        ),
        (
            {"webshop/orders.csv": "id,order_date\n1,2024-02-30\n"},
            ["webshop/orders.csv:2: column order_date: '2024-02-30' (a date or time that does not exist"],
        ),
        (
            {"webshop/orders.csv": "id;order_date;is_test\n1;2024-01-01;maybe\n"},
            ["webshop/orders.csv:2: column is_test: a value of 5 characters (text) is not true or false"],
        ),
        (
            {
                "shopify/customer.csv": "id\n",
                "shopify/order.csv": "id;created_at;total_price\n1;2024-01-01;12,30\n",
            },
            ["shopify/order.csv:2: column total_price: '12,30' (a decimal comma) is not a plain"],
        ),
        (
            {"webshop/orders.csv": "id,user_id,order_date\n1,3.58900E+12,2024-01-01\n"},
            ["webshop/orders.csv:2: column user_id: '3.58900E+12' (a number in scientific notation"],
        ),
        (
            {"klaviyo/person.csv": "id,properties\n1,\"{'plan': 'x'}\"\n"},
            ["klaviyo/person.csv:2: column properties: a value of 13 characters (broken JSON) is not JSON"],
        ),
        (
            {"webshop/orders.csv": "id,order_date\n,2024-01-01\n"},
            ["webshop/orders.csv:2: column id: is empty, but every row needs one"],
        ),
        (
            {"webshop/orders.csv": "id,order_date\n1,2024-01-01,x,y\n2,2024-01-01,\n"},
            ["webshop/orders.csv:2: 4 values, but 2 columns"],
        ),
        (
            {"webshop/orders.csv": 'id,order_date\n1,2024-01-01\n2,"2024-01-01\n3,2024-01-01\n'},
            ["webshop/orders.csv:3: the record that begins here has a quote that is never closed"],
        ),
        (
            {"webshop/orders.csv": "id,status\n1,paid\n"},
            ["webshop/orders.csv: column order_date: required, but the file has no column of this name"],
        ),
        (
            {"webshop/orders.csv": "id,order_date,ID\n1,2024-01-01,1\n"},
            ["webshop/orders.csv: column id: the file has this column twice"],
        ),
        ({"webshop/orders.csv": ""}, ["webshop/orders.csv: is empty: a header line is needed"]),
        ({"webshop/orders.csv": b"PK\x03\x04rest of a workbook"}, ["webshop/orders.csv: is not a text file"]),
        (
            {"webshop/orders.csv.gz": b"not gzip"},
            ["webshop/orders.csv.gz: cannot be read as CSV: the file is damaged"],
        ),
        ({"webshop/orders.parquet": b"PAR1"}, ["webshop/orders.parquet: cannot be read as Parquet"]),
        (
            {"webshop/orders.csv": ORDERS, "webshop/raw_orders.csv": ORDERS},
            ["webshop/raw_orders.csv: is table webshop.orders, and so is webshop/orders.csv"],
        ),
        (
            {"shopify/orders.csv": "id,created_at,total_price\n"},
            ["shopify/: shopify needs its table customer, and neither this folder nor the warehouse has it"],
        ),
        ({"webshp/orders.csv": ORDERS}, ["no source is called webshp, did you mean webshop?"]),
        ({"orders.csv": ORDERS}, ["not at <schema>/<table>"]),
        ({}, ["holds no raw table (it is empty)"]),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_nothing_is_written(
    shop: Shop, files: dict[str, str | bytes], expected: list[str]
) -> None:
    problems = [str(problem) for problem in shop.write(files).problems()]
    assert len(problems) == len(expected)
    for problem, fragment in zip(problems, expected, strict=True):
        assert fragment in problem
    assert not shop.warehouse.exists()


def test_rows_of_a_parquet_file_are_named_by_number(shop: Shop) -> None:
    (shop.exports / "webshop").mkdir()
    table = pa.table({"id": ["1", "2"], "order_date": ["2024-01-01", "soon"]})
    pq.write_table(table, shop.exports / "webshop" / "orders.parquet")
    (problem,) = shop.problems()
    assert str(problem).startswith(
        "webshop/orders.parquet, row 2: column order_date: a value of 4 characters"
    )


def test_no_message_repeats_a_value_that_may_be_personal(shop: Shop) -> None:
    """Values of a broken line slip into columns where nobody expects a person."""
    secrets = ("mara.winkel@shop.example", "Winkel", "+49 151 23456789", "0151/2345678", "12/24/1985")
    orders = "".join(f'{i},2024-01-01,"{value}"\n' for i, value in enumerate(secrets))
    customers = "".join(f'{i},"{value}"\n' for i, value in enumerate(secrets))
    shop.write(
        {
            "webshop/orders.csv": "id,order_date,discount_amount\n" + orders,
            "webshop/customers.csv": "id,birth_date\n" + customers,
        }
    )
    with pytest.raises(RawFileError) as raised:
        shop.load()
    assert len(raised.value.problems) == 2 * len(secrets)
    shown = str(raised.value)
    assert [value for value in secrets[:-1] if value in shown] == []
    assert "12/24/1985" not in "".join(str(p) for p in raised.value.problems if p.column == "birth_date")


def test_all_files_are_checked_and_the_list_of_problems_is_bounded(shop: Shop) -> None:
    bad = "".join(f"{i},1,x{i}x,z\n" for i in range(1000))
    shop.write(
        {
            "webshop/payments.csv": "id,order_id,amount,paid_at\n" + bad,
            "webshop/orders.csv": ORDERS + "1,1,2024-13-01,\n",
        }
    )
    problems = [str(problem) for problem in shop.problems()]
    assert problems[0].startswith("webshop/orders.csv:2: column order_date")
    assert problems[1].startswith("webshop/payments.csv:2: column amount: 'x0x' (text)")
    assert "webshop/payments.csv: column amount: 995 more values do not fit" in problems
    assert "webshop/payments.csv: column paid_at: 995 more values do not fit" in problems
    assert len(problems) == 1 + 2 * (5 + 1)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    notes=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=12),
    newline=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from(",;\t"),
    data=st.data(),
)
def test_any_text_survives_and_the_line_of_a_bad_cell_is_exact(
    tmp_path_factory: pytest.TempPathFactory,
    notes: list[tuple[str, str]],
    newline: str,
    delimiter: str,
    data: st.DataObject,
) -> None:
    bad = data.draw(st.integers(0, len(notes) - 1))
    # Python 3.11 leaves a lone CR unquoted, and then it ends a line.
    quoting: Literal[0, 1] = (
        csv.QUOTE_ALL if any("\r" in text for row in notes for text in row) else csv.QUOTE_MINIMAL
    )
    shop = Shop(tmp_path_factory.mktemp("shop"))

    def write(amount: str) -> int:
        """Write the payments, the bad row's amount as given; the line on which that row begins."""
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting)
        writer.writerow(["id", "order_id", "amount", "first note", "second note"])
        line = 0
        for number, (first, second) in enumerate(notes):
            if number == bad:
                line = len(list(csv_lines(text.getvalue()))) + 1
            writer.writerow([number, "1", amount if number == bad else "5", first, second])
        shop.write({"webshop/payments.csv": text.getvalue()})
        return line

    write("5")
    shop.load()
    read = shop.rows("select first_note, second_note from webshop.payments order by id::int")
    assert read == [tuple(note.strip(" \t\r\n") or None for note in row) for row in notes]

    line = write("5x")
    (problem,) = shop.problems()
    assert (problem.line, problem.column) == (line, "amount")


def csv_lines(text: str) -> list[str]:
    """Lines as an editor counts them: CR, LF and CRLF end one, nothing else does."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]


# What else is in the warehouse


def test_the_same_files_twice_leave_the_same_tables(shop: Shop) -> None:
    shop.write(
        {
            "webshop/customers.csv": CUSTOMERS,
            "klaviyo/list.csv": "id,name\nL1,Newsletter\nL2,VIP\n",
        }
    ).load()
    first = shop.everything()
    shop.load()
    assert shop.everything() == first


def test_a_refused_folder_leaves_the_warehouse_as_it_was(shop: Shop) -> None:
    marker = shop.warehouse.with_name("world.json")
    shop.write({"webshop/customers.csv": CUSTOMERS}).load()
    marker.write_text("{}")
    before = shop.everything()
    shop.write(
        {"webshop/customers.csv": CUSTOMERS + "3,Ida,\n", "webshop/orders.csv": ORDERS + "1,1,soon,\n"}
    ).problems()
    assert shop.everything() == before
    assert marker.read_text() == "{}"


def test_a_failed_write_leaves_the_warehouse_as_it_was(shop: Shop) -> None:
    """The second of two tables cannot be written: a view of that name is in its place."""
    shop.write({"webshop/customers.csv": CUSTOMERS}).load()
    shop.rows("create view webshop.orders as select 1 as one")
    marker = shop.warehouse.with_name("world.json")
    marker.write_text("{}")
    before = shop.everything()
    shop.write({"webshop/customers.csv": "id\n9\n", "webshop/orders.csv": ORDERS})
    with pytest.raises(Exception, match="orders"):
        shop.load()
    assert shop.everything() == before
    assert marker.read_text() == "{}"


def test_loading_over_a_generated_world_ends_its_truth_and_says_what_stays(shop: Shop) -> None:
    shop.warehouse.parent.mkdir()
    marker = shop.warehouse.with_name("world.json")
    marker.write_text("{}")
    shop.rows("create schema world; create table world.people as select 1 as id")
    shop.rows("create schema webshop; create table webshop.customers as select 'old' as id")
    shop.rows("create schema crm; create table crm.contacts as select 'kept' as contact_id")
    report = shop.write({"webshop/customers.csv": CUSTOMERS}).load()

    assert shop.rows("select count(*) from webshop.customers") == [(2,)]
    assert shop.rows("select contact_id from crm.contacts") == [("kept",)]
    assert not marker.exists()
    assert "world" not in {
        schema for (schema,) in shop.rows("select schema_name from information_schema.schemata")
    }
    assert [note.split(":")[0] for note in report.notes] == [
        "the truth about the generated world was removed (world.json, schema world)",
        "generated tables stay beside yours",
    ]
    assert "crm.contacts" in report.notes[1]


def ingest_profiles(shop: Shop, pipelines_dir: Path) -> None:
    """A dlt pipeline that merges into klaviyo.profiles, as the platform's own ingest does."""
    import dlt

    @dlt.resource(name="profiles", primary_key="id", write_disposition="merge")
    def profiles() -> Any:
        yield [
            {"id": "P2", "email": "new@shop.example", "updated": datetime(2024, 2, 1, tzinfo=UTC)},
            {"id": "P3", "email": "third@shop.example", "updated": datetime(2024, 2, 1, tzinfo=UTC)},
        ]

    pipeline = dlt.pipeline(
        "klaviyo",
        destination=dlt.destinations.duckdb(str(shop.warehouse)),
        dataset_name="klaviyo",
        pipelines_dir=str(pipelines_dir),
    )
    pipeline.run(profiles(), loader_file_format="parquet").raise_on_failed_jobs()


def test_the_ingest_can_merge_into_a_loaded_table_which_is_then_its_own(shop: Shop, tmp_path: Path) -> None:
    shop.write(
        {
            "klaviyo/person.csv": "id,email,updated\n"
            "P1,first@shop.example,2024-01-01\nP2,old@shop.example,2024-01-01\n"
        }
    )
    shop.load()
    ingest_profiles(shop, tmp_path / "pipelines")
    merged = shop.rows("select id, email from klaviyo.profiles order by id")
    assert merged == [("P1", "first@shop.example"), ("P2", "new@shop.example"), ("P3", "third@shop.example")]

    (problem,) = shop.problems()
    assert "the tables of klaviyo in this warehouse are kept by its ingest (dlt)" in str(problem)
    assert shop.rows("select id, email from klaviyo.profiles order by id") == merged

"""Rows of a model as Klaviyo gets them: the SQL that DuckDB runs must write valid, exact, bounded JSON."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_platform.activation.bigquery_dialect import BigQueryDialect
from c360_platform.activation.dialects import Dialect
from c360_platform.activation.expressions import row_expressions
from c360_platform.activation.payloads import (
    BODY_BYTES,
    LANES,
    SEPARATOR,
    event_body,
    import_body,
    single_body,
    slices,
)
from c360_platform.activation.spec import SyncSpec

TYPES = {
    "email": "VARCHAR",
    "first_name": "VARCHAR",
    "phone": "VARCHAR",
    "city": "VARCHAR",
    "words": "VARCHAR",
    "whole": "BIGINT",
    "money": "DECIMAL(18,2)",
    "ratio": "DOUBLE",
    "flag": "BOOLEAN",
    "seen_at": "TIMESTAMP WITH TIME ZONE",
    "born_on": "DATE",
    "tags": "VARCHAR[]",
}
SPEC = SyncSpec(
    name="profiles",
    model="klaviyo_profiles",
    unique_id="model.c360.klaviyo_profiles",
    schema="marts",
    table="klaviyo_profiles",
    object="profiles",
    key="email",
    fields={"first_name": "first_name", "phone": "phone_number", "city": "location.city"},
    properties={
        "words": 'Words "quoted"',
        "whole": "Whole",
        "money": "Money",
        "ratio": "Ratio",
        "flag": "Flag",
        "seen_at": "Seen At",
        "born_on": "Born On",
        "tags": "Tags",
    },
)
ENVELOPE = 1_000  # bytes around the rows of a body, at most
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ROWS = st.fixed_dictionaries(
    {
        "email": st.just("ann@shop.example"),
        "first_name": st.none() | TEXT,
        "phone": st.sampled_from([None, "", "+4917012345678", "0170 1234"]),
        "city": st.none() | TEXT,
        "words": st.none() | TEXT,
        "whole": st.none() | st.integers(-(2**53) + 1, 2**53 - 1),
        "money": st.none() | st.decimals(-(10**15), 10**15, places=2),
        "ratio": st.none() | st.floats(-1e307, 1e307, allow_nan=False),
        "flag": st.none() | st.booleans(),
        "seen_at": st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        "born_on": st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)),
        "tags": st.none() | st.lists(TEXT, max_size=3),
    }
)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        connection.execute(f"create table model ({columns})")
        yield connection


# What is trimmed: white space of Unicode, of which Python knows four signs more than the engines.
BLANKS = "".join(filter(str.isspace, map(chr, range(sys.maxunicode)))).translate(
    dict.fromkeys(range(0x1C, 0x20))
)
# What does not travel: control characters that the engines escape differently.
DROPPED = dict.fromkeys((0x00, 0x0B, 0x0E, 0x0F, *range(0x1A, 0x20)))


def rendered(database: duckdb.DuckDBPyConnection, **values: Any) -> dict[str, Any]:
    """What the plan would say about one row with these values; `bytes` is what it counts for the payload."""
    database.execute("delete from model")
    names = ", ".join(values)
    database.execute(
        f"insert into model ({names}) values ({', '.join('?' * len(values))})", list(values.values())
    )
    cursor = database.execute(STATEMENT)
    told = [column[0] for column in cursor.description or ()]
    row = dict(zip(told, cursor.fetchone() or (), strict=True))
    assert row["payload"].endswith(SEPARATOR)
    return {**row, "payload": row["payload"].removesuffix(SEPARATOR)}


def _statement() -> str:
    """The stages of `RowExpressions`, one in the other, for a row that stands alone."""
    d = Dialect()
    row = row_expressions(SPEC, TYPES, d)
    words = " ".join(f"when {condition} then {d.literal(text)}" for condition, text in row.problems)
    is_portable = d.is_portable("raw_payload")
    alone = "".join(f", false as {flag}" for flag in ("is_repeated", "is_collapsed", *row.shared))
    keyed, pieces = (
        ", ".join(f"{text} as {name}" for name, text in stage.items()) for stage in (row.keyed, row.pieces)
    )
    return f"""
select problem, filled, person, {d.portable("raw_payload", is_portable)} as payload,
    {d.bytes(d.portable("raw_payload", is_portable))} as bytes
from (
    select case {words} end as problem, {row.filled} as filled, person, {row.payload} as raw_payload
    from (
        select *, {row.first_property} as first_property
        from (
            select *, {pieces}
            from (
                select *, {keyed} {alone}, timestamptz '2027-01-01' as latest_time
                from (select {", ".join(row.columns)} from model)
            )
        )
    )
)"""


STATEMENT = _statement()


@settings(max_examples=60, deadline=None)
@given(row=ROWS)
def test_any_row_becomes_json_with_exactly_its_values(
    database: duckdb.DuckDBPyConnection, row: dict[str, Any]
) -> None:
    found = rendered(database, **row)
    assert found["problem"] is None
    profile = orjson.loads(found["payload"])
    attributes, properties = profile["attributes"], profile["attributes"]["properties"]

    def travels(text: str | None) -> str | None:
        return None if text is None else text.translate(DROPPED)

    def field(text: str | None) -> str | None:
        return travels((text or "").strip(BLANKS) or None)

    assert attributes.get("first_name") == field(row["first_name"])
    assert attributes.get("phone_number") == (row["phone"] if row["phone"] == "+4917012345678" else None)
    assert attributes.get("location", {}).get("city") == field(row["city"])
    expected = {
        'Words "quoted"': travels(row["words"]),
        "Whole": row["whole"],
        "Money": None if row["money"] is None else float(row["money"]),
        "Ratio": None if row["ratio"] is None else float(f"{row['ratio']:.15g}"),
        "Flag": row["flag"],
        "Seen At": None if row["seen_at"] is None else row["seen_at"].replace(microsecond=0).isoformat(),
        "Born On": None if row["born_on"] is None else row["born_on"].isoformat(),
        "Tags": [travels(tag) for tag in row["tags"] or ()] or None,
    }
    assert properties == {name: value for name, value in expected.items() if value is not None}
    unset = profile.get("meta", {}).get("patch_properties", {}).get("unset", [])
    assert set(unset) == {name for name, value in expected.items() if value is None}
    assert found["bytes"] == len((found["payload"] + SEPARATOR).encode())
    body = import_body(2 * [(found["payload"] + SEPARATOR).encode()], 'a"b')
    assert orjson.loads(body)["data"]["attributes"]["profiles"]["data"] == [profile, profile]


@settings(max_examples=60, deadline=None)
@given(
    address=TEXT
    | st.builds(
        "{0}{1}@{2}{3}.example{4}".format, *(st.text("aB.+'Ké \u00a0\u212a\t", max_size=4) for _ in range(5))
    )
    | st.emails()
)
def test_an_address_is_trimmed_and_lowered_once_and_what_is_left_is_one(
    database: duckdb.DuckDBPyConnection, address: str
) -> None:
    found = rendered(database, email=address)
    if found["problem"] is not None:
        return
    person = found["person"]
    assert person.casefold() == address.strip(BLANKS).casefold()
    assert person.isascii() == address.strip(BLANKS).isascii()  # nobody becomes somebody else
    assert all(" " < character != "\x7f" for character in person)
    assert (person.count("@"), len(person) <= 254) == (1, True)
    again = rendered(database, email=person)
    assert (again["person"], again["problem"], again["payload"]) == (person, None, found["payload"])


@settings(max_examples=60, deadline=None)
@given(
    phone=TEXT
    | st.from_regex(r"\s?\+?[0-9() /-]{3,18}\s?", fullmatch=True)
    | st.from_regex(r"\+[1-9]\d{5,16}")
)
def test_a_phone_number_is_e164_as_it_stands_or_left_out(
    database: duckdb.DuckDBPyConnection, phone: str
) -> None:
    sent = orjson.loads(rendered(database, email="ann@shop.example", phone=phone)["payload"])["attributes"]

    text = phone.strip(BLANKS)
    is_e164 = re.fullmatch(r"\+[1-9][0-9]{6,14}", text) is not None
    assert sent.get("phone_number") == (text if is_e164 else None)


def test_a_payload_keeps_its_form(database: duckdb.DuckDBPyConnection) -> None:
    """Rows are compared by a hash of this text: when it changes, everybody's profiles are sent again."""
    found = rendered(
        database,
        email="Ann@shop.example ",
        first_name="Änn",
        whole=3,
        money=Decimal("12.30"),
        ratio=0.1,
        flag=True,
        seen_at=datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC),
        born_on=date(1990, 5, 6),
        tags=["a", "b"],
    )
    assert found["payload"] == (
        '{"type":"profile","attributes":{"email":"ann@shop.example","first_name":"Änn","properties":{'
        '"Born On":"1990-05-06","Flag":true,"Money":12.3,"Ratio":0.1,"Seen At":"2026-01-02T03:04:05+00:00",'
        '"Tags":["a","b"],"Whole":3}},"meta":{"patch_properties":{"unset":["Words \\"quoted\\""]}}}'
    )


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("email", None, "empty"),
        ("email", "  ", "empty"),
        ("email", "ann@shop", "malformed"),
        ("email", "ann@shop.example, bob@shop.example", "malformed"),
        ("email", "a" * 250 + "@x.example", "longer than 254"),
        ("email", "x1y2@marketplace.amazon.de", "relay"),
        ("email", "x1y2@members.marketplace.amazon.co.uk", "relay"),
        ("ratio", math.nan, "column ratio is not a finite number"),
        ("ratio", math.inf, "column ratio is not a finite number"),
        ("ratio", -sys.float_info.max, "column ratio is not a finite number"),
        ("whole", 2**60, "column whole is beyond 2^53"),
        ("seen_at", "infinity", "column seen_at is not between the years"),
        ("born_on", "-infinity", "column born_on is not between the years"),
    ],
)
def test_a_value_without_an_exact_form_is_a_problem(
    database: duckdb.DuckDBPyConnection, column: str, value: Any, says: str
) -> None:
    found = rendered(database, **{"email": "ann@shop.example", column: value})

    assert says in found["problem"]


@pytest.mark.parametrize(
    "type_name",
    [
        *(
            "BLOB",
            "BIT",
            "INTERVAL",
            "TIME",
            "TIME WITH TIME ZONE",
            "UHUGEINT",
            "BIGNUM",
            "VARIANT",
            '"NULL"',
        ),
        *("STRUCT(A INTEGER)", "MAP(VARCHAR, INTEGER)", "UNION(N INTEGER, S VARCHAR)", "STRUCT(A INTEGER)[]"),
        *("DOUBLE[]", "TIMESTAMP[]", "INTEGER[2]", "INTEGER[][]", "BYTES", "GEOGRAPHY", "ARRAY<FLOAT64>"),
        *("ARRAY<STRUCT<a INT64>>", "STRUCT<a INT64>", "RANGE<DATE>"),
    ],
)
def test_case_33_a_type_without_a_form_in_klaviyo_is_known_as_that(type_name: str) -> None:
    assert (Dialect().kind(type_name), BigQueryDialect().kind(type_name)) == (None, None)


def test_a_cleared_field_is_an_explicit_null() -> None:
    payload = '{"type":"profile","attributes":{"email":"ann@shop.example","properties":{"LTV":1}}}'
    attributes = orjson.loads(single_body(payload, "|first_name||location.city|"))["data"]["attributes"]

    assert attributes["first_name"] is None
    assert attributes["location"] == {"city": None}
    assert attributes["properties"] == {"LTV": 1}


def test_events_of_one_person_share_an_entry_and_old_ones_are_marked() -> None:
    rows = [
        ("a@x.example", '{"time":"1"}', True),
        ("a@x.example", '{"time":"2"}', False),
        ("b@x.example", "{}", False),
    ]
    entries = orjson.loads(event_body(rows))["data"]["attributes"]["events-bulk-create"]["data"]

    assert [len(entry["attributes"]["events"]["data"]) for entry in entries] == [2, 1]
    assert [event["attributes"] for event in entries[0]["attributes"]["events"]["data"]] == [
        {"backfill": True, "time": "1"},
        {"time": "2"},
    ]


@settings(deadline=None)
@given(
    lane=st.sampled_from(sorted(LANES)),
    sizes=st.lists(st.integers(0, 100_000) | st.integers(0, 6_000_000), max_size=200),
    copies=st.sampled_from([1, 60]),
)
def test_batches_hold_every_row_once_within_the_limits(lane: str, sizes: list[int], copies: int) -> None:
    sizes = sizes * copies
    positions = np.arange(7, 7 + 2 * len(sizes), 2)  # rows of other lanes stand between them
    pieces = list(slices(lane, positions, np.array(sizes, np.int64)))

    start = 0
    for piece in pieces:
        batch = sizes[start : start + piece.rows]
        assert (piece.first, piece.last) == (positions[start], positions[start + piece.rows - 1])
        assert piece.bytes == sum(batch) + piece.rows * LANES[lane].row_overhead
        assert piece.rows <= LANES[lane].max_rows
        assert piece.bytes <= LANES[lane].max_bytes or piece.rows == 1
        start += piece.rows
    assert start == len(sizes)


@settings(deadline=None)
@given(
    texts=st.lists(TEXT | st.text('€🌻\u2028\x00"', max_size=300), min_size=1, max_size=40),
    local=st.lists(st.integers(1, 64), min_size=40, max_size=40),
    lane=st.sampled_from(["import", "event"]),
)
def test_no_body_is_larger_than_its_batch_was_counted_whatever_the_text(
    texts: list[str], local: list[int], lane: str
) -> None:
    few = replace(LANES[lane], max_bytes=5_000)
    rows = [f'{{"properties":{orjson.dumps({"p": text}).decode()}}}' for text in texts]
    sizes = np.array([len((row + SEPARATOR).encode()) for row in rows], np.int64)
    people = [f"{'a' * size}@{'b' * 180}.example" for size in local]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LANES, lane, few)
        pieces = list(slices(lane, np.arange(len(rows)), sizes))

    for piece in pieces:
        chosen = range(piece.first, piece.last + 1)
        if lane == "import":
            body = import_body([(rows[at] + SEPARATOR).encode() for at in chosen], "list")
        else:
            body = event_body([(people[at], rows[at], True) for at in chosen])
        orjson.loads(body)
        assert len(body) <= piece.bytes + ENVELOPE
        assert len(body) <= few.max_bytes + ENVELOPE or piece.rows == 1
    assert BODY_BYTES + ENVELOPE < 5_000_000


def test_bigquery_statements_are_written_in_its_own_words() -> None:
    types = {
        **dict.fromkeys(TYPES, "STRING"),
        "seen_at": "TIMESTAMP",
        "tags": "ARRAY<STRING>",
        "ratio": "FLOAT64",
    }
    row = row_expressions(SPEC, types, BigQueryDialect())

    written = " ".join(row.pieces.values())
    assert "to_json_string" in written
    assert "array_to_string" in written
    assert "format_timestamp" in written
    assert any("is_nan" in condition for condition, _ in row.problems)

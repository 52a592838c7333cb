"""Values that Klaviyo cannot take or would misread: exact JSON, a rejected row or a named column."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from c360_platform.activation.errors import SyncFailed
from c360_platform.activation.forecast.dry_run import forecast
from c360_platform.assets.activate import activate_assets
from c360_platform.assets.dry_run import overview_markdown, sync_markdown
from c360_platform.plan_report import print_forecasts
from c360_platform.settings import load_settings
from tests.platform.sync.shop import EVENTS, NOW, PROFILES, SEGMENT, Shop, person

PLAIN = replace(PROFILES, fields={}, properties={})


def build(shop: Shop, table: str, columns: Mapping[str, str], *rows: str) -> None:
    """A mart of these columns with rows as SQL writes them."""
    quoted = {name: name.replace('"', '""') for name in columns}
    declared = ", ".join(f'"{quoted[name]}" {kind}' for name, kind in columns.items())
    statements = [f"create or replace table marts.{table} ({declared})"]
    if rows:
        statements.append(f"insert into marts.{table} values {', '.join(f'({row})' for row in rows)}")
    with shop.warehouse.connection() as connection:
        for statement in statements:
            connection.execute(statement)


# Type to what a column of it may hold (as SQL) and what Klaviyo then has.
EXACT: dict[str, list[tuple[str, Any]]] = {
    "utinyint": [("255", 255)],
    "hugeint": [("9007199254740991::hugeint", 2**53 - 1)],
    "decimal(2,2)": [("-0.50", -0.5), ("0.05", 0.05)],
    "decimal(18,4)": [("12.3000", 12.3), ("-7", -7)],
    "real": [("0.5", 0.5)],
    "double": [("-0.0", 0), ("1e307", 1e307), ("0.1", 0.1)],
    "uuid": [("'6f9619ff-8b86-d011-b42d-00c04fc964ff'", "6f9619ff-8b86-d011-b42d-00c04fc964ff")],
    "enum('gold', 'it''s \"x\"')": [("'it''s \"x\"'", 'it\'s "x"')],
    "boolean": [("true", True), ("false", False)],
    "date": [("'9999-12-31'", "9999-12-31"), ("'0001-01-01'", "0001-01-01")],
    "timestamp": [
        ("'9999-12-31 23:59:59'", "9999-12-31T23:59:59+00:00"),
        ("'1969-12-31 23:59:59.5'", "1969-12-31T23:59:59+00:00"),
    ],
    "timestamp_ns": [("'2026-01-02 03:04:05.123456789'", "2026-01-02T03:04:05+00:00")],
    "timestamp_s": [("'2026-01-02 03:04:05'", "2026-01-02T03:04:05+00:00")],
    "timestamptz": [("'2026-01-02 03:04:05+05:30'", "2026-01-01T21:34:05+00:00")],
    "json": [
        ('\'{"a": [1, null, {"b": "NaN, 1e999"}]}\'', {"a": [1, None, {"b": "NaN, 1e999"}]}),
        ("'[1, 2,]'", [1, 2]),
    ],
    "varchar": [
        ("'nan'", "nan"),
        ("chr(8232) || '\\'", "\u2028\\"),
        ("'=1+1'", "=1+1"),
    ],
    "varchar[]": [("['a', null, 'b\"c']", ["a", None, 'b"c'])],
    "bigint[]": [("[1, null]", [1, None])],
    "decimal(5,2)[]": [("[1.50, null]", [1.5, None])],
    "uuid[]": [("['6f9619ff-8b86-d011-b42d-00c04fc964ff']", ["6f9619ff-8b86-d011-b42d-00c04fc964ff"])],
}
# Type to values that have no exact form, and a word of the reason.
INEXACT: dict[str, list[tuple[str, str]]] = {
    "hugeint": [("2::hugeint ** 70", "2^53"), ("-(2::hugeint ** 70)", "2^53")],
    "ubigint": [("18446744073709551615", "2^53")],
    "decimal(38,0)": [("99999999999999999999999999999999999999", "2^53")],
    "double": [("'nan'", "finite"), ("'-inf'", "finite"), ("1.7976931348623157e308", "finite")],
    "real": [("'nan'", "finite"), ("'inf'", "finite")],
    "date": [("'infinity'", "years"), ("'0044-03-15 (BC)'", "years"), ("'12345-01-01'", "years")],
    "timestamp": [("'infinity'", "years"), ("'290000-01-01'", "years")],
    "timestamptz": [("'-infinity'", "years"), ("'10000-01-01 00:00:00+00'", "years")],
    "timestamp_ns": [("'infinity'", "years")],
    "json": [("'{\"a\": NaN}'", "JSON"), ("'-Infinity'", "JSON"), ("'1e999'", "JSON")],
    "bigint[]": [("[1, 9007199254740993]", "2^53")],
    "date[]": [("['2026-01-01', 'infinity']", "years")],
}
FORMLESS = ("blob", "interval", "uhugeint", "struct(a integer)", "double[]", "integer[2]")


def test_case_33_every_value_that_json_can_hold_arrives_exactly(shop: Shop) -> None:
    cells = [(kind, *cell) for kind, values in EXACT.items() for cell in values]
    columns = {f"c{number}": kind for number, (kind, _, _) in enumerate(cells)}
    build(
        shop,
        "klaviyo_profiles",
        {"email": "varchar", **columns},
        f"'full@shop.example', {', '.join(sql for _, sql, _ in cells)}",
        f"'bare@shop.example', {', '.join('null' for _ in cells)}",
    )

    report = shop.run(replace(PLAIN, properties={name: name.upper() for name in columns}))

    assert (report.confirmed, report.rejected) == (2, 0)
    found = shop.klaviyo_profiles()
    assert found["bare@shop.example"]["properties"] == {}
    arrived = found["full@shop.example"]["properties"]
    assert arrived == {f"C{number}": value for number, (_, _, value) in enumerate(cells)}
    assert [type(value) for value in arrived.values() if isinstance(value, bool)] == [bool, bool]


def test_case_33_a_value_without_an_exact_form_rejects_its_row_and_names_its_column(shop: Shop) -> None:
    cells = [(kind, *cell) for kind, values in INEXACT.items() for cell in values]
    columns = {f"c{number}": kind for number, (kind, _, _) in enumerate(cells)}
    rows = []
    for bad in range(len(cells) + 1):  # the last row has none
        values = [sql if number == bad else "null" for number, (_, sql, _) in enumerate(cells)]
        rows.append(f"'person{bad}@shop.example', {', '.join(values)}")
    build(shop, "klaviyo_profiles", {"email": "varchar", **columns}, *rows)

    report = shop.run(replace(PLAIN, properties={name: name.upper() for name in columns}))

    assert (report.confirmed, report.rejected) == (1, len(cells))
    reasons = shop.rejections()
    for number, (kind, sql, word) in enumerate(cells):
        reason = reasons[f"person{number}@shop.example"]
        assert f"column c{number} " in reason, (kind, sql)
        assert word in reason, (kind, sql)


def test_case_33_a_column_that_klaviyo_has_no_form_for_is_named_before_any_call(shop: Shop) -> None:
    for kind in FORMLESS:
        build(shop, "klaviyo_profiles", {"email": "varchar", "odd": kind})
        with pytest.raises(SyncFailed, match=r"column odd of marts\.klaviyo_profiles has type ") as caught:
            shop.run(replace(PLAIN, properties={"odd": "Odd"}))
        assert "cast it in the model" in str(caught.value)
    assert shop.calls() == {}


def test_case_33_a_column_of_a_type_that_its_place_cannot_take_is_named_before_any_call(shop: Shop) -> None:
    for kind in ("varchar[]", "json"):
        build(shop, "klaviyo_profiles", {"email": "varchar", "odd": kind})
        with pytest.raises(SyncFailed, match=r"column odd of marts\.klaviyo_profiles has type "):
            shop.run(replace(PLAIN, fields={"odd": "first_name"}))
    for kind in ("varchar", "boolean"):
        build(shop, "events_shipments", {**_EVENT_COLUMNS, "amount": kind})
        with pytest.raises(SyncFailed, match=r"column amount of marts\.events_shipments has type "):
            shop.run(replace(EVENTS, properties={}, value="amount"))
    assert shop.calls() == {}


def test_case_33_fields_are_checked_like_properties(shop: Shop) -> None:
    columns = {"email": "varchar", "latitude": "double", "since": "timestamp", "shoe_size": "decimal(3,1)"}
    build(
        shop,
        "klaviyo_profiles",
        columns,
        "'nan@shop.example', 'nan', null, null",
        "'ever@shop.example', null, 'infinity', null",
        "'good@shop.example', 51.5, '2026-01-01', 42.5",
    )
    fields = {"latitude": "location.latitude", "since": "title", "shoe_size": "organization"}

    report = shop.run(replace(PLAIN, fields=fields))

    assert (report.confirmed, report.rejected) == (1, 2)
    assert [word for word in ("latitude", "since") if word in " ".join(shop.rejections().values())] == [
        "latitude",
        "since",
    ]
    good = shop.klaviyo_profiles()["good@shop.example"]
    assert (good["title"], good["organization"]) == ("2026-01-01T00:00:00+00:00", "42.5")


_EVENT_COLUMNS = {
    "event_id": "varchar",
    "email": "varchar",
    "event_name": "varchar",
    "event_timestamp": "timestamptz",
}


def test_case_33_ids_and_metrics_may_be_uuids_and_enums(shop: Shop) -> None:
    columns = {**_EVENT_COLUMNS, "event_id": "uuid", "event_name": "enum('Package Shipped', 'Package Lost')"}
    event_id = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    build(shop, "events_shipments", columns, f"'{event_id}', 'ann@shop.example', 'Package Lost', '{NOW}'")

    assert shop.run(replace(EVENTS, properties={})).confirmed == 1
    assert [(event["unique_id"], event["metric"]) for event in shop.recorded_events()] == [
        (event_id, "Package Lost")
    ]


def test_case_29_impossible_times_are_rejected_and_counted_and_zones_become_utc(shop: Shop) -> None:
    year_ahead = NOW + timedelta(days=366)
    times = {
        "zoned": ("'2026-03-29 02:30:00 Europe/Berlin'", None),
        "offset": ("'2026-06-01 12:00:00+02'", "2026-06-01T10:00:00+00:00"),
        "soon": (f"'{NOW + timedelta(days=300)}'", (NOW + timedelta(days=300)).isoformat()),
        "ahead": (f"'{year_ahead}'", "over a year ahead"),
        "ever": ("'infinity'", "over a year ahead"),
        "never": ("'-infinity'", "before 1990"),
        "old": ("'1989-12-31 23:59:59+00'", "before 1990"),
        "none": ("null", "the time of the event is empty"),
    }
    rows = [f"'{name}', 'ann@shop.example', 'Shipped', {sql}" for name, (sql, _) in times.items()]
    build(shop, "events_shipments", _EVENT_COLUMNS, *rows)

    report = shop.run(replace(EVENTS, properties={}))

    assert (report.confirmed, report.rejected) == (3, 5)
    reasons = shop.rejections()
    recorded = {event["unique_id"]: event["occurred_at"] for event in shop.recorded_events()}
    assert set(recorded) == {"zoned", "offset", "soon"}
    for name, (_, said) in times.items():
        if name in reasons:
            assert said is not None
            assert said in reasons[name]
        elif said is not None:
            assert recorded[name] == int(datetime.fromisoformat(said).timestamp())
    # Half past two did not exist on that night: it is half an hour before or after, never another day.
    assert abs(recorded["zoned"] - int(datetime(2026, 3, 29, 1, 0, tzinfo=UTC).timestamp())) <= 1800

    # Without a zone it is UTC, whatever the zone of the machine.
    build(
        shop,
        "events_shipments",
        {**_EVENT_COLUMNS, "event_timestamp": "timestamp_ns"},
        "'naive', 'ann@shop.example', 'Shipped', '2026-10-25'",
    )
    assert shop.run(replace(EVENTS, properties={})).confirmed == 1
    recorded = {event["unique_id"]: event["occurred_at"] for event in shop.recorded_events()}
    assert recorded["naive"] == int(datetime(2026, 10, 25, tzinfo=UTC).timestamp())


# Address as it stands in the model to what Klaviyo gets; None: it must not get through.
ADDRESSES: dict[str, str | None] = {
    " Ann@Shop.Example\t": "ann@shop.example",
    "\u00a0ben@shop.example\u2003": "ben@shop.example",
    "o'neil+tag@shop.example": "o'neil+tag@shop.example",
    "ab@xn--bcher-kva.example": "ab@xn--bcher-kva.example",
    "cia@b\u00fccher.example": None,
    '"dan"@shop.example': None,
    '"da n"@shop.example': None,
    "emo\U0001f600@shop.example": None,
    "e" * 10_000 + "@shop.example": None,
    "   ": None,
    "fay@shop": None,
    "gus@@shop.example": None,
    "hal..x@shop.example": None,
    "ida@shop.example, joe@shop.example": None,
    "zero\u200b@shop.example": None,
    "nul\x00@shop.example": None,
    "<lea@shop.example>": None,
    "x1y2@marketplace.amazon.de": None,
}


def test_case_31_addresses_are_normalised_or_rejected_and_the_others_go_through(shop: Shop) -> None:
    shop.profiles([{"email": email} for email in ADDRESSES] + [{"email": None}])

    report = shop.run(PROFILES)

    good = {address for address in ADDRESSES.values() if address}
    assert set(shop.klaviyo_profiles()) == good
    assert (report.confirmed, report.rejected) == (len(good), len(ADDRESSES) + 1 - len(good))
    assert shop.calls()["POST /api/profile-bulk-import-jobs"] <= 2
    reasons = shop.rejections()
    assert reasons[""] == "the e-mail address is empty"
    assert reasons["x1y2@marketplace.amazon.de"] == (
        "a marketplace's relay address must not leave the warehouse"
    )
    assert len(reasons) == report.rejected - 1  # two rows have no address at all


def test_case_31_letters_whose_lower_case_is_another_persons_address_are_rejected(shop: Shop) -> None:
    # Engines lower the Kelvin sign to a plain k, and DuckDB an I with a dot to a plain i.
    shop.profiles([{"email": "\u0130da@shop.example"}, {"email": "\u212aim@shop.example"}])

    assert shop.run(PROFILES).rejected == 2
    assert shop.klaviyo_profiles() == {}


def test_case_31_rows_that_become_one_by_normalisation_are_told_from_repeated_ones(shop: Shop) -> None:
    shop.profiles(
        [
            person(1),
            person(2, email="Ann@shop.example"),
            person(3, email="ann@shop.example "),
            person(4, email="bob@shop.example"),
            person(5, email="bob@shop.example"),
        ]
    )

    report = shop.run(PROFILES)

    assert (report.confirmed, report.rejected) == (1, 4)
    assert set(shop.klaviyo_profiles()) == {"person1@shop.example"}
    reasons = shop.rejections()
    assert set(reasons) == {"ann@shop.example", "bob@shop.example"}
    assert "stands in another row too, written differently" in reasons["ann@shop.example"]
    assert "stands in more than one row" in reasons["bob@shop.example"]


def test_case_31_two_people_with_one_external_id_do_not_become_one(shop: Shop) -> None:
    build(
        shop,
        "klaviyo_profiles",
        {"email": "varchar", "crm_id": "varchar"},
        "'ann@shop.example', 'same'",
        "'bob@shop.example', 'same'",
        "'cid@shop.example', 'other'",
    )

    report = shop.run(replace(PLAIN, fields={"crm_id": "external_id"}))

    assert (report.confirmed, report.rejected) == (1, 2)
    assert set(shop.klaviyo_profiles()) == {"cid@shop.example"}
    assert all("crm_id" in reason for reason in shop.rejections().values())


def test_case_32_a_phone_that_is_not_e164_is_dropped_or_its_row_rejected_as_the_sync_says(shop: Shop) -> None:
    phones = ["0170 1234567", "+49 170 1234567", "+1234", "+0123456789", "tel:+4917012345678", ""]
    people = [person(number, phone=phone) for number, phone in enumerate(phones)]
    shop.profiles([*people, person(9, phone=" +4917012345678 ")])

    assert shop.run(PROFILES).confirmed == 7

    found = shop.klaviyo_profiles()
    assert found["person9@shop.example"]["phone_number"] == "+4917012345678"
    assert {found[f"person{number}@shop.example"]["phone_number"] for number in range(6)} == {None}

    strict = shop.run(replace(PROFILES, name="strict", bad_phone="reject"))

    assert (strict.confirmed, strict.rejected) == (2, 5)  # an empty one is none
    reasons = shop.rejections()
    assert set(reasons) == {f"person{number}@shop.example" for number in range(5)}
    assert all(
        "column phone" in reason and "1234" not in reason.replace("+4917012345678", "")
        for reason in reasons.values()
    )


HOSTILE = (
    "'; drop table c360_sync.state; --",
    '"}}]},"data":null',
    "{{ 7 * 7 }}{% raw %}",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "[link](javascript:alert(1)) `x` | y",
    "back\\slash\\u0000 \\n",
    "%s %(name)s {0} ${HOME} $1",
)


def test_case_39_hostile_text_is_data_in_every_place_that_text_can_stand_in(shop: Shop) -> None:
    columns = {'na"me; --': "varchar", "b": "varchar"}
    properties = {'na"me; --': HOSTILE[0], "b": HOSTILE[1] + HOSTILE[4]}
    build(shop, "klaviyo_profiles", {"email": "varchar", **columns})
    with shop.warehouse.connection() as connection:
        for number, text in enumerate(HOSTILE):
            connection.execute(
                "insert into marts.klaviyo_profiles values (?, ?, ?)",
                [f"person{number}@shop.example", text, text],
            )
    people = replace(PLAIN, properties=properties, fields={"b": "first_name"})
    shop.segment([f"person{number}@shop.example" for number in range(2)])
    members = replace(SEGMENT, list_name=HOSTILE[0] + HOSTILE[5])
    rows = [(f"{text} id", "ann@shop.example", text, NOW, text) for text in HOSTILE]
    shop.events([dict(zip((*_EVENT_COLUMNS, "carrier"), row, strict=True)) for row in rows])

    assert shop.run(people).confirmed == len(HOSTILE)
    assert shop.run(members).by_operation == {"add": 2}
    assert shop.run(EVENTS).confirmed == len(HOSTILE)

    found = shop.klaviyo_profiles()
    for number, text in enumerate(HOSTILE):
        profile = found[f"person{number}@shop.example"]
        assert profile["first_name"] == text
        assert profile["properties"] == dict.fromkeys(properties.values(), text)
    assert len(shop.members(shop.list_id(members.list_name))) == 2
    assert {(event["unique_id"], event["metric"]) for event in shop.recorded_events()} == {
        (f"{text} id", text) for text in HOSTILE
    }
    shop.calls()
    assert [shop.run(spec).planned for spec in (people, members, EVENTS)] == [0, 0, 0]
    assert shop.calls() == {}


def test_case_35_a_column_that_left_the_model_is_named_and_nothing_is_taken_away(shop: Shop) -> None:
    with pytest.raises(SyncFailed, match=r"there is no table marts\.klaviyo_profiles"):
        shop.run(PROFILES)
    shop.profiles([person(1, note="kept")])
    shop.run(PROFILES)
    shop.calls()
    shop.warehouse.execute("alter table marts.klaviyo_profiles drop column note")

    with pytest.raises(SyncFailed, match=r"column note of marts.klaviyo_profiles is not in the table"):
        shop.run(PROFILES)

    assert shop.calls() == {}
    assert shop.klaviyo_profiles()["person1@shop.example"]["properties"]["Note"] == "kept"


def test_case_35_a_column_that_nobody_mapped_changes_nothing(shop: Shop) -> None:
    shop.profiles([person(1)])
    shop.run(PROFILES)
    shop.warehouse.execute("alter table marts.klaviyo_profiles add column loyalty varchar default 'gold'")
    shop.calls()

    assert (shop.run(PROFILES).planned, shop.calls()) == (0, {})


def test_case_35_a_column_of_another_type_is_named_as_drift(shop: Shop) -> None:
    """A number that becomes text breaks every segment that compares it, and Klaviyo says nothing."""
    shop.profiles([person(1, total_orders=7)])
    shop.run(PROFILES)
    shop.warehouse.execute("alter table marts.klaviyo_profiles alter total_orders type varchar")
    shop.progress.clear()

    shop.run(PROFILES)

    [line] = [line for line in shop.progress if "total_orders" in line]
    assert "Total Orders" in line
    assert "integer" in line
    assert "text" in line


MARKED_UP = f"{HOSTILE[4]} {HOSTILE[5]} [red]**x**[/red] <img src=x>"


def test_case_39_reports_show_hostile_text_and_obey_none_of_it(shop: Shop) -> None:
    build(shop, "seg_vip", {"email": "varchar", "note": "varchar"})
    with shop.warehouse.connection() as connection:
        connection.execute("insert into marts.seg_vip values ('ann@shop.example', ?)", [MARKED_UP])
    members = replace(SEGMENT, list_name=MARKED_UP, properties={"note": MARKED_UP})
    shop.events(
        [
            {
                "event_id": MARKED_UP,
                "email": "bob@shop.example",
                "event_name": MARKED_UP,
                "event_timestamp": NOW,
            }
        ]
    )
    found = [forecast(spec, shop.warehouse, now=NOW, people=5, unmask=True) for spec in (members, EVENTS)]

    console = Console(file=io.StringIO(), width=400, color_system=None)
    print_forecasts(console, found, detailed=True)
    output = console.file
    assert isinstance(output, io.StringIO)
    assert output.getvalue().count(MARKED_UP) >= 2

    for report in (overview_markdown(found), *map(sync_markdown, found)):
        assert_shown_and_not_obeyed(report)


def test_case_39_an_assets_description_shows_a_lists_name_and_obeys_none_of_it(tmp_path: Path) -> None:
    members = replace(SEGMENT, list_name=MARKED_UP)
    pushes = activate_assets(
        load_settings({}, home=tmp_path),
        {"nodes": {members.unique_id: {"config": {}, "name": "seg_vip", "description": ""}}},
        [members],
    )
    [description] = pushes[0].descriptions_by_key.values()
    assert_shown_and_not_obeyed(str(description))


def assert_shown_and_not_obeyed(report: str) -> None:
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(report)
    assert "alert(1)" in page
    for obeyed in ("<script", "<img", "<a ", "<code>x", "<strong>x"):
        assert obeyed not in page

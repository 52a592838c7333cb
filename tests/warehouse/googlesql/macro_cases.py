"""What each macro of the engine layer must give, on both engines.

Belongs here: inputs and the expected value, chosen where the engines' own functions differ. Does not belong
here: running them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.warehouse.googlesql.both_engines import INPUT

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """One use of a macro: for each row of inputs the value it must give.

    `sql` is a whole query of `n` and `value` for macros that are no expression over one row.
    """

    macro: str
    call: str
    types: Mapping[str, str] = field(default_factory=dict)
    rows: Rows = ()  # inputs, and last the expected value
    sql: str = f"select n, {{{{ CALL }}}} as value from {INPUT}"

    @property
    def query(self) -> str:
        return self.sql.replace("CALL", self.call)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def day(text: str) -> date:
    return date.fromisoformat(text)


D = Decimal
GROUPED = f"select g as n, {{{{ CALL }}}} as value from {INPUT} group by g"
ARRAYS = f"(select g as n, {{{{ x_values('x') }}}} as arr from {INPUT} group by g)"
PERCENTILES = f"select n, {{{{ CALL }}}} as value from {ARRAYS}"
NUMBERED = "concat(cast(n as {{ type_text() }}), x)"
UNNESTED = f"select n, {NUMBERED} as value from {INPUT} cross join {{{{ CALL }}}}"


def by_part(call: str, types: Mapping[str, str], parts: Mapping[str, Rows]) -> list[Case]:
    """One case of a macro of dates for each part of a date."""
    macro = call.partition("(")[0]
    return [Case(macro, call.replace("PART", f"'{part}'"), types, rows) for part, rows in parts.items()]


# Where the inputs have a column g, the rows of one g are a group and the last of them has its value.
_CASES: tuple[Case, ...] = (
    # --- aggregates.sql; the last column is the value of the group, None on rows that do not tell it
    Case(
        "x_max_by",
        "x_max_by('v', 'k')",
        {"g": "int64", "v": "string", "k": "int64"},
        [
            (0, "a", 1, None),
            (0, "b", 3, None),
            (0, "c", 2, "b"),
            (1, "a", 1, None),
            (1, None, 2, None),  # the greatest row's value is null
            (2, "a", -1, None),
            (2, "b", None, "a"),  # a row without key is never the greatest
            (3, None, None, None),
        ],
        GROUPED,
    ),
    Case(
        "x_min_by",
        "x_min_by('v', 'k')",
        {"g": "int64", "v": "string", "k": "int64"},
        [
            (0, "a", 1, None),
            (0, "b", 3, "a"),
            (1, None, 1, None),
            (1, "a", 2, None),
            (2, "a", -1, None),
            (2, "b", None, "a"),
            (3, None, None, None),
        ],
        GROUPED,
    ),
    Case(
        "x_count_if",
        "x_count_if('v > 1')",
        {"g": "int64", "v": "int64"},
        [(0, 1, None), (0, 2, None), (0, None, None), (0, 3, 2), (1, None, 0), (2, 1, 0)],
        GROUPED,
    ),
    Case(
        "x_any",
        "x_any('v > 1')",
        {"g": "int64", "v": "int64"},
        [(0, 1, None), (0, 2, True), (1, 1, None), (1, None, False), (2, None, None)],
        GROUPED,
    ),
    Case(
        "x_values",
        "x_pct('arr', 0.5)",
        {"g": "int64", "x": "numeric"},
        [(0, D("1.5"), None), (0, None, None), (0, D("2"), 1.75), (1, None, None), (2, D("-1"), -1.0)],
        PERCENTILES,
    ),
    Case(
        "x_pct",
        "x_pct('arr', 0.9)",
        {"g": "int64", "x": "int64"},
        [(0, 10, None), (0, 20, None), (0, 30, 28.0), (1, 7, None), (1, 7, 7.0), (2, None, None)],
        PERCENTILES,
    ),
    # --- dates.sql
    Case("x_ts", "x_ts('2026-06-30 23:59:59.999999+02:00')", {}, [(utc("2026-06-30 21:59:59.999999"),)]),
    Case(
        "local_date",
        "local_date('v')",
        {"v": "timestamp"},
        [
            (utc("2026-03-28 22:59:59"), day("2026-03-28")),
            (utc("2026-03-28 23:00"), day("2026-03-29")),
            (utc("2026-03-29 21:59:59"), day("2026-03-29")),
            (utc("2026-03-29 22:00"), day("2026-03-30")),
            (utc("2026-10-25 22:59:59"), day("2026-10-25")),
            (utc("2026-10-25 23:00"), day("2026-10-26")),
            (utc("1969-12-31 23:30"), day("1970-01-01")),
            (None, None),
        ],
    ),
    Case(
        "local_date",
        "local_date('v', 'UTC')",
        {"v": "timestamp"},
        [(utc("2026-03-28 23:59"), day("2026-03-28"))],
    ),
    Case(
        "local_to_utc",
        "local_to_utc('v')",
        {"v": "datetime"},
        [
            (wall("2026-01-15 12:00"), utc("2026-01-15 11:00")),
            (wall("2026-07-15 12:00"), utc("2026-07-15 10:00")),
            (wall("2026-03-29 01:59:59"), utc("2026-03-29 00:59:59")),
            (wall("2026-03-29 02:30"), utc("2026-03-29 01:30")),  # an hour that is left out in spring
            (wall("2026-03-29 03:00"), utc("2026-03-29 01:00")),
            (wall("2026-10-25 02:30"), utc("2026-10-25 00:30")),  # an hour that comes twice in autumn
            (wall("2026-10-25 03:00:00.000001"), utc("2026-10-25 02:00:00.000001")),
            (None, None),
        ],
    ),
    Case(
        "parse_wall_clock",
        "parse_wall_clock('v', '%m/%d/%Y %I:%M:%S %p')",
        {"v": "string"},
        [
            ("01/31/2026 12:05:09 AM", wall("2026-01-31 00:05:09")),
            ("2/9/2026 1:05:09 PM", wall("2026-02-09 13:05:09")),
            ("02/29/2024 12:00:00 pm", wall("2024-02-29 12:00:00")),
            ("02/29/2026 12:00:00 PM", None),
            ("31.01.2026", None),
            ("01/31/2026", None),
            ("", None),
            (None, None),
            ("01/31/2026 13:05:09 PM", None),
            ("01/31/2026 12:05:09 PM x", None),
        ],
    ),
    Case(
        "iso_wall_clock",
        "iso_wall_clock('v')",
        {"v": "string"},
        [
            ("2026-01-31T10:20:30", wall("2026-01-31 10:20:30")),
            ("2026-01-31 10:20", wall("2026-01-31 10:20")),
            ("2026-01-31", wall("2026-01-31 00:00")),
            ("2026-1-5 1:02:03", wall("2026-01-05 01:02:03")),
            ("2026-01-31T10:20:30.123456", wall("2026-01-31 10:20:30.123456")),
            ("2026-01-31T10:20:30.1234567", wall("2026-01-31 10:20:30.123456")),
            ("2026-01-31T10:20:30.5", wall("2026-01-31 10:20:30.5")),
            ("2026-02-30T10:00:00", None),
            ("2026-01-31T25:00:00", None),
            ("2026-01-31T24:00", None),
            ("2026-01-31 24:00:00", None),
            ("10:20", None),
            ("soon", None),
            ("infinity", None),
            ("-infinity", None),
            ("epoch", None),
            ("", None),
            (None, None),
        ],
    ),
    Case(
        "iso_instant",
        "iso_instant('v')",
        {"v": "string"},
        [
            ("2026-01-31T10:20:30Z", utc("2026-01-31 10:20:30")),
            ("2026-01-31T10:20:30+02:00", utc("2026-01-31 08:20:30")),
            ("2026-01-31T10:20:30.123-05:30", utc("2026-01-31 15:50:30.123")),
            ("2026-01-31 10:20:30 UTC", utc("2026-01-31 10:20:30")),
            ("2026-01-31T10:20Z", utc("2026-01-31 10:20")),
            ("2026-01-31T10:20+01:00", utc("2026-01-31 09:20")),
            ("2026-01-31 10:20:30+01", utc("2026-01-31 09:20:30")),
            ("2026-01-31T10:20:30.1234567Z", utc("2026-01-31 10:20:30.123456")),
            ("2026-01-31T10:20:30.123456789+00:00", utc("2026-01-31 10:20:30.123456")),
            ("2026-01-31T10:20:30", utc("2026-01-31 10:20:30")),
            ("2026-01-31", utc("2026-01-31")),
            ("2026-10-25T02:30:00+01:00", utc("2026-10-25 01:30")),
            ("2026-02-30T10:00:00Z", None),
            ("2026-01-31T24:00:00Z", None),
            ("2026-01-31 10:24:00Z", utc("2026-01-31 10:24")),
            ("2026-01-31T10:20:30 o'clock", None),
            ("soon", None),
            ("epoch", None),
            ("-infinity", None),
            ("", None),
            (None, None),
        ],
    ),
    Case(
        "x_ts_trunc",
        "x_ts_trunc('day', 'v', 'Europe/Berlin')",
        {"v": "timestamp"},
        [
            (utc("2026-03-29 12:00"), utc("2026-03-28 23:00")),
            (utc("2026-03-30 12:00"), utc("2026-03-29 22:00")),
            (utc("2026-10-25 22:59"), utc("2026-10-24 22:00")),
            (utc("2026-10-25 23:00"), utc("2026-10-25 23:00")),
            (None, None),
        ],
    ),
    Case(
        "x_ts_trunc",
        "x_ts_trunc('isoweek', 'v', 'Europe/Berlin')",
        {"v": "timestamp"},
        [
            (utc("2027-01-03 12:00"), utc("2026-12-27 23:00")),
            (utc("2026-03-29 22:00"), utc("2026-03-29 22:00")),
            (utc("2026-03-29 21:59"), utc("2026-03-22 23:00")),
        ],
    ),
    Case(
        "x_ts_trunc",
        "x_ts_trunc('month', 'v')",
        {"v": "timestamp"},
        [
            (utc("2026-02-28 23:30"), utc("2026-02-01 00:00")),
            (utc("1969-12-31 23:59"), utc("1969-12-01 00:00")),
        ],
    ),
    *by_part(
        "x_date_trunc(PART, 'v')",
        {"v": "date"},
        {
            "month": [(day("2024-02-29"), day("2024-02-01")), (None, None)],
            "quarter": [(day("2026-12-31"), day("2026-10-01")), (day("2026-03-31"), day("2026-01-01"))],
            "isoweek": [
                (day("2027-01-01"), day("2026-12-28")),
                (day("2026-12-28"), day("2026-12-28")),
                (day("2024-12-31"), day("2024-12-30")),
                (day("2026-11-22"), day("2026-11-16")),
            ],
            "year": [(day("2026-12-31"), day("2026-01-01"))],
        },
    ),
    Case(
        "x_date_add",
        "x_date_add('v', 'i')",
        {"v": "date", "i": "int64"},
        [
            (day("2024-02-28"), 1, day("2024-02-29")),
            (day("2024-02-28"), 2, day("2024-03-01")),
            (day("2026-01-01"), -1, day("2025-12-31")),
            (day("2026-01-01"), None, None),
            (None, 1, None),
        ],
    ),
    Case(
        "x_date_add",
        "x_date_add('v', 'i', 'month')",
        {"v": "date", "i": "int64"},
        [
            (day("2024-01-31"), 1, day("2024-02-29")),
            (day("2024-02-29"), 12, day("2025-02-28")),
            (day("2026-03-31"), -1, day("2026-02-28")),
        ],
    ),
    Case(
        "x_ts_add",
        "x_ts_add('v', 'i')",
        {"v": "timestamp", "i": "int64"},
        [
            (utc("2026-03-28 12:00"), 24, utc("2026-03-29 12:00")),
            (utc("2026-01-01 00:00"), -1, utc("2025-12-31 23:00")),
            (utc("2026-01-01 00:00"), None, None),
            (None, 1, None),
        ],
    ),
    Case(
        "x_ts_add",
        "x_ts_add('v', '-2', 'day')",
        {"v": "timestamp"},
        [
            (utc("2026-10-26 00:30"), utc("2026-10-24 00:30")),
            (utc("2024-03-01 00:00"), utc("2024-02-28 00:00")),
        ],
    ),
    *by_part(
        "x_date_diff(PART, 'a', 'b')",
        {"a": "date", "b": "date"},
        {
            "day": [
                (day("2024-02-28"), day("2024-03-01"), 2),
                (day("2026-01-02"), day("2026-01-01"), -1),
                (None, day("2026-01-01"), None),
            ],
            "isoweek": [
                (day("2026-11-22"), day("2026-11-23"), 1),
                (day("2026-11-16"), day("2026-11-22"), 0),
                (day("2026-11-23"), day("2026-11-22"), -1),
                (day("2024-12-29"), day("2025-01-01"), 1),
                (day("2026-01-01"), None, None),
            ],
            "month": [(day("2026-01-31"), day("2026-02-01"), 1), (day("2026-02-01"), day("2025-12-31"), -2)],
            "year": [(day("2025-12-31"), day("2026-01-01"), 1), (day("2026-01-01"), day("2026-12-31"), 0)],
        },
    ),
    *by_part(
        "x_elapsed(PART, 'a', 'b')",
        {"a": "timestamp", "b": "timestamp"},
        {
            "second": [
                (utc("2026-01-01 00:00:00.6"), utc("2026-01-01 00:00:01.5"), 0),
                (utc("1969-12-31 23:59:58"), utc("1970-01-01 00:00:01"), 3),
            ],
            "minute": [(utc("2026-01-01 00:00:30"), utc("2026-01-01 00:02:00"), 1)],
            "hour": [
                (utc("2026-01-01 00:00"), utc("2026-01-01 23:59:59.999999"), 23),
                (utc("2026-01-01 10:30"), utc("2026-01-01 09:00"), -1),
                (utc("2026-03-29 00:30"), utc("2026-03-29 01:30"), 1),
                (None, utc("2026-01-01 00:00"), None),
            ],
            "day": [
                (utc("2026-10-24 12:00"), utc("2026-10-25 11:59"), 0),
                (utc("2026-10-24 12:00"), utc("2026-10-22 12:00"), -2),
            ],
        },
    ),
    Case(
        "x_isodow",
        "x_isodow('v')",
        {"v": "date"},
        [
            (day("2026-11-16"), 1),
            (day("2026-11-22"), 7),
            (day("2024-02-29"), 4),
            (day("1969-12-31"), 3),
            (None, None),
        ],
    ),
    Case(
        "x_fmt_date",
        "x_fmt_date('v', '%d.%m.%Y, %j')",
        {"v": "date"},
        [(day("2024-02-29"), "29.02.2024, 060"), (day("0001-01-01"), "01.01.0001, 001"), (None, None)],
    ),
    Case(
        "x_from_epoch_text",
        "x_from_epoch_text('v')",
        {"v": "string"},
        [
            ("0", utc("1970-01-01")),
            ("1767225600.1234", utc("2026-01-01 00:00:00.123")),
            ("1767225600", utc("2026-01-01")),
            ("first_load", None),
            (None, None),
        ],
    ),
    Case(
        "x_from_epoch_ms",
        "x_from_epoch_ms('v')",
        {"v": "int64"},
        [
            (0, utc("1970-01-01")),
            (-1, utc("1969-12-31 23:59:59.999")),
            (1767225600123, utc("2026-01-01 00:00:00.123")),
            (None, None),
        ],
    ),
    Case(
        "x_from_epoch_us",
        "x_from_epoch_us('v')",
        {"v": "int64"},
        [
            (0, utc("1970-01-01")),
            (-1, utc("1969-12-31 23:59:59.999999")),
            (1767225600123456, utc("2026-01-01 00:00:00.123456")),
            (None, None),
        ],
    ),
    Case(
        "epoch_text",
        "epoch_text('v')",
        {"v": "timestamp"},
        [
            (utc("1970-01-01"), "0"),
            (utc("1969-12-31 23:59:59.999999"), "-1"),
            (utc("2026-01-01 00:00:00.5"), "1767225600500000"),
            (None, None),
        ],
    ),
    # --- json.sql
    Case(
        "x_json",
        "x_json('v', '$.a')",
        {"v": "string"},
        [
            ('{"a": "x"}', "x"),
            ('{"a": ""}', ""),
            ('{"a": 1.5}', "1.5"),
            ('{"a": 12345678901234567}', "12345678901234567"),
            ('{"a": true}', "true"),
            ('{"a": null}', None),
            ('{"b": 1}', None),
            ('{"a": {"b": 1}}', None),
            ('{"a": [1]}', None),
            (r'{"a": "\u00fc \"q\" \\ \n"}', 'ü "q" \\ \n'),
            ('  {"a" : "x"} ', "x"),
            ('{"a": -0.25}', "-0.25"),
            ('{"a": 100}', "100"),
            ('{"a": "x"', None),
            ('{"a": "x"} y', None),
            ('{"a": 1.50}', "1.5"),
            (r'{"a": "\ud83d\ude00"}', "😀"),
            ("not json", None),
            ("[]", None),
            ('"a"', None),
            ("", None),
            (None, None),
            ('{"A": "x"}', None),
            ('{"a": "null"}', "null"),
        ],
    ),
    Case(
        "x_json",
        """x_json('v', '$."$b".c[0]')""",
        {"v": "string"},
        [
            ('{"$b": {"c": ["x", "y"]}}', "x"),
            ('{"$b": {"c": []}}', None),
            ('{"$b": 1}', None),
            ('{"$b": {"c": [{"d": 1}]}}', None),
        ],
    ),
    Case(
        "x_json_length",
        "x_json_length('v')",
        {"v": "string"},
        [
            ("[]", 0),
            ("[1, null, [2]]", 3),
            ("{}", 0),
            ('{"a": [1]}', 0),
            ("1", 0),
            ("[1,", 0),
            ("not json", 0),
            ("", 0),
            (None, 0),
        ],
    ),
    Case(
        "ga4_param",
        "ga4_param('v', 'page', 'string_value')",
        {"v": "string"},
        [
            (
                '[{"key": "x", "value": {}}, {"key": "page", "value": {"string_value": "/a"}}]',
                "/a",
            ),
            ('[{"key": "page", "value": {"string_value": null, "int_value": 3}}]', None),
            ('[{"key": "page"}]', None),
            ('[{"key": "page", "value": {"string_value": "ü\\"\\\\"}}]', 'ü"\\'),
            ("[]", None),
            ("not json", None),
            ("{}", None),
            ("", None),
            (None, None),
        ],
    ),
    Case(
        "ga4_param",
        "ga4_param('v', 'id', 'int_value')",
        {"v": "string"},
        [
            ('[{"key": "id", "value": {"int_value": 1767225600123}}]', "1767225600123"),
            ('[{"key": "id", "value": {"int_value": "7"}}]', "7"),
            ('[{"key": "id", "value": {"string_value": "7"}}]', None),
        ],
    ),
    # --- numbers.sql
    Case(
        "to_money",
        "to_money('v')",
        {"v": "numeric"},
        [
            (D("2.345"), D("2.35")),
            (D("-2.345"), D("-2.35")),
            (D("0.005"), D("0.01")),
            (D("-0.005"), D("-0.01")),
            (D("0.004999999"), D("0")),
            (D("1234567890123.455"), D("1234567890123.46")),
            (None, None),
        ],
    ),
    Case(
        "to_money",
        "to_money('v')",
        {"v": "float64"},
        [
            (2.675, D("2.68")),
            (1.005, D("1.01")),
            (-1.005, D("-1.01")),
            (0.1 + 0.2, D("0.3")),
            (1e-12, D("0")),
            (-0.0, D("0")),
            (123456789.125, D("123456789.13")),
        ],
    ),
    Case("to_money", "to_money('v')", {"v": "int64"}, [(7, D("7")), (-7, D("-7"))]),
    Case(
        "cents",
        "cents('v')",
        {"v": "int64"},
        [(1234, D("12.34")), (-5, D("-0.05")), (0, D("0")), (None, None)],
    ),
    Case("cents", "cents('v')", {"v": "money"}, [(D("1234.00"), D("12.34")), (None, None)]),
    Case(
        "minor_units",
        "minor_units('v', 'c')",
        {"v": "int64", "c": "string"},
        [(1234, "EUR", D("12.34")), (1234, "jpy", D("1234")), (1234, None, D("12.34")), (None, "EUR", None)],
    ),
    Case(
        "money",
        "money('v')",
        {"v": "string"},
        [
            ("2,329.86", D("2329.86")),
            ("2.329,86", D("2329.86")),
            ("12", D("12")),
            (" 12.5 ", D("12.5")),
            ("-0.005", D("-0.01")),
            ("0.005", D("0.01")),
            ("2.345", D("2.35")),
            ("-12,5", D("-12.5")),
            ("1,234", D("1234")),
            (".5", D("0.5")),
            ("5.", D("5")),
            ("+5", D("5")),
            ("\t12.5\n", D("12.5")),
            ("284.36a", None),
            ("39.38.0", None),
            ("€5", None),
            ("5 EUR", None),
            ("", None),
            ("-", None),
            ("1_000", None),
            ("nan", None),
            ("inf", None),
            (None, None),
            ("1 000", None),
            ("0x1F", None),
            ("1e2", D("100")),
        ],
    ),
    Case(
        "text_to_money",
        "money('v')",
        {"v": "string"},
        [("99999999999999.99", D("99999999999999.99")), ("--5", None), ("5-", None), ("1,2,3", None)],
    ),
    Case(
        "x_safe_divide",
        "x_safe_divide('a', 'b')",
        {"a": "money", "b": "int64"},
        [
            (D("1.00"), 4, 0.25),
            (D("1.00"), 0, None),
            (D("0"), 0, None),
            (D("-1"), 3, -1 / 3),
            (None, 1, None),
            (D("1"), None, None),
        ],
    ),
    Case(
        "x_safe_divide",
        "x_safe_divide('a', 'b')",
        {"a": "int64", "b": "float64"},
        [(1, 0.0, None), (1, -0.0, None), (3, 2.0, 1.5)],
    ),
    Case(
        "x_to_int",
        "x_to_int('v')",
        {"v": "float64"},
        [
            (2.5, 3),
            (-2.5, -3),
            (0.5, 1),
            (-0.5, -1),
            (3.5, 4),
            (0.49999999999999994, 0),
            (-0.0, 0),
            (1e15, 10**15),
            (None, None),
        ],
    ),
    Case(
        "x_to_int",
        "x_to_int('v')",
        {"v": "numeric"},
        [(D("2.5"), 3), (D("-2.5"), -3), (D("2.499999999"), 2), (None, None)],
    ),
    Case(
        "x_parse_int",
        "x_parse_int('v')",
        {"v": "string"},
        [
            ("12", 12),
            ("-12", -12),
            ("+5", 5),
            (" 12 ", 12),
            ("007", 7),
            ("9223372036854775807", 2**63 - 1),
            ("9223372036854775808", None),
            ("1.5", None),
            ("1e3", None),
            ("0x10", None),
            ("1_000", None),
            ("1,000", None),
            ("twelve", None),
            ("12a", None),
            ("", None),
            ("-", None),
            (None, None),
        ],
    ),
    # --- text.sql
    Case(
        "x_nfc",
        "x_nfc('v')",
        {"v": "string"},
        [("u\u0308n", "\u00fcn"), ("\u00fc", "\u00fc"), ("\u2126", "\u03a9"), ("", ""), (None, None)],
    ),
    Case(
        "x_letters",
        "x_letters('v')",
        {"v": "string"},
        [
            ("von der heide-s\u00fc\u00df", "vonderheidesu\u00df"),
            ("zoe\u0301", "zoe"),
            ("\u03c3\u03bf\u03c6\u03af\u03b1 2.", "\u03c3\u03bf\u03c6\u03b9\u03b1"),
            ("i\u0307\u0142", "i\u0142"),
            ("\uae40\ubbfc\uc900 2", "\uae40\ubbfc\uc900"),
            ("\U0001f600 *", ""),
            ("", ""),
            (None, None),
        ],
    ),
    Case(
        "x_regex_replace",
        "x_regex_replace('v', '([0-9]) ([0-9])|[.]', '\\\\1-\\\\2')",
        {"v": "string"},
        [("a 1 2 b. 3 4", "a 1-2 b- 3-4"), ("ü", "ü"), ("", ""), (None, None)],
    ),
    Case(
        "x_words",
        "x_words('v')",
        {"v": "string"},
        [
            (" Str. d\u00e9s Zo\u00eb-W. 5/a ", "Str des Zoe W 5 a"),
            ("i\u0307\u0142 \U0001f600 *", "i\u0142"),
            ("\uc11c\uc6b8\ub85c 2", "\uc11c\uc6b8\ub85c 2"),
            ("\u03c3\u03bf\u03c6\u03af\u03b1 \u0662 2", "\u03c3\u03bf\u03c6\u03b9\u03b1 2"),
            ("\U0001f600", ""),
            ("", ""),
            (None, None),
        ],
    ),
    Case(
        "x_words",
        "street_match_key(street_words('v'))",
        {"v": "string"},
        [
            ("Hauptstra\u00dfe 5", "hauptstr5"),
            ("HAUPTSTRASSE 5", "hauptstr5"),
            ("Haupt-Str. 5", "hauptstr5"),
            ("hauptstr.5", "hauptstr5"),
            ("Hauptstr. Nr. 5 A", "hauptstr5a"),
            ("M\u00fchlenpl. 3", "muehlenpl3"),
            ("Mu\u0308hlenplatz 3", "muehlenpl3"),
            ("Stra\u00dfe des 17. Juni 135", "strdes17juni135"),
            ("St.-Anna-Platz 1", "stannapl1"),
            ("Sankt Anna Pl 1", "stannapl1"),
            ("12 Main Street", "12mainst"),
            ("12, Main St.", "12mainst"),
            ("Weg 12/3", "weg12-3"),
            ("Weg 12 - 3", "weg12-3"),
            ("Weg 123", "weg123"),
            ("c/o Roth, Weg 1", None),
            ("Weg 1 C / O Roth", None),
            ("***", None),
            ("", None),
            (None, None),
        ],
    ),
    Case(
        "x_regex_replace",
        "postal_code_match_key('v')",
        {"v": "string"},
        [
            ("01067", "1067"),
            ("1067", "1067"),
            ("D-01067", "1067"),
            ("CH - 8001", "8001"),
            ("1011 AB", "1011ab"),
            ("SW1A 1AA", "sw1a1aa"),
            ("-", None),
            ("000", None),
            ("", None),
            (None, None),
        ],
    ),
    Case(
        "x_split_part",
        "x_split_part('v', '-', 2)",
        {"v": "string"},
        [
            ("a-b-c", "b"),
            ("a-b", "b"),
            ("a", None),
            ("a-", None),
            ("--b", None),
            ("-ü-", "ü"),
            ("", None),
            (None, None),
        ],
    ),
    Case(
        "x_trim",
        "x_trim('v')",
        {"v": "string"},
        [
            (" a b ", "a b"),
            ("\t\r\na\x0b\x0c", "a"),
            ("\u00a0\u2003a\u3000\u202f", "a"),
            ("\u2028a\u2029\x85", "a"),
            ("\u200ba", "\u200ba"),
            (" \n", ""),
            ("", ""),
            (None, None),
        ],
    ),
    Case(
        "x_split_part",
        "x_split_part('v', ' : ', 1)",
        {"v": "string"},
        [("a : b", "a"), ("a:b", "a:b"), (" : b", None)],
    ),
    Case(
        "text_before",
        "text_before('v', '@')",
        {"v": "string"},
        [("a.b@c.de", "a.b"), ("@c", ""), ("ü@c", "ü"), ("a@b@c", "a"), (None, None)],
    ),
    Case(
        "text_after",
        "text_after('v', '@')",
        {"v": "string"},
        [("a.b@c.de", "c.de"), ("a@", ""), ("ü@ö", "ö"), (None, None)],
    ),
    Case(
        "x_regex_group",
        "x_regex_group('v', 'utm_source=([^&#]*)')",
        {"v": "string"},
        [
            ("?utm_source=a&b=c", "a"),
            ("utm_source=&b", None),
            ("?b=c", None),
            ("utm_source=ü%20", "ü%20"),
            ("", None),
            (None, None),
        ],
    ),
    Case(
        "x_regex_group",
        "x_regex_group('v', '([0-9]+) ?(?:g|ml)')",
        {"v": "string"},
        [("2 x 250 ml, 3 g", "250"), ("250", None)],
    ),
    Case(
        "x_regex_has",
        "x_regex_has('v', '^[a-z]+[.](?:de|com)$')",
        {"v": "string"},
        [
            ("shop.de", True),
            ("shop.de\n", False),
            ("a shop.de", False),
            ("shopXde", False),
            ("", False),
            (None, None),
        ],
    ),
    Case(
        "x_unnest",
        "x_unnest('v', 'x')",
        {"v": "strings"},
        [(["a", "b"], ["0a", "0b"]), ([], []), (["ü"], ["2ü"]), (None, [])],
        UNNESTED,
    ),
    Case(
        "x_integers",
        "x_unnest(x_integers(0, 'v'), 'x')",
        {"v": "int64"},
        [(2, [0, 1, 2]), (0, [0]), (-1, []), (None, [])],
        f"select n, x as value from {INPUT} cross join {{{{ CALL }}}}",
    ),
    Case(
        "x_md5",
        "x_md5('v')",
        {"v": "string"},
        [
            ("email:ü@example.com", "64a47dfc48405041b5a4da8c843d5449"),
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            (None, None),
        ],
    ),
    # --- types.sql
    Case(
        "type_money",
        "'cast(v as ' ~ type_money() ~ ')'",
        {"v": "string"},
        [("12.34", D("12.34")), (None, None)],
    ),
    Case(
        "type_ts",
        "'cast(v as ' ~ type_ts() ~ ')'",
        {"v": "string"},
        [
            ("2026-01-31 10:00:00+02", utc("2026-01-31 08:00:00")),
            ("2026-01-31 10:00:00", utc("2026-01-31 10:00:00")),
        ],
    ),
    Case("type_text", "'cast(v as ' ~ type_text() ~ ')'", {"v": "int64"}, [(-5, "-5"), (None, None)]),
    Case(
        "type_integer",
        "'cast(v as ' ~ type_integer() ~ ')'",
        {"v": "string"},
        [("-9223372036854775808", -(2**63))],
    ),
    Case(
        "type_double",
        "'cast(v as ' ~ type_double() ~ ')'",
        {"v": "string"},
        [("1e-300", 1e-300), ("0.1", 0.1)],
    ),
    *(
        Case("raw_type", f"'cast(null as ' ~ raw_type('{name}') ~ ')'", {"v": "int64"}, [(1, None)])
        for name in ("string", "json", "int64", "float64", "numeric", "bool", "timestamp", "date")
    ),
    Case(
        "safe_cast",
        "dbt.safe_cast('v', type_double())",
        {"v": "string"},
        [("1.5", 1.5), ("x", None), ("", None), (None, None)],
    ),
    # --- schema_names.sql
    Case("own_schema", "\"'\" ~ own_schema('marts') ~ \"'\"", {}, [("marts",)]),
)
CASES = {f"{case.macro}_{position}": case for position, case in enumerate(_CASES)}

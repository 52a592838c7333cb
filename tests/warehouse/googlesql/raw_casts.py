"""What a raw column of any type that loaders leave becomes as the declared type.

Belongs here: values as loaded and as declared. Does not belong here: running them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.warehouse.googlesql.both_engines import INPUT

# Types as dbt names them when it asks the warehouse for the columns of a raw table.
PRESENT = {
    "string": ("varchar", "string"),
    "int64": ("bigint", "int64"),
    "float64": ("double", "float64"),
    "numeric": ("decimal(38,9)", "numeric"),
    "bool": ("boolean", "boolean"),
    "date": ("date", "date"),
    "timestamp": ("timestamp with time zone", "timestamp"),
    "datetime": ("timestamp", "datetime"),
    "json": ("json", "json"),
    "strings": ("varchar[]", "array<string>"),
    "struct": ("struct(a varchar, b bigint)", "struct<a string, b int64>"),
    "structs": ("struct(a varchar, b bigint)[]", "array<struct<a string, b int64>>"),
}
D = Decimal
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Cast:
    present: str
    declared: str
    values: tuple[tuple[Any, Any], ...]  # as loaded, as declared

    @property
    def query(self) -> str:
        duckdb, bigquery = PRESENT[self.present]
        types = f"{{'duckdb': '{duckdb}', 'bigquery': '{bigquery}'}}"
        column = f"{{'quoted': 'v', 'type': {types}[target.type]}}"
        return f"select n, {{{{ raw_cast({column}, '{self.declared}') }}}} as value from {INPUT}"


_CASTS = (
    Cast("string", "string", (("a", "a"), ("", None), (" ", " "), (None, None))),
    Cast("int64", "string", ((7, "7"), (-(2**60), str(-(2**60))), (None, None))),
    Cast(
        "float64",
        "string",
        ((123.0, "123"), (-5.0, "-5"), (1.5, "1.5"), (8999999999999.0, "8999999999999"), (None, None)),
    ),
    Cast("numeric", "string", ((D(123), "123"), (D("1.5"), "1.5"), (D("-0.1"), "-0.1"), (None, None))),
    Cast("bool", "string", ((True, "true"), (False, "false"), (None, None))),
    Cast("date", "string", ((date(2026, 1, 31), "2026-01-31"),)),
    Cast("json", "string", (('{"a":1}', '{"a":1}'), (None, None))),
    Cast("strings", "string", ((["a", "ü"], '["a","ü"]'),)),
    Cast("string", "json", (('{"a": 1}', '{"a": 1}'), ("no json", "no json"), (None, None))),
    Cast("json", "json", (('{"a":[1,null,"ü"]}', '{"a":[1,null,"ü"]}'), (None, None))),
    Cast(
        "struct",
        "json",
        (
            ({"a": 'q"', "b": 1}, r'{"a":"q\"","b":1}'),
            ({"a": None, "b": None}, '{"a":null,"b":null}'),
            (None, None),
        ),
    ),
    Cast("structs", "json", (([{"a": "x", "b": 2}], '[{"a":"x","b":2}]'), ([], "[]"))),
    Cast(
        "string",
        "int64",
        (
            ("12", 12),
            (" 12\n", 12),
            ("-7", -7),
            ("1.5", None),
            ("1e3", None),
            ("twelve", None),
            ("0x1F", None),
            ("1_000", None),
            ("", None),
            (None, None),
        ),
    ),
    Cast(
        "float64",
        "int64",
        (
            (2.0, 2),
            (2.5, 3),
            (-2.5, -3),
            (float("nan"), None),
            (float("inf"), None),
            (1e300, None),
            (None, None),
        ),
    ),
    Cast("numeric", "int64", ((D("2.5"), 3), (D("-2.5"), -3), (None, None))),
    Cast("bool", "int64", ((True, 1), (False, 0), (None, None))),
    Cast("int64", "int64", ((5, 5), (None, None))),
    Cast(
        "string",
        "float64",
        (
            ("1.5", 1.5),
            (" -1e-3 ", -0.001),
            ("1,5", None),
            ("1_0", None),
            ("x", None),
            ("", None),
            (None, None),
        ),
    ),
    Cast("int64", "float64", ((5, 5.0), (None, None))),
    Cast("numeric", "float64", ((D("0.1"), 0.1), (None, None))),
    Cast(
        "string",
        "numeric",
        (("1.234,56", D("1234.56")), ("0.005", D("0.01")), ("12 EUR", None), ("", None), (None, None)),
    ),
    Cast(
        "float64",
        "numeric",
        (
            (1.005, D("1.01")),
            (-2.675, D("-2.68")),
            (19.99, D("19.99")),
            (float("nan"), None),
            (float("inf"), None),
            (None, None),
        ),
    ),
    Cast("int64", "numeric", ((12, D("12")), (None, None))),
    Cast("numeric", "numeric", ((D("1.005"), D("1.01")), (D("-0.005"), D("-0.01")), (None, None))),
    Cast(
        "string",
        "bool",
        (
            ("true", True),
            ("FALSE", False),
            (" True ", True),
            ("1", True),
            ("0", False),
            ("yes", True),
            ("n", False),
            ("maybe", None),
            ("", None),
            (None, None),
        ),
    ),
    Cast("int64", "bool", ((1, True), (0, False), (None, None))),
    Cast("float64", "bool", ((1.0, True), (0.0, False), (None, None))),
    Cast("bool", "bool", ((True, True), (None, None))),
    Cast(
        "string",
        "timestamp",
        (
            ("2026-01-31T12:00:00Z", NOON),
            ("2026-01-31T14:00:00+02:00\n", NOON),
            ("2026-01-31T12:00Z", NOON),
            ("2026-01-31 12:00:00.000000000 UTC", NOON),
            ("2026-01-31 12:00:00", NOON),
            ("31.01.2026", None),
            ("", None),
            (None, None),
        ),
    ),
    Cast(
        "int64",
        "timestamp",
        (
            (1769860800, NOON),
            (1769860800000, NOON),
            (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
            (None, None),
        ),
    ),
    Cast("float64", "timestamp", ((1769860800.0, NOON), (1769860800000.0, NOON), (None, None))),
    Cast("date", "timestamp", ((date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)), (None, None))),
    Cast("datetime", "timestamp", ((NOON.replace(tzinfo=None), NOON), (None, None))),
    Cast("timestamp", "timestamp", ((NOON, NOON), (None, None))),
    Cast(
        "string",
        "date",
        (
            ("2026-01-31", date(2026, 1, 31)),
            (" 2026-01-31T23:59:59Z", date(2026, 1, 31)),
            ("2026-02-30", None),
            ("31.01.2026", None),
            ("", None),
            (None, None),
        ),
    ),
    Cast("timestamp", "date", ((NOON, date(2026, 1, 31)), (None, None))),
    Cast("datetime", "date", ((NOON.replace(tzinfo=None), date(2026, 1, 31)),)),
)
CASTS = {f"{cast.present}_as_{cast.declared}": cast for cast in _CASTS}

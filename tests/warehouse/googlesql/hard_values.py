"""A profile model with columns of every kind, and values in them that two engines might write differently.

Belongs here: columns and rows. Does not belong here: what is planned of them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.platform.sync.shop import PROFILES

COLUMNS = {
    "email": "varchar",
    "first_name": "varchar",
    "phone": "varchar",
    "zip": "bigint",
    "city": "varchar",
    "words": "varchar",
    "whole": "bigint",
    "money": "decimal(18,2)",
    "exact": "decimal(38,9)",
    "share": "decimal(9,9)",
    "ratio": "double",
    "flag": "boolean",
    "seen_at": "timestamptz",
    "opened_at": "timestamp",
    "born_on": "date",
    "tags": "varchar[]",
    "sizes": "bigint[]",
    "answers": "boolean[]",
    "days": "date[]",
    "prices": "decimal(18,2)[]",
    "extra": "json",
}
EVERY_KIND = replace(
    PROFILES,
    fields={
        "first_name": "first_name",
        "phone": "phone_number",
        "city": "location.city",
        "zip": "location.zip",
    },
    properties={
        name: f"The {name}" for name in COLUMNS if name not in ("email", "first_name", "phone", "city", "zip")
    }
    | {"words": 'Words "ü" 😀 \\ /'},
)
HARD_TEXT = (
    *(
        "quote \" apostrophe ' backslash \\ \\\\ slash /",
        "<b>&amp;</b>",
        "Jürgen Größe 😀",
        "\u2028line\u2029",
        "",
    ),
    *(
        "tab\tnewline\nreturn\r\x08\x0c",
        "\x00\x01\x0b\x0e\x0f\x10\x19\x1a\x1f\x7f\x85\ufeff",
        "\\u001F \\\\u001F",
    ),
    *("\x1f\x1f\\\x1f\\\\\x1f", '"\x1b', " \t surrounded \u3000\u2028\n", "null", "{}", "\\1 $1 %s {0}"),
)
HARD = {
    "first_name": HARD_TEXT,
    "phone": (None, "", "+4917012345678", " +4917012345678\n", "0170 1234"),
    "zip": (None, 1067, -1),
    "city": HARD_TEXT,
    "words": HARD_TEXT,
    "whole": (0, -1, 2**53 - 1, -(2**53) + 1, 7),
    "money": tuple(map(Decimal, ("0.10", "100.00", "-0.01", "0.00", "-100", "1234567890123456.78"))),
    "exact": tuple(map(Decimal, ("0.000000001", "1E+3", "-0.5", "12.340000000", "99999999999.999999999"))),
    "share": tuple(map(Decimal, ("0.5", "-0.25", "0", "0.000000001", "-0.999999999", "0.1"))),
    "ratio": (
        0.0,
        -0.0,
        0.1 + 0.2,
        1e-7,
        1e15,
        1e16,
        1e20,
        1 / 3,
        100.0,
        5e-324,
        9.9e307,
        -2.5,
        1e5,
    ),
    "flag": (True, False),
    "seen_at": (
        datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC),
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
    ),
    "opened_at": (datetime.fromisoformat("2026-03-29T02:30:00.000001"), datetime.fromisoformat("0999-01-01")),
    "born_on": (date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)),
    "tags": (["b", "a"], [], ["ü", ""], list(HARD_TEXT)),
    "sizes": ([2**53 - 1, -1, 0], [], [7]),
    "answers": ([True, False], []),
    "days": ([date(2024, 2, 29), date(999, 1, 1)], []),
    "prices": ([Decimal("0.10"), Decimal("100.00"), Decimal("-1.5")], []),
    "extra": ('{"a": [1, null], "b": "ü"}', "null", '"null"', "[]", None, "7", "true", "{}"),
}
# Values without an exact form in JSON.
UNSENDABLE: tuple[tuple[str, Any], ...] = (
    ("whole", 2**53),
    ("ratio", 1.7e308),
    ("ratio", float("nan")),
    ("ratio", float("-inf")),
    ("money", Decimal("9007199254740992.00")),
    ("exact", Decimal("-99999999999999999999.5")),
    ("sizes", [7, 2**53]),
    ("prices", [Decimal(2**53), Decimal(1)]),
)


def profiles() -> list[dict[str, Any]]:
    """Every hard value beside others, a row of nulls, and rows that are refused."""
    longest = max(map(len, HARD.values()))
    rows = [
        {"email": f"p{n}@shop.example", **{name: values[n % len(values)] for name, values in HARD.items()}}
        for n in range(longest)
    ]
    refused = (
        None,
        " ",
        "no address",
        " Twice@shop.example\t",
        "twice@SHOP.example",
        "a@marketplace.amazon.de",
        *("double@shop.example", "double@shop.example"),
    )
    return [
        *rows,
        {"email": "nulls@shop.example"},
        *({"email": email, "words": "x"} for email in refused),
        *(
            {"email": f"unsendable{n}@shop.example", column: value}
            for n, (column, value) in enumerate(UNSENDABLE)
        ),
        {"email": "large@shop.example", "words": "ü" * 60_000},
    ]

"""The few words in which DuckDB's and BigQuery's SQL differ, as far as the engine needs them.

Belongs here: expressions, that is the JSON text of a column, its check, literals and type names. Does not
belong here: statements (`plan`, `ledger`) and what Klaviyo expects.

Both engines write the same value as the same bytes, because rows are compared by the hash of their JSON text:
a shop that moves from one to the other sends nothing anew. Columns of type JSON are the exception.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Literal

from c360_platform.warehouse import Engine

Kind = Literal[
    "text", "boolean", "integer", "decimal", "double", "date", "timestamp", "naive", "json",
    "list of text", "list of boolean", "list of integer", "list of decimal", "list of date",
]  # fmt: skip

_LIST = re.compile(r"ARRAY<(?P<bigquery>\w+)>|(?P<duckdb>[^\[\]]+)\[\]")
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"VARCHAR|STRING|UUID|ENUM\(.*\)|CHAR.*|TEXT", "text"),
    (r"BOOL(EAN)?", "boolean"),
    (r"U?(TINY|SMALL|BIG)INT|HUGEINT|U?INTEGER|INT64", "integer"),
    (r"DECIMAL.*|(BIG)?NUMERIC.*", "decimal"),
    (r"DOUBLE|FLOAT(64)?|REAL", "double"),
    (r"DATE", "date"),
    (r"TIMESTAMP WITH TIME ZONE|TIMESTAMPTZ", "timestamp"),
    (r"TIMESTAMP(_S|_MS|_NS)?|DATETIME", "naive"),
    (r"JSON", "json"),
)
_LISTS: dict[Kind | None, Kind] = {
    "text": "list of text",
    "boolean": "list of boolean",
    "integer": "list of integer",
    "decimal": "list of decimal",
    "date": "list of date",
}
ELEMENTS = {of: element for element, of in _LISTS.items() if element is not None}
_EXACT_INTEGER = 2**53 - 1  # what a JSON number, a double on Klaviyo's side, holds exactly
_LARGEST_DOUBLE = "1e308"  # with fifteen digits the very largest would be more than a double holds
# White space of Unicode (RE2), which BigQuery's TRIM takes away and DuckDB's takes only in part.
_BLANKS = r"[\s\p{Z}\x0b\x{85}]+"
# Characters that do not travel: NUL, which hardly anything keeps, and those whose JSON escapes have letters,
# which one engine writes large and the other small. DuckDB finds their escapes in the finished text, and not
# the second half of an escaped backslash.
DROPPED = r"[\x00\x0b\x0e\x0f\x1a-\x1f]"
_DROPPED_ESCAPES = r"(\\\\)|\\u00(?:0[0bBeEfF]|1[a-fA-F])"
# Numbers that JSON or a double cannot hold, looked for outside of strings: DuckDB's JSON takes NaN and 1e999.
_JSON_STRING = r'"([^"\\]|\\.)*"'
_JSON_NUMBER_TOO_LARGE = r"N|I|[eE][+]?[0-9]{3}|[0-9]{309}"


class Dialect:
    """DuckDB's words; `bigquery_dialect` overrides what differs. All methods return SQL text."""

    string, integer, double, boolean, timestamp = "varchar", "bigint", "double", "boolean", "timestamptz"
    naive = "timestamp"
    plan_layout = ""
    # Whether a look at the keys before the comparison costs less than what it can save there.
    looks_first = True

    def layout(self, month_of: str, cluster_by: Sequence[str]) -> str:
        """How a new table lies: partitioned by the month of a column (empty: not), clustered by columns."""
        del month_of, cluster_by  # DuckDB has neither
        return ""

    def kind(self, type_name: str) -> Kind | None:
        """What a column of the engine's type is to Klaviyo; None when it has no form there."""
        element = _LIST.fullmatch(type_name)
        if element is not None:
            return _LISTS.get(self.kind(element["bigquery"] or element["duckdb"]))
        return next((kind for pattern, kind in _KINDS if re.fullmatch(pattern, type_name)), None)

    def type(self, letter: str) -> str:
        """The type for a letter: s(tring), i(nteger), b(oolean), t(imestamp), n(umber)."""
        return {
            "s": self.string,
            "i": self.integer,
            "b": self.boolean,
            "t": self.timestamp,
            "n": self.double,
        }[letter]

    def name(self, column: str) -> str:
        return '"' + column.replace('"', '""') + '"'

    def literal(self, text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    def text(self, expression: str) -> str:
        return f"cast({expression} as {self.string})"

    def trim(self, text: str) -> str:
        """Without white space of any kind around it."""
        slow = f"regexp_replace({text}, '^{_BLANKS}|{_BLANKS}$', '', 'g')"  # trim(…, characters) is slow too
        return (
            f"case when {text} >= '!' and {text} < chr(127) and {text}[-1] between '!' and '~' "
            f"then {text} else {slow} end"
        )

    def digest(self, text: str) -> str:
        """Sixty bits of MD5 as a number, the same in every version: hash functions made for joins are not.

        A digest is compared with the former one of the same row, so half of its bits are more than enough:
        those of its first eight bytes, of which the last is the highest, but for the highest four.
        """
        return f"cast(md5_number({text}) & {2**60 - 1} as bigint)"

    def fingerprint(self, text: str) -> str:
        """A number that tells texts apart in one statement, null for none; equal ones may differ still."""
        return f"case when {text} is not null then hash({text}) end"

    def bytes(self, text: str) -> str:
        return f"strlen({text})"

    def matches(self, text: str, pattern: str) -> str:
        """`pattern` is RE2 without backslashes, which the engines' literals treat differently."""
        return f"regexp_matches({text}, {self.literal(pattern)})"

    def glued(self, parts: Sequence[str]) -> str:
        """The parts that are not null as one text: a chain of || would copy it once for each."""
        return f"concat({', '.join(parts)})"

    def joined(self, parts: Sequence[str], separator: str = ",") -> str:
        """The parts that are not null, joined; an empty text when all are."""
        if not parts:
            return "''"
        return f"concat_ws({self.literal(separator)}, {', '.join(parts)})"

    def json_string(self, text: str) -> str:
        """Text as a JSON string; what it needs to be the same on both engines, `portable` adds."""
        return f"cast(to_json({text}) as varchar)"

    def is_portable(self, json: str) -> str:
        """Whether `portable` would change nothing about a column of JSON text, nor about others of its parts.

        The column is named several times: it must not be an expression.
        """
        return (
            f"not (contains({json}, '\\u00') or contains({json}, chr(8232)) or contains({json}, chr(8233)))"
        )

    def portable(self, json: str, is_portable: str) -> str:
        """A column of JSON text as both engines write it; `is_portable` may say that it is.

        Line and paragraph separators are escaped, nine control characters that are escaped differently left
        out. The column is named several times: it must not be an expression.
        """
        separators = f"replace(replace({json}, chr(8232), '\\u2028'), chr(8233), '\\u2029')"
        return (
            f"case when {is_portable} then {json} "
            f"else regexp_replace({separators}, '{_DROPPED_ESCAPES}', '\\1', 'g') end"
        )

    def iso_time(self, expression: str, kind: Kind) -> str:
        """Seconds precision with offset +00:00; a time without zone is taken as UTC."""
        return self._formatted(expression, kind, "%Y-%m-%dT%H:%M:%S+00:00")

    def quoted_time(self, expression: str, kind: Kind) -> str:
        """A date or a time as a JSON string."""
        day = "%Y-%m-%d"
        return self._formatted(expression, kind, f'"{day}"' if kind == "date" else f'"{day}T%H:%M:%S+00:00"')

    def _formatted(self, expression: str, kind: Kind, pattern: str) -> str:
        local = f"timezone('UTC', {expression})" if kind == "timestamp" else expression
        return f"strftime({local}, '{pattern}')"

    def as_timestamp(self, expression: str, kind: Kind) -> str:
        """The moment as the engine's timestamp with time zone; dates are midnight, all naive is UTC."""
        return expression if kind == "timestamp" else f"timezone('UTC', cast({expression} as timestamp))"

    def day_literal(self, day: date, kind: Kind) -> str:
        """The first moment of a day as a constant of a column's own type, by which partitions are pruned."""
        types = {"date": "date", "naive": self.naive}
        return f"{types.get(kind, self.timestamp)} '{day.isoformat()}'"

    def unix_seconds(self, moment: str) -> str:
        """Whole seconds since 1970 of a timestamp with time zone."""
        return f"cast(floor(epoch({moment})) as bigint)"

    def plain(self, expression: str, kind: Kind) -> str:
        """A column that is no list as text; numbers have no needless zeros, floats fifteen digits."""
        if kind in ("timestamp", "naive"):
            return self.iso_time(expression, kind)
        if kind == "decimal":
            return self.decimal(expression)
        return self.float(expression) if kind == "double" else self.text(expression)

    def decimal(self, expression: str) -> str:
        text = self.text(expression)
        short = f"case when contains({text}, '.') then rtrim(rtrim({text}, '0'), '.') else {text} end"
        # most need nothing: they begin with a digit and end with one that is no 0
        sound = f"{text} >= '0' and {text} < ':' and {text}[-1] between '1' and '9'"
        # a column that is all places writes .5
        return (
            f"case when {sound} then {text} "
            f"when left({text}, 1) = '.' then concat('0', rtrim(rtrim({text}, '0'), '.')) "
            f"when left({text}, 2) = '-.' then concat('-0', rtrim(rtrim(substr({text}, 2), '0'), '.')) "
            f"else {short} end"
        )

    def float(self, expression: str) -> str:
        """More than fifteen digits would be noise of adding up in another order; plus 0 makes -0 a 0."""
        return f"format('{{:.15g}}', cast({expression} as double) + 0)"

    def json(self, expression: str, kind: Kind) -> str:
        """A column as JSON text, null when `is_missing`. Only for values without a `problem`."""
        if kind == "text":
            return self.json_string(self.text(expression))
        if kind in ("date", "timestamp", "naive"):
            return self.quoted_time(expression, kind)
        if kind == "json":
            return f"case when not {self.is_missing(expression, kind)} then {self.json_text(expression)} end"
        if kind == "list of text":
            return self.text_list(expression)
        if kind in ELEMENTS:
            return self.json_list(expression, f"coalesce({self.json('element', ELEMENTS[kind])}, 'null')")
        return self.plain(expression, kind)

    def json_text(self, expression: str) -> str:
        """A column of type JSON as its text; DuckDB's may have commas too many as it was written."""
        return f"cast(json_extract({expression}, '$') as varchar)"

    def text_list(self, expression: str) -> str:
        return f"case when len({expression}) > 0 then cast(to_json({expression}) as varchar) end"

    def json_list(self, expression: str, element: str) -> str:
        """Of a list whose elements, named `element`, are the given JSON text; null when it has none."""
        elements = f"array_to_string(list_transform({expression}, lambda element: {element}), ',')"
        return f"case when len({expression}) > 0 then '[' || {elements} || ']' end"

    def is_missing(self, expression: str, kind: Kind) -> str:
        """A condition: there is no value. A list without elements is none, BigQuery keeps no null lists."""
        if kind == "json":
            return f"({expression} is null or {self.is_json_null(expression)})"
        return f"coalesce(len({expression}), 0) = 0" if kind in ELEMENTS else f"{expression} is null"

    def is_json_null(self, expression: str) -> str:
        return f"json_type({expression}) = 'NULL'"

    def problem(self, expression: str, kind: Kind) -> str | None:
        """A condition that holds when a value has no exact JSON form; `problem_text` has the words for it."""
        if kind in ELEMENTS:
            element = self.problem("element", ELEMENTS[kind])
            return self.has_element(expression, element) if element else None
        outside_strings = f"regexp_replace(cast({expression} as varchar), '{_JSON_STRING}', '', 'g')"
        # times of nanoseconds end in 2262 and know no other literal
        moment = f"cast({expression} as timestamp)" if kind == "naive" else expression
        in_calendar = f"{moment} >= '0001-01-01' and {moment} < '10000-01-01'"  # infinity is outside too
        conditions: dict[Kind, str] = {
            "json": f"regexp_matches({outside_strings}, '{_JSON_NUMBER_TOO_LARGE}')",
            "double": f"not ({self.is_finite(expression)} and abs({expression}) < {_LARGEST_DOUBLE})",
            "integer": f"{expression} not between -{_EXACT_INTEGER} and {_EXACT_INTEGER}",
            "decimal": f"abs({expression}) > {_EXACT_INTEGER}",
            **dict.fromkeys(("date", "timestamp", "naive"), f"not ({in_calendar})"),
        }
        return conditions.get(kind)

    def has_element(self, expression: str, condition: str) -> str:
        """Whether a list has an element, named `element`, for which the condition holds."""
        return f"len(list_filter({expression}, lambda element: {condition})) > 0"

    def is_finite(self, expression: str) -> str:
        return f"isfinite({expression})"


_PROBLEM_TEXT: dict[Kind, str] = {
    "double": "is not a finite number",
    "integer": "is beyond 2^53 and would be rounded: make the column text",
    "decimal": "is beyond 2^53 and would be rounded: make the column text",
    "date": "is not between the years 1 and 9999",
    "timestamp": "is not between the years 1 and 9999",
    "naive": "is not between the years 1 and 9999",
    "json": "has a number that JSON cannot hold",
}


def problem_text(kind: Kind) -> str:
    """What is wrong with a value for which `Dialect.problem` holds; of a list, with one of its elements."""
    element = ELEMENTS.get(kind)
    return f"has an element that {_PROBLEM_TEXT[element]}" if element else _PROBLEM_TEXT[kind]


def dialect_of(engine: Engine) -> Dialect:
    from c360_platform.activation.bigquery_dialect import BigQueryDialect

    return BigQueryDialect() if engine == "bigquery" else Dialect()

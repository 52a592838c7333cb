"""SQL that turns the text of a raw file into the declared type, or into null when it does not fit.

Belongs here: what real exports write for each type, as one DuckDB expression per column. Does not belong
here: which column is which, and what is said about a value that does not fit.
"""

from __future__ import annotations

from c360_platform.raw_files.contract import DataType, RawColumn

# DuckDB's name of each declared type. BigQuery's NUMERIC has nine decimals, so no amount is rounded on
# the way in.
DUCKDB_TYPES: dict[DataType, str] = {
    "string": "varchar",
    "int64": "bigint",
    "numeric": "decimal(38, 9)",
    "float64": "double",
    "bool": "boolean",
    "timestamp": "timestamptz",
    "date": "date",
    "json": "varchar",
}

_TRUE = "('true', 't', 'yes', 'y', '1', '1.0')"
_FALSE = "('false', 'f', 'no', 'n', '0', '0.0')"
_MIDNIGHT = r"\d{4}-\d{2}-\d{2}([ T]00:00(:00(\.0+)?)?( ?(Z|UTC|\+00(:?00)?))?)?"


def text(column: str) -> str:
    """The text of a cell without surrounding blanks; null when nothing is left. `column` is an SQL
    expression.
    """
    blank_at_an_end = f"{column} < '!' or {column}[-1] < '!'"  # trimming every cell costs ten times as much
    return rf"case when {blank_at_an_end} then nullif(trim({column}, e' \t\r\n'), '') else {column} end"


def cell(expression: str, column: RawColumn) -> str:
    """The text of a cell as `text()`; in anything but free text, the word NULL and `\\N` are null as well."""
    if column.data_type == "string" and not column.is_identifier:
        return text(expression)
    value = text(expression)
    return rf"case when {value} in ('NULL', 'null', '\N') then null else {value} end"


def parsed(value: str, column: RawColumn) -> str:
    """The typed value of a cell, null when it does not fit. `value` is the expression of its trimmed text.

    The session's time zone must be UTC: times without an offset are UTC.
    """
    match column.data_type:
        case "string":
            typed = _identifier(value) if column.is_identifier else value
        case "json":
            typed = _json(value)
        case "bool":
            word = f"lower({value})"
            typed = f"case when {word} in {_TRUE} then true when {word} in {_FALSE} then false end"
        case "timestamp":
            typed = _timestamp(value)
        case "date":
            typed = _when(value, _MIDNIGHT, f"try_cast(left({value}, 10) as date)")
        case "int64":  # data frames write 12 as 12.0 when a neighbour is empty
            typed = _when(value, r"[+-]?\d+(\.0*)?", f"try_cast(split_part({value}, '.', 1) as bigint)")
        case "numeric":  # data frames write 0.00001 as 1e-05
            decimal = f"try_cast({value} as {DUCKDB_TYPES['numeric']})"
            typed = _when(value, r"[+-]?(\d+\.?\d*|\.\d+)([eE]-\d+)?", decimal)
        case "float64":
            typed = f"try_cast({value} as double)"
    return typed


def _when(value: str, pattern: str, then: str) -> str:
    return f"case when regexp_full_match({value}, '{pattern}') then {then} end"


def _identifier(value: str) -> str:
    """`3588998496353.0` is the id 3588998496353; `3.58900E+12` has lost digits and fits nothing."""
    return (
        rf"case when regexp_full_match({value}, '[+-]?\d([.,]\d+)?[eE]\+\d+') then null "
        rf"when regexp_full_match({value}, '\d+\.0+') then split_part({value}, '.', 1) "
        f"else {value} end"
    )


def _timestamp(value: str) -> str:
    """ISO 8601 as exports write it, offsets and zone names included, and Unix seconds or milliseconds.

    The pattern keeps out what DuckDB would take for a date of the year 1. A blank before an offset is foreign
    to DuckDB.
    """
    without_blank = rf"regexp_replace({value}, ' ([+-]|Z$)', '\1')"
    return (
        f"case when {value} like '____-__-__%' "
        f"then coalesce(try_cast({value} as timestamptz), try_cast({without_blank} as timestamptz)) "
        rf"when regexp_full_match({value}, '\d{{10}}(\.\d+)?') then to_timestamp(cast({value} as double)) "
        rf"when regexp_full_match({value}, '\d{{13}}') then to_timestamp(cast({value} as bigint) / 1000) end"
    )


def _json(value: str) -> str:
    """Plain words become JSON strings, as some loaders flatten an object to its one interesting word."""
    return (
        f"case when json_valid({value}) then {value} "
        f"when left({value}, 1) not in ('{{', '[') then cast(to_json({value}) as varchar) end"
    )

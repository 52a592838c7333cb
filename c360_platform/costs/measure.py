"""Numbers of rows and widths of columns, measured in a DuckDB warehouse that a loop has filled.

Belongs here: looking at tables. Does not belong here: scaling what was found (`tables`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from c360_platform.costs import CostsError
from c360_platform.costs.tables import Shape

# Whether a table has more rows with every month or, like people and products, as many as before. The first
# pattern that fits its name decides.
_GROWS: tuple[tuple[str, bool], ...] = (
    (r"^(int_customer__|int_product__|dim_|seg_)", False),
    (r"order|activity|event|ticket", True),
    (r"customer|contact|user|profile|identity|product|trait|list|metric|organization|currency", False),
    (r"", True),
)
_DAYS_PER_MONTH = 30.4375
_TIME = re.compile(r"TIMESTAMP.*|DATE")


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured shop: its customers, the months its orders span, and its tables by (schema, name)."""

    customers: int
    months: float
    tables: Mapping[tuple[str, str], Shape]


def measure(warehouse: Path) -> Measured:
    """Measure every table of a warehouse file. Raises `CostsError` without customers or orders."""
    try:
        opened = duckdb.connect(str(warehouse), read_only=True)
    except duckdb.Error as error:
        raise CostsError(f"{warehouse} cannot be read now: {str(error).splitlines()[0]}") from None
    with opened as connection:
        connection.execute("set TimeZone = 'UTC'")
        columns: dict[tuple[str, str], dict[str, str]] = {}
        for schema, table, column, kind in connection.execute(
            "select t.table_schema, t.table_name, c.column_name, upper(c.data_type) "
            "from information_schema.tables as t join information_schema.columns as c "
            "using (table_catalog, table_schema, table_name) "
            "where t.table_type = 'BASE TABLE' order by c.ordinal_position"
        ).fetchall():
            columns.setdefault((schema, table), {})[column] = kind
        names = {table: place for place in columns for table in [place[1]]}
        try:
            customers = _number(connection, f"select count(*) from {_name(names['dim_customers'])}")
            months = _number(
                connection,
                f"select date_diff('day', min(ordered_at), max(ordered_at)) / {_DAYS_PER_MONTH} "
                f"from {_name(names['stg_orders'])}",
            )
        except (KeyError, TypeError):
            customers = months = 0.0
        if not customers or not months:
            raise CostsError(
                f"{warehouse} holds no built shop (dim_customers, stg_orders): run `c360 demo` first"
            )
        tables = {
            place: _shape(connection, place, kinds, customers, months) for place, kinds in columns.items()
        }
    return Measured(int(customers), months, tables)


def grows(table: str) -> bool:
    """Whether a table of this name has more rows every month."""
    return next(answer for pattern, answer in _GROWS if re.search(pattern, table))


def bytes_sql(column: str, kind: str) -> str:
    """BigQuery's size of all values of a column, as DuckDB's SQL over a table with a DuckDB type."""
    if kind.endswith("[]"):
        element = bytes_sql("x", kind.removesuffix("[]"))
        if element.startswith("sum("):  # its text
            return f"sum(list_sum(list_transform({column}, lambda x: {element[4:-1]})))"
        return f"{_fixed(kind.removesuffix('[]'))} * sum(len({column}))"
    if kind in ("VARCHAR", "JSON", "UUID") or kind.startswith("ENUM"):
        return f"sum(strlen(cast({column} as varchar)) + 2)"
    if kind.startswith(("STRUCT", "MAP", "UNION")):  # about as long as its JSON
        return f"sum(strlen(cast(to_json({column}) as varchar)))"
    if kind == "BLOB":
        return f"sum(octet_length({column}) + 2)"
    return f"{_fixed(kind)} * count({column})"


def _fixed(kind: str) -> int:
    return 16 if kind.startswith("DECIMAL") else 1 if kind == "BOOLEAN" else 8


def _shape(
    connection: duckdb.DuckDBPyConnection,
    place: tuple[str, str],
    kinds: Mapping[str, str],
    customers: float,
    months: float,
) -> Shape:
    quoted = {column: '"' + column.replace('"', '""') + '"' for column in kinds}
    sizes = [f"coalesce({bytes_sql(quoted[column], kind)}, 0)" for column, kind in kinds.items()]
    # The longest time that most rows have tells how many months they took to come.
    spans = [
        f"case when count({quoted[column]}) > 0.9 * count(*) "
        f"then date_diff('day', min({quoted[column]}), max({quoted[column]})) end"
        for column, kind in kinds.items()
        if _TIME.fullmatch(kind) and not column.startswith("birth")
    ]
    ((rows, days, *totals),) = connection.execute(
        f"select count(*), greatest(0, {', '.join(spans) or '0'}), {', '.join(sizes)} from {_name(place)}"
    ).fetchall()
    if not rows:
        return Shape(0.0, dict.fromkeys((column.lower() for column in kinds), 0.0))
    span = min(days / _DAYS_PER_MONTH, months) if days else months
    return Shape(
        rows=rows / customers,
        widths={column.lower(): float(total) / rows for column, total in zip(kinds, totals, strict=True)},
        rows_per_month=rows / customers / max(span, 1.0) if grows(place[1]) else 0.0,
    )


def _name(place: tuple[str, str]) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in place)


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    found = connection.execute(sql).fetchone()
    return float(found[0]) if found else 0.0

"""A BigQuery warehouse that judges what it is told and does nothing.

Belongs here: the protocol of a warehouse over an analyser, and who said what. Does not belong here: what is
said to it (producers.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from c360_platform.googlesql.analyser import Analyser, SqlError
from c360_platform.warehouse import Statement, Value, WarehouseError
from c360_platform.warehouse.bigquery import BigQueryWarehouse, parameter_type
from c360_platform.warehouse.bigquery_jobs import JobOptions

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGE = Path(__file__).resolve().parent.parent
# A value of each type, for the one row that every query gives. The moment is past: nobody is still at work.
_MOMENT = datetime(2020, 1, 1, tzinfo=UTC)
_VALUES: dict[str, Any] = {
    "INT64": 1,
    "FLOAT64": 1.0,
    "NUMERIC": Decimal(1),
    "BIGNUMERIC": Decimal(1),
    "BOOL": True,
    "STRING": "a",
    "BYTES": b"a",
    "DATE": date(2020, 1, 1),
    "DATETIME": datetime(2020, 1, 1),  # noqa: DTZ001  (a DATETIME has no zone)
    "TIME": time(12),
    "TIMESTAMP": _MOMENT,
}
# What columns of these names hold instead, because our code goes by it.
NAMED: Mapping[str, Any] = {
    "kind": "missing",
    "kinds": "{}",
    "lane": "import",
    "operation": "update",
    "payload": '{"type":"profile","attributes":{}},',
}


class Refused(WarehouseError):  # noqa: N818  (reads as what happened)
    """The analyser refuses a statement, so it has no result."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A statement, or the rows of an `append`, and where in our code it was sent: innermost place first."""

    sql: str
    parameters: tuple[str, ...]
    places: tuple[tuple[str, int], ...]  # file relative to the package, line
    error: SqlError | None = None


class ListeningWarehouse(BigQueryWarehouse):
    """Knows the tables of its analyser and those that are created here. Queries give one row of plain values.

    Tables that are dropped stay known: what is sent here is sent in an order of its own.
    """

    def __init__(self, analyser: Analyser, project: str, dataset_prefix: str = "") -> None:
        super().__init__(JobOptions(project=project), dataset_prefix=dataset_prefix)
        self.analyser = analyser
        self.heard: list[Heard] = []
        self.named = NAMED

    def check(self) -> None:
        self.execute("select 1")

    def query(self, sql: str, params: Sequence[Value] = ()) -> Iterator[pa.RecordBatch]:
        return iter(self.table(sql, params).to_batches())  # heard when asked, not when read

    def table(self, sql: str, params: Sequence[Value] = ()) -> pa.Table:
        import pyarrow as pa

        columns = self._hear(sql, params)
        if columns is None:
            raise Refused("a statement without rows is asked for rows")
        return pa.table({name: [self.named.get(name, _VALUES.get(of))] for name, of in columns.items()})

    def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        self._hear(sql, params)

    def transaction(self, statements: Sequence[Statement]) -> None:
        for sql, params in statements:
            self._hear(sql, params, in_transaction=len(statements) > 1)

    def append(self, table: str, rows: pa.Table) -> None:
        path = _path(table)
        known = self.analyser.columns(path)
        given = {field.name: _type_of(field.type) for field in rows.schema}
        if known is None:
            self.analyser.add_table(path, {name: of or "STRING" for name, of in given.items()})
            known = given
        wrong = [
            f"{name} is {of or 'null'} but {known.get(name, 'no column')} in the table"
            for name, of in given.items()
            if known.get(name) != of and (of or name not in known)
        ]
        error = SqlError(f"load into {table}: {', '.join(wrong)}", 0, 0) if wrong else None
        self.heard.append(Heard(f"load into {table}", (), _places(), error))

    def exists(self, table: str) -> bool:
        return self.analyser.columns(_path(table)) is not None

    def tables(self, schema: str) -> dict[str, str]:
        return dict.fromkeys(self.analyser.names_in(_path(self.relation(schema, "any"))[:-1]), "table")

    def columns(self, schema: str, table: str) -> dict[str, str]:
        return self.analyser.columns(_path(self.relation(schema, table))) or {}

    def row_counts(self, tables: Sequence[str]) -> list[int]:
        return [1] * len(tables)

    def last_changed_at(self, table: str) -> datetime | None:
        return _MOMENT if self.exists(table) else None

    def create_schema(self, schema: str) -> None:
        """By the API; no SQL."""

    def _hear(
        self, sql: str, params: Sequence[Value], *, in_transaction: bool = False
    ) -> dict[str, str] | None:
        types = tuple(parameter_type(value) for value in params)
        analysis = self.analyser.analyse(sql, types)
        error = analysis.error
        if error is None and in_transaction and (analysis.created or analysis.dropped):
            error = SqlError("a transaction cannot create or drop tables", 1, 1)
        self.heard.append(Heard(sql, types, _places(), error))
        if error is not None:
            raise Refused(error.message)
        if analysis.created is not None and analysis.columns is not None:
            self.analyser.add_table(analysis.created, analysis.columns)
        return analysis.columns


def _path(table: str) -> tuple[str, ...]:
    return tuple(table.replace("`", "").split("."))


def _places() -> tuple[tuple[str, int], ...]:
    """Lines of our package, but for this one, that lead to the statement."""
    found = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(PACKAGE) and not file.is_relative_to(PACKAGE / "googlesql"):
            found.append((str(file.relative_to(PACKAGE.parent)), frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


def _type_of(arrow: pa.DataType) -> str:
    """BigQuery's type of a column in a Parquet file; empty for nulls, which fit every type."""
    import pyarrow as pa

    if pa.types.is_null(arrow):
        return ""
    if pa.types.is_timestamp(arrow):
        return "TIMESTAMP" if arrow.tz else "DATETIME"
    if pa.types.is_list(arrow):
        return f"ARRAY<{_type_of(arrow.value_type)}>"
    kinds = {
        "INT64": pa.types.is_integer,
        "FLOAT64": pa.types.is_floating,
        "BOOL": pa.types.is_boolean,
        "STRING": lambda of: pa.types.is_string(of) or pa.types.is_large_string(of),
        "BYTES": pa.types.is_binary,
        "DATE": pa.types.is_date,
        "NUMERIC": pa.types.is_decimal,
    }
    return next((name for name, fits in kinds.items() if fits(arrow)), str(arrow))

"""Raw tables: a struct per table gives its columns, how a page is decoded, and its Arrow form.

Belongs here: the mapping from a struct's annotations to dlt and Arrow types, and how tables are written.
Does not belong here: any particular table; the sources' `decoding` modules declare those.

Annotations and what they become: `Identifier` (a number or text in the API) text; `str` text; `int` bigint;
`float` double; `bool` bool; `datetime` timestamp in UTC; `Json` the exact JSON text of anything nested. All
may be null. Every table ends with `extra_fields`: what an answer held that the columns do not, as JSON text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from types import NoneType
from typing import Any, Final, get_args

import msgspec
import pyarrow as pa

from dlt_pipelines.personal_data import HINT, Classification, Personal
from dlt_pipelines.records import extra_fields

Identifier = int | str
Json = msgspec.Raw
NULL: Final = msgspec.Raw(b"null")
EXTRA_FIELDS: Final = "extra_fields"

_UTC_MICROSECONDS: Final = pa.timestamp("us", tz="UTC")
_KINDS: Final[dict[frozenset[Any], tuple[str, pa.DataType]]] = {
    frozenset({int, str}): ("text", pa.string()),
    frozenset({str}): ("text", pa.string()),
    frozenset({Json}): ("text", pa.string()),
    frozenset({int}): ("bigint", pa.int64()),
    frozenset({float}): ("double", pa.float64()),
    frozenset({bool}): ("bool", pa.bool_()),
    frozenset({datetime}): ("timestamp", _UTC_MICROSECONDS),
}


@dataclass(frozen=True)
class Table:
    """A raw table with one column per field of `row`, and `extra_fields`.

    `newest_by` is the column that decides when one package brings a key twice: the larger value wins.
    `partition_by` is a time by whose day the table is cut, `cluster_by` the columns by which it is sorted,
    where the warehouse does either (BigQuery).
    """

    name: str
    row: type[msgspec.Struct]
    primary_key: tuple[str, ...]
    classification: Classification
    newest_by: str | None = None
    partition_by: str | None = None
    cluster_by: tuple[str, ...] = ()

    def arrow(self, rows: Sequence[msgspec.Struct], extras: Sequence[str | None] | None = None) -> pa.Table:
        """The rows (of `row` or a subclass) as Arrow, typed also when there are none.

        `extras` is the JSON text of `extra_fields` of each row; without it the rows tell it themselves.
        """
        columns = [_column(rows, name, kinds) for name, kinds in self._kinds.items()]
        columns.append(pa.array(extra_fields(rows) if extras is None else extras, pa.string()))
        return pa.table(columns, schema=self.schema)

    @cached_property
    def schema(self) -> pa.Schema:
        """Arrow's schema of the table."""
        fields = [
            pa.field(name, _KINDS[kinds][1], nullable=name not in self.primary_key)
            for name, kinds in self._kinds.items()
        ]
        return pa.schema([*fields, pa.field(EXTRA_FIELDS, pa.string())])

    @cached_property
    def personal_data(self) -> dict[str, Personal]:
        """What each column says about a person. Raises `UnclassifiedColumn`."""
        classes = {name: self.classification.of(self.name, name) for name in self._kinds}
        # an unknown field may hold anything
        return {**classes, EXTRA_FIELDS: Personal.CONTENT}

    @property
    def merged(self) -> dict[str, Any]:
        """Arguments of `dlt.resource` for rows that replace the ones with the same key."""
        # delete-insert: upsert fails when a package brings a key twice, even with dedup_sort
        return {**self._common, "write_disposition": {"disposition": "merge", "strategy": "delete-insert"}}

    @property
    def replaced(self) -> dict[str, Any]:
        """Arguments of `dlt.resource` for a table that every load writes anew."""
        return {**self._common, "write_disposition": "replace"}

    def lay_out(self, resource: Any) -> None:
        """Tell the table's dlt resource how to sort it; a table that exists keeps its order."""
        from dlt.destinations.impl.bigquery.bigquery_adapter import bigquery_adapter

        bigquery_adapter(resource, cluster=list(self.cluster_by))

    @property
    def _common(self) -> dict[str, Any]:
        columns: dict[str, dict[str, Any]] = {
            name: {"data_type": _KINDS[kinds][0], "nullable": name not in self.primary_key}
            for name, kinds in self._kinds.items()
        }
        columns[EXTRA_FIELDS] = {"data_type": "text", "nullable": True}
        for name, personal in self.personal_data.items():
            columns[name][HINT] = personal.value
        if self.newest_by is not None:
            columns[self.newest_by]["dedup_sort"] = "desc"
        if self.partition_by is not None:
            columns[self.partition_by]["partition"] = True
        return {
            "name": self.name,
            "primary_key": self.primary_key,
            "columns": columns,
            "schema_contract": {"tables": "evolve", "columns": "evolve", "data_type": "freeze"},
            # dlt's own default for DuckDB needs gigabytes for 100,000 rows
            "file_format": "parquet",
        }

    @cached_property
    def _kinds(self) -> dict[str, frozenset[Any]]:
        kinds = {}
        for column in msgspec.structs.fields(self.row):
            members = get_args(column.type) or (column.type,)
            kinds[column.name] = frozenset(members) - {NoneType}
        return kinds


def _column(rows: Sequence[msgspec.Struct], name: str, kinds: frozenset[Any]) -> pa.Array:
    values = list(map(attrgetter(name), rows))
    if kinds == {Json}:
        texts = [None if (text := bytes(value)) in {b"", b"null"} else text for value in values]
        return pa.array(texts, pa.binary()).cast(pa.string())
    if kinds == {int, str}:
        values = [value if value is None else str(value) for value in values]
    return pa.array(values, _KINDS[kinds][1])

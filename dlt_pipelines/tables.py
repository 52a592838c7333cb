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
from typing import Any, Final, NamedTuple, get_args

import msgspec
import pyarrow as pa

from dlt_pipelines import columns
from dlt_pipelines.personal_data import HINT, Classification, Personal
from dlt_pipelines.records import extra_fields

Identifier = int | str
Json = msgspec.Raw
NULL: Final = msgspec.Raw(b"null")
EXTRA_FIELDS: Final = "extra_fields"

_UTC_MICROSECONDS: Final = pa.timestamp("us", tz="UTC")


class _Kind(NamedTuple):
    """What an annotation becomes in dlt and in Arrow, and how."""

    dlt: str
    arrow: pa.DataType
    column: columns.Builder


def _plain(dlt: str, arrow: pa.DataType) -> _Kind:
    return _Kind(dlt, arrow, columns.plain(arrow))


_KINDS: Final[dict[frozenset[Any], _Kind]] = {
    frozenset({int, str}): _Kind("text", pa.string(), columns.identifiers),
    frozenset({str}): _plain("text", pa.string()),
    frozenset({Json}): _Kind("text", pa.string(), columns.json_texts),
    frozenset({int}): _plain("bigint", pa.int64()),
    frozenset({float}): _plain("double", pa.float64()),
    frozenset({bool}): _plain("bool", pa.bool_()),
    frozenset({datetime}): _plain("timestamp", _UTC_MICROSECONDS),
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
        made = [kind.column(list(map(attrgetter(name), rows))) for name, kind in self._kinds.items()]
        made.append(pa.array(extra_fields(rows) if extras is None else extras, pa.string()))
        return pa.table(made, schema=self.schema)

    @cached_property
    def schema(self) -> pa.Schema:
        """Arrow's schema of the table."""
        fields = [
            pa.field(name, kind.arrow, nullable=name not in self.primary_key)
            for name, kind in self._kinds.items()
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
        hints: dict[str, dict[str, Any]] = {
            name: {"data_type": kind.dlt, "nullable": name not in self.primary_key}
            for name, kind in self._kinds.items()
        }
        hints[EXTRA_FIELDS] = {"data_type": "text", "nullable": True}
        for name, personal in self.personal_data.items():
            hints[name][HINT] = personal.value
        if self.newest_by is not None:
            hints[self.newest_by]["dedup_sort"] = "desc"
        if self.partition_by is not None:
            hints[self.partition_by]["partition"] = True
        return {
            "name": self.name,
            "primary_key": self.primary_key,
            "columns": hints,
            "schema_contract": {"tables": "evolve", "columns": "evolve", "data_type": "freeze"},
            # dlt's own default for DuckDB needs gigabytes for 100,000 rows
            "file_format": "parquet",
        }

    @cached_property
    def _kinds(self) -> dict[str, _Kind]:
        kinds = {}
        for column in msgspec.structs.fields(self.row):
            members = get_args(column.type) or (column.type,)
            kinds[column.name] = _KINDS[frozenset(members) - {NoneType}]
        return kinds

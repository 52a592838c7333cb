"""BigQuery's SQL run on rows in memory, by Google's reference evaluator.

Belongs here: tables as the evaluator holds them, and running a query over them. Does not belong here: judging
a statement without running it (analyser.py), and which statements the project has.

The evaluator follows GoogleSQL's definition of every function, slowly: it is for thousands of rows. It knows
no partitions and no quotas, and it has no approximate aggregates (`APPROX_…`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from c360_platform.googlesql.engine import EngineStopped, StatementRefused, engine
from c360_platform.googlesql.language import analyzer_options, empty_catalog
from c360_platform.googlesql.types import parse_type, type_text
from c360_platform.googlesql.values import get_value, put_value

if TYPE_CHECKING:
    from zetasql.wasi._pb2.zetasql.local_service.local_service_pb2 import TableContent
    from zetasql.wasi._pb2.zetasql.public.type_pb2 import TypeProto

_QUOTED_PATH = re.compile(r"`[^`\n]+`(?:\s*\.\s*`[^`\n]+`)*")
_NEXT_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*(?P<word>`|[A-Za-z_]\w*)?", re.DOTALL)
# Words that follow a table in FROM and are no alias of it; an alias of one of these names needs quotes.
_AFTER_TABLE = frozenset(
    {
        *("cross", "inner", "left", "right", "full", "natural", "join", "on", "using", "for", "with"),
        *(
            "where",
            "group",
            "having",
            "qualify",
            "window",
            "order",
            "limit",
            "tablesample",
            "pivot",
            "unpivot",
        ),
        *("union", "intersect", "except"),
    }
)


class EvaluationFailed(RuntimeError):  # noqa: N818  (reads as what happened)
    """A query that the evaluator refused or could not finish; the message names the query."""


class Evaluator:
    """Tables by path, and queries over them. For the values of rows see values.py."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}

    def add_table(
        self, path: Sequence[str], columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]
    ) -> None:
        """Put a table at a path such as `("project", "dataset", "table")`, in place of what is there.

        `columns` are names and BigQuery types; a column that a row lacks is null. Raises `EvaluationFailed`
        for a value that its type cannot hold, naming table and column.
        """
        types = {name: parse_type(text) for name, text in columns.items()}
        table = _Table.empty(types)
        for row in rows:
            cells = table.content.table_data.row.add().cell
            for name, of in types.items():
                try:
                    put_value(row.get(name), of, cells.add())
                except (AttributeError, TypeError, ValueError):
                    raise EvaluationFailed(
                        f"table {'.'.join(path)}: column {name} ({type_text(of)}) cannot hold this "
                        f"{type(row.get(name)).__name__}"
                    ) from None
        self._tables[_key(path)] = table

    def evaluate(self, sql: str, name: str = "query") -> list[dict[str, Any]]:
        """Rows of a query; `name` is what an error calls it. Raises `EvaluationFailed` with the position."""
        return self._run(sql, name).rows()

    def create_table(self, path: Sequence[str], sql: str, name: str = "query") -> list[dict[str, Any]]:
        """Rows of a query, put at a path as well, as `create table … as` does. Raises `EvaluationFailed`."""
        table = self._run(sql, name)
        self._tables[_key(path)] = table
        return table.rows()

    def columns(self, path: Sequence[str]) -> dict[str, str]:
        """Columns of a table and their BigQuery types. Raises `KeyError` for an unknown table."""
        return {name: type_text(of) for name, of in self._tables[_key(path)].types.items()}

    def _run(self, sql: str, name: str) -> _Table:
        from google.protobuf.empty_pb2 import Empty
        from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service

        sql, used = self._with_tables_at_root(sql)
        request = service.PrepareQueryRequest(
            sql=sql, options=analyzer_options(), simple_catalog=empty_catalog()
        )
        request.options.ClearField("parameter_mode")  # the service evaluates no positional parameters
        for key in sorted(used):
            table = self._tables[key]
            definition = request.simple_catalog.table.add(name=key, full_name=key)
            for column, of in table.types.items():
                definition.column.add(name=column, type=of)
            request.table_content[key].CopyFrom(table.content)
        try:
            prepared = engine().call("PrepareQuery", request, service.PrepareQueryResponse).prepared
            known_as = prepared.prepared_query_id
            try:
                answer = engine().call(
                    "EvaluateQuery",
                    service.EvaluateQueryRequest(prepared_query_id=known_as),
                    service.EvaluateQueryResponse,
                )
            finally:
                engine().call(
                    "UnprepareQuery", service.UnprepareQueryRequest(prepared_query_id=known_as), Empty
                )
        except StatementRefused as refused:
            raise EvaluationFailed(f"{name}: {refused}") from None
        except EngineStopped as stopped:
            raise EvaluationFailed(f"{name}: the evaluator gave up ({stopped})") from None
        answer.content.table_data.SetInParent()
        return _Table({column.name: column.type for column in prepared.columns}, answer.content)

    def _with_tables_at_root(self, sql: str) -> tuple[str, set[str]]:
        """The query with every known path as one quoted name, and which tables these are.

        Only a table at the root of a catalog can have rows. The last part of a path stays the table's alias,
        as it is in BigQuery.
        """
        used: set[str] = set()

        def renamed(found: re.Match[str]) -> str:
            parts = found[0].replace("`", "").split(".")
            key = _key([part.strip() for part in parts])
            if key not in self._tables:
                return found[0]
            used.add(key)
            following = _NEXT_WORD.match(sql, found.end())
            word = following["word"] if following else None
            has_alias = word is not None and word.lower() not in _AFTER_TABLE
            return f"`{key}`" if has_alias else f"`{key}` as `{parts[-1].strip()}`"

        return _QUOTED_PATH.sub(renamed, sql), used


class _Table:
    def __init__(self, types: Mapping[str, TypeProto], content: TableContent) -> None:
        self.types = types
        self.content = content

    @classmethod
    def empty(cls, types: Mapping[str, TypeProto]) -> _Table:
        from zetasql.wasi._pb2.zetasql.local_service.local_service_pb2 import TableContent

        content = TableContent()
        content.table_data.SetInParent()  # a table without rows has content, too
        return cls(types, content)

    def rows(self) -> list[dict[str, Any]]:
        columns = list(self.types.items())
        return [
            {name: get_value(cell, of) for (name, of), cell in zip(columns, row.cell, strict=True)}
            for row in self.content.table_data.row
        ]


def _key(path: Sequence[str]) -> str:
    return ".".join(path).lower()

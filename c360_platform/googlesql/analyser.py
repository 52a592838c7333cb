"""One statement, judged by Google's analyser against the tables it was told of.

Belongs here: the catalog, the question, the answer in plain values. Does not belong here: BigQuery's own
rules on top (rules.py), which statements there are (project.py, statements.py), running one (evaluator.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from c360_platform.googlesql.engine import Engine, EngineStopped, StatementRefused, engine
from c360_platform.googlesql.language import analyzer_options, empty_catalog, language_options
from c360_platform.googlesql.memory import Memory
from c360_platform.googlesql.rules import violation
from c360_platform.googlesql.tree import field, node, nodes
from c360_platform.googlesql.types import canonical, parse_type, type_text

if TYPE_CHECKING:
    from zetasql.wasi._pb2.zetasql.proto.simple_catalog_pb2 import SimpleCatalogProto

Path = tuple[str, ...]
# The analyser does not count the table that an ALTER changes among the tables that a statement names.
_ALTERED = re.compile(
    r"\s*alter\s+\w+\s+(?:if\s+exists\s+)?(?P<path>(?:`[^`]+`|[\w-]+)(?:\s*\.\s*(?:`[^`]+`|[\w-]+))*)",
    re.IGNORECASE,
)
_PART = re.compile(r"`([^`]+)`|([\w-]+)")
_POSITION = re.compile(r"\s*\[at (\d+):(\d+)\]")


@dataclass(frozen=True, slots=True)
class SqlError:
    """Why BigQuery would refuse a statement. Line and column count from 1; 0 where they are not known."""

    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the analyser says of a statement.

    `columns` are name and BigQuery type, in order, of what a query gives or a CREATE makes; a dict cannot
    hold two columns of one name, so `repeated` names those. `columns` is None for other statements and after
    an error. `created` and `dropped` are the lower-case path of the table or view that a DDL statement names.
    """

    columns: dict[str, str] | None
    error: SqlError | None = None
    repeated: tuple[str, ...] = ()
    created: Path | None = None
    dropped: Path | None = None


class Analyser:
    """Statements of one project. Tables are found by path in any case and any quoting of its parts.

    With a `memory`, what was analysed before is not analysed again; its owner saves it.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory
        self._tables: dict[Path, dict[str, str]] = {}
        # As statements wrote paths, lower case: ("p.d.t",), ("p", "d", "t").
        self._spellings: set[Path] = set()
        self._registered: tuple[Engine, int] | None = None

    def add_table(self, path: Sequence[str], columns: Mapping[str, str]) -> None:
        """Make a table or view known, or known anew. Columns to BigQuery types; raises `UnknownType`."""
        table = {name: canonical(of) for name, of in columns.items()}
        key = _key(path)
        if self._tables.get(key) != table:
            self._tables[key] = table
            if any(_key(spelling) == key for spelling in self._spellings):
                self._forget_catalog()

    def remove_table(self, path: Sequence[str]) -> None:
        """Make a table unknown again; one that is not there is no error."""
        if self._tables.pop(_key(path), None) is not None:
            self._forget_catalog()

    def columns(self, path: Sequence[str]) -> dict[str, str] | None:
        """Name to type of a known table, else None."""
        found = self._tables.get(_key(path))
        return dict(found) if found is not None else None

    def names_in(self, schema: Sequence[str]) -> list[str]:
        """Names of the tables whose path is `schema` and a name, in order."""
        parent = _key(schema)
        return sorted(path[-1] for path in self._tables if path[:-1] == parent)

    def tables_of(self, sql: str) -> set[Path]:
        """Lower-case paths that a statement names; empty when it cannot even be parsed."""
        return {_key(spelling) for spelling in _spellings_in(sql)}

    def analyse(self, sql: str, parameters: Sequence[str] = ()) -> Analysis:
        """Judge one statement; `parameters` are the BigQuery types of its `?` in order."""
        if self.memory is None:
            return self._judge(sql, parameters)
        kept = self.memory.recall(sql, parameters, self._known)
        if kept is not None:
            return _from_json(kept)
        analysis = self._judge(sql, parameters)
        tables = [".".join(path) for path in sorted(self.tables_of(sql))]
        self.memory.keep(sql, parameters, tables, self._known, asdict(analysis))
        return analysis

    def _known(self, dotted: str) -> dict[str, str] | None:
        return self._tables.get(tuple(dotted.split(".")))

    def _judge(self, sql: str, parameters: Sequence[str]) -> Analysis:
        try:
            statement = self.resolve(sql, parameters)
        except StatementRefused as refusal:
            return Analysis(columns=None, error=_error(str(refusal)))
        except EngineStopped as stopped:
            return Analysis(None, SqlError(f"the analyser gave up on this statement ({stopped})", 0, 0))
        taken = _parameters_of(statement) if parameters else 0
        if taken < len(parameters):
            message = f"{len(parameters)} parameters are given but the statement has {taken}"
            return Analysis(columns=None, error=SqlError(message, 0, 0))
        broken = violation(statement, sql)
        if broken is not None:
            return Analysis(columns=None, error=SqlError(broken[0], *_place(sql, broken[1])))
        return _answer(statement)

    def resolve(self, sql: str, parameters: Sequence[str] = ()) -> Any:
        """The statement as Google's tree of resolved nodes, for those who ask what it reads.

        Raises `StatementRefused` and `EngineStopped`.
        """
        from zetasql.wasi._pb2.zetasql.local_service.local_service_pb2 import AnalyzeRequest, AnalyzeResponse

        request = AnalyzeRequest(
            sql_statement=sql,
            options=analyzer_options(tuple(parameters)),
            registered_catalog_id=self._catalog_for(sql),
        )
        answer = engine().call("Analyze", request, AnalyzeResponse)
        return node(answer.resolved_statement)

    def _catalog_for(self, sql: str) -> int:
        """The id of a registered catalog that holds what the statement names.

        Making the built-in functions known takes the analyser 20 ms, so a catalog serves many statements: it
        holds every table by its path, and by the other spellings that have come, and is made anew when one is
        missing or its table changed.
        """
        wanted = {spelling for spelling in _spellings_in(sql) if _key(spelling) in self._tables}
        now = engine()
        if self._registered is None or self._registered[0] is not now or not wanted <= self._spellings:
            self._forget_catalog()
            self._spellings |= wanted | self._tables.keys()
            self._registered = (now, self._register(now))
        return self._registered[1]

    def _register(self, now: Engine) -> int:
        from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service

        catalog = empty_catalog()
        for spelling in sorted(self._spellings):
            if (columns := self._tables.get(_key(spelling))) is not None:
                _put(catalog, spelling, columns)
        request = service.RegisterCatalogRequest(simple_catalog=catalog)
        return int(now.call("RegisterCatalog", request, service.RegisterResponse).registered_id)

    def _forget_catalog(self) -> None:
        from google.protobuf.empty_pb2 import Empty
        from zetasql.wasi._pb2.zetasql.local_service.local_service_pb2 import UnregisterRequest

        if self._registered is not None and self._registered[0] is engine():
            self._registered[0].call(
                "UnregisterCatalog", UnregisterRequest(registered_id=self._registered[1]), Empty
            )
        self._registered = None


@lru_cache(maxsize=4096)
def _spellings_in(sql: str) -> frozenset[Path]:
    if (altered := _ALTERED.match(sql)) is not None:
        parts = _PART.finditer(altered["path"])
        return frozenset({tuple((part[1] or part[2]).lower() for part in parts)})
    from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service

    request = service.ExtractTableNamesFromStatementRequest(sql_statement=sql, options=language_options())
    try:
        answer = engine().call(
            "ExtractTableNamesFromStatement", request, service.ExtractTableNamesFromStatementResponse
        )
    except (StatementRefused, EngineStopped):
        return frozenset()  # the analysis says why
    return frozenset(tuple(part.lower() for part in name.table_name_segment) for name in answer.table_name)


def _key(path: Sequence[str]) -> Path:
    """`("P.d", "T")` → `("p", "d", "t")`: BigQuery lets quotes embrace any number of parts."""
    return tuple(".".join(path).lower().split("."))


def _put(catalog: SimpleCatalogProto, spelling: Path, columns: Mapping[str, str]) -> None:
    *parents, name = spelling
    for parent in parents:
        found = next((child for child in catalog.catalog if child.name == parent), None)
        catalog = found if found is not None else catalog.catalog.add(name=parent)
    table = catalog.table.add(name=name, full_name=".".join(spelling))
    for column, of in columns.items():
        table.column.add(name=column, type=parse_type(of), is_writable_column=True)


def _error(said: str) -> SqlError:
    found = _POSITION.search(said)
    message = " ".join((said[: found.start()] if found else said).split())
    return SqlError(message, int(found[1]) if found else 0, int(found[2]) if found else 0)


def _place(sql: str, offset: int) -> tuple[int, int]:
    """Line and column of a place in bytes."""
    before = sql.encode()[:offset].decode(errors="ignore")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _parameters_of(statement: Any) -> int:
    found = (each for each in nodes(statement) if each.DESCRIPTOR.name == "ResolvedParameterProto")
    return max((parameter.position for parameter in found), default=0)


def _answer(statement: Any) -> Analysis:
    kind = statement.DESCRIPTOR.name
    path = _key(field(statement, "name_path") or ())
    if kind.startswith("ResolvedDrop"):
        return Analysis(columns=None, dropped=path)
    outputs = field(statement, "column_definition_list") or field(statement, "output_column_list")
    if outputs is None or not kind.startswith(("ResolvedCreate", "ResolvedQuery")):
        return Analysis(columns=None)
    columns: dict[str, str] = {}
    repeated = []
    for output in outputs:
        if any(output.name.lower() == known.lower() for known in columns):
            repeated.append(output.name)
        columns[output.name] = type_text(output.column.type)
    return Analysis(
        columns, repeated=tuple(repeated), created=path if kind.startswith("ResolvedCreate") else None
    )


def _from_json(kept: dict[str, Any]) -> Analysis:
    error = kept["error"]
    return Analysis(
        columns=kept["columns"],
        error=SqlError(**error) if error else None,
        repeated=tuple(kept["repeated"]),
        created=tuple(kept["created"]) if kept["created"] is not None else None,
        dropped=tuple(kept["dropped"]) if kept["dropped"] is not None else None,
    )

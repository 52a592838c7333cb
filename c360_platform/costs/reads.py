"""What a statement reads: columns of tables, and what its conditions leave of the rows.

Belongs here: the way from a resolved statement down to the tables, through CTEs, joins, unions and views.
Does not belong here: what a condition means (`domains`) and what reading costs (`tables`, `estimate`).

BigQuery reads columns, not rows: those that the result, a condition, a join, a group or an order needs. It
evaluates a CTE where it is used and moves conditions on plain columns down to the tables; a condition does
not pass a window function or a LIMIT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import Any

from c360_platform.costs.domains import (
    ANYTHING,
    NOTHING,
    Conditions,
    Domain,
    Domains,
    both,
    children,
    either,
    source_of,
)
from c360_platform.googlesql.tree import field, node

Path = tuple[str, ...]
_INNER, _LEFT, _RIGHT = 0, 1, 2  # ResolvedJoinScan's join types
_MATCHED, _NOT_BY_SOURCE = 0, 1  # ResolvedMergeWhen's match types
_CAPITAL = re.compile(r"(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Read:
    """One scan of a table: lower-case column names, and conditions by column name.

    `rewrites`: DML that changes or deletes rows takes up whole partitions beside what it reads.
    """

    table: Path
    columns: frozenset[str]
    domains: Mapping[str, Domain] = attribute(default_factory=dict)
    rewrites: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """A statement and Google's tree of it."""

    sql: str
    tree: Any


class ReadsOf:
    """The reads of statements over tables and views; a view is read through its own query."""

    def __init__(self, views: Mapping[Path, Resolved], columns: Mapping[Path, Iterable[str]]) -> None:
        self.views = views
        self.columns = {table: frozenset(name.lower() for name in names) for table, names in columns.items()}

    def of(self, statement: Resolved) -> list[Read]:
        """Reads of a query or of DML; of anything else, none.

        Changing or deleting rows is billed as what the statement reads, and on top of it everything in the
        partitions in which the rows lie – here: may lie.
        https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax#on-demand_query_size_calculation
        """
        walk = _Walk(self, statement.sql)
        tree = statement.tree
        kind = tree.DESCRIPTOR.name
        if kind in ("ResolvedQueryStmtProto", "ResolvedCreateTableAsSelectStmtProto"):
            walk.scan(tree.query, {output.column.column_id for output in tree.output_column_list}, {})
        elif kind == "ResolvedInsertStmtProto":
            if tree.HasField("query"):  # else its rows stand in the statement
                walk.scan(tree.query, {column.column_id for column in tree.query_output_column_list}, {})
        elif kind in ("ResolvedUpdateStmtProto", "ResolvedDeleteStmtProto"):
            limits = walk.conditions.domains(tree.where_expr)
            needed = walk.references(*(child for child in children(tree) if not _is_scan(child)))
            if kind == "ResolvedUpdateStmtProto" and tree.HasField("from_scan"):
                walk.scan(tree.from_scan, needed, limits)
            walk.table(tree.table_scan, needed, limits)
            walk.table(tree.table_scan, None, limits)
        elif kind == "ResolvedMergeStmtProto":
            walk.merge(tree)
        return walk.reads

    def of_view(self, path: Path, needed: set[str] | None, limits: Mapping[str, Domain]) -> list[Read]:
        view = self.views[path]
        walk = _Walk(self, view.sql)
        outputs = [(output.name.lower(), output.column.column_id) for output in view.tree.output_column_list]
        walk.scan(
            view.tree.query,
            {column for name, column in outputs if needed is None or name in needed},
            {column: limits[name] for name, column in outputs if name in limits},
        )
        return walk.reads


class _Walk:
    """The way through one statement. Column ids are unique in it: those that a part lacks do no harm."""

    def __init__(self, tables: ReadsOf, sql: str) -> None:
        self.tables = tables
        self.conditions = Conditions(sql)
        self.reads: list[Read] = []
        self._ctes: dict[str, Any] = {}
        self._seen: set[tuple[Any, ...]] = set()

    def scan(self, any_scan: Any, needed: set[int], limits: Domains) -> None:
        """Go down a scan of which columns are needed and conditions are known."""
        scan = node(any_scan)
        kind = scan.DESCRIPTOR.name.removeprefix("Resolved").removesuffix("Proto")
        step = getattr(self, _CAPITAL.sub("_", f"_{kind}").lower().replace("__", "_"), None)
        if step is not None:
            step(scan, needed, limits)
        elif kind != "SingleRowScan":
            self._anything(scan, needed)

    def references(self, *expressions: Any) -> set[int]:
        """Columns that expressions use; subqueries in them are read as well."""
        found: set[int] = set()
        for expression in map(node, expressions):
            name = expression.DESCRIPTOR.name
            if name == "ResolvedColumnRefProto":
                found.add(expression.column.column_id)
            elif name == "ResolvedSubqueryExprProto":
                found |= self.references(*(child for child in children(expression) if not _is_scan(child)))
                inner = node(expression.subquery)
                exists = expression.subquery_type == 2
                self.scan(inner, set() if exists else _ids(inner), {})
            elif not _is_scan(expression):
                found |= self.references(*children(expression))
        return found

    def table(self, scan: Any, needed: set[int] | None, limits: Domains) -> None:
        """Reach a table or a view; `needed` None means all of its columns."""
        path = tuple(scan.table.full_name.lower().split("."))
        columns = [(column.name.lower(), column.column_id) for column in field(scan, "column_list")]
        named = {name: limits[column] for name, column in columns if column in limits}
        if NOTHING in limits:
            return
        names = None if needed is None else {name for name, column in columns if column in needed}
        if path in self.tables.views:
            self.reads += self.tables.of_view(path, names, named)
        else:
            all_of_it = self.tables.columns.get(path, frozenset())
            chosen = all_of_it if names is None else frozenset(names)
            self.reads.append(Read(path, chosen, named, rewrites=names is None))

    def merge(self, tree: Any) -> None:
        """MERGE: its target is limited as far as every clause that changes rows of it is."""
        joined = self.conditions.domains(tree.merge_expr)
        needed = self.references(*(child for child in children(tree) if not _is_scan(child)))
        clauses: list[Domains] = []
        for clause in tree.when_clause_list:
            if clause.match_type == _NOT_BY_SOURCE:
                clauses.append(
                    self.conditions.domains(clause.match_expr) if clause.HasField("match_expr") else {}
                )
            elif clause.match_type == _MATCHED:  # what is inserted changes no row that is there
                clauses.append(joined)
        self.scan(tree.from_scan, needed, {})
        self.table(tree.table_scan, needed, either(clauses) if clauses else joined)
        if clauses:
            self.table(tree.table_scan, None, either(clauses))

    # Scans, by the names of Google's nodes ------------------------------------------------------------------

    def _table_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        self.table(scan, needed, limits)

    def _filter_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        own = self.conditions.domains(scan.filter_expr)
        self.scan(scan.input_scan, needed | self.references(scan.filter_expr), both(limits, own))

    def _project_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        needed, limits = self._through(scan.expr_list, needed, limits)
        self.scan(scan.input_scan, needed, limits)

    def _aggregate_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        groups, aggregates = field(scan, "group_by_list"), field(scan, "aggregate_list")
        every_group = {field(column, "column").column_id for column in groups}
        wanted, limits = self._through(groups, needed | every_group, limits)
        for aggregate in map(node, aggregates):
            if _made(aggregate) in needed:
                wanted |= self.references(*children(aggregate))
        self.scan(field(scan, "input_scan"), wanted, limits)

    def _analytic_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        kept: set[int] | None = None
        needed = set(needed)
        for group in scan.function_group_list:
            partition = self.references(group.partition_by) if group.HasField("partition_by") else set()
            kept = partition if kept is None else kept & partition
            functions = [
                function for function in map(node, group.analytic_function_list) if _made(function) in needed
            ]
            if functions:
                needed |= partition | self.references(*functions)
                needed |= self.references(group.order_by) if group.HasField("order_by") else set()
        self.scan(
            scan.input_scan, needed, {column: limits[column] for column in limits if column in (kept or ())}
        )

    def _join_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        on: Domains = {}
        needed = set(needed)
        if scan.HasField("join_expr"):
            on = self.conditions.domains(scan.join_expr)
            needed |= self.references(scan.join_expr)
        kind = scan.join_type
        self.scan(scan.left_scan, needed, both(limits, on) if kind in (_INNER, _RIGHT) else limits)
        self.scan(scan.right_scan, needed, both(limits, on) if kind in (_INNER, _LEFT) else limits)

    def _array_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        parts = [*scan.array_expr_list, *([scan.join_expr] if scan.HasField("join_expr") else [])]
        needed = needed | self.references(*parts)
        if scan.HasField("input_scan"):
            self.scan(scan.input_scan, needed, limits)

    def _order_by_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        self.scan(scan.input_scan, needed | self.references(*scan.order_by_item_list), limits)

    def _limit_offset_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        limit = node(scan.limit)
        is_none = limit.DESCRIPTOR.name == "ResolvedLiteralProto" and limit.value.value.int64_value == 0
        self.scan(scan.input_scan, needed, {NOTHING: Domain(spans=(), null=False)} if is_none else {})
        del limits  # which rows the limit leaves depends on those that a condition would take away

    def _set_operation_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        outputs = _column_ids(scan)
        keeps_all = scan.op_type in (0, 2, 4)  # … ALL; the others compare every column
        for item in scan.input_item_list:
            ids = [column.column_id for column in item.output_column_list]
            pairs = list(zip(outputs, ids, strict=True))
            self.scan(
                item.scan,
                {inner for outer, inner in pairs if outer in needed or not keeps_all},
                {inner: limits[outer] for outer, inner in pairs if outer in limits} | _never(limits),
            )

    def _with_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        for entry in scan.with_entry_list:
            self._ctes[entry.with_query_name] = node(entry.with_subquery)
        self.scan(scan.query, needed, limits)

    def _with_ref_scan(self, scan: Any, needed: set[int], limits: Domains) -> None:
        query = self._ctes[scan.with_query_name]
        pairs = list(zip(_column_ids(scan), _column_ids(query), strict=True))
        wanted = {inner for outer, inner in pairs if outer in needed}
        limited = {inner: limits[outer] for outer, inner in pairs if outer in limits} | _never(limits)
        seen = (scan.with_query_name, frozenset(wanted), frozenset(limited.items()))
        if seen not in self._seen:  # the same columns of the same rows are counted once anyway
            self._seen.add(seen)
            self.scan(query, wanted, limited)

    def _anything(self, scan: Any, needed: set[int]) -> None:
        """A scan without rules here: whatever is below it is read."""
        needed = needed | self.references(*(child for child in children(scan) if not _is_scan(child)))
        for child in children(scan):
            if _is_scan(child):
                self.scan(child, needed | _ids(child), {})

    def _through(
        self, computed: Iterable[Any], needed: set[int], limits: Domains
    ) -> tuple[set[int], dict[int, Domain]]:
        """Needs and limits on computed columns, told of the columns that they are made of."""
        needed, found = set(needed), dict(limits)
        for column in computed:
            made, expression = _made(column), node(field(column, "expr"))
            if made in needed:
                needed |= self.references(expression)
            source = source_of(expression) if made in limits else None
            if source is not None:
                inner, derived = source
                limit = replace(limits[made], derived=limits[made].derived or derived)
                found[inner] = found.get(inner, ANYTHING).both(limit)
        return needed, found


def _made(column: Any) -> int:
    return int(field(column, "column").column_id)


def _column_ids(scan: Any) -> list[int]:
    return [column.column_id for column in field(scan, "column_list") or ()]


def _ids(scan: Any) -> set[int]:
    return set(_column_ids(scan))


def _is_scan(message: Any) -> bool:
    return bool(message.DESCRIPTOR.name.endswith("ScanProto"))


def _never(limits: Domains) -> dict[int, Domain]:
    return {NOTHING: limits[NOTHING]} if NOTHING in limits else {}

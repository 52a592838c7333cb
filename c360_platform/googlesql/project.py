"""Every statement of the dbt project, judged in the order in which the warehouse would get them.

Belongs here: the walk along the DAG, problems by file and line. Does not belong here: the judgement of one
statement (analyser.py, rules.py), what a model promises beside its SQL (promises.py), compiling.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from c360_platform.googlesql.analyser import Analyser, Analysis, SqlError
from c360_platform.googlesql.compiled import CompiledProject, Node
from c360_platform.googlesql.dbt_statements import create_table, merge
from c360_platform.googlesql.places import property_line, source_line, word_line
from c360_platform.googlesql.promises import (
    columns_without_name,
    contract_problems,
    differences,
    layout_problems,
    snapshot_columns,
    snapshot_problems,
)
from c360_platform.googlesql.types import UnknownType

_SET_OPERATION = re.compile(r"\b(union|intersect|except)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
TABLES = frozenset({"table", "incremental"})
# How dbt-bigquery types a seed's column that has no type: it tries these on every value, in this order.
_GUESSES = (
    ("BOOL", re.compile(r"true|false", re.IGNORECASE)),
    ("INT64", re.compile(r"[+-]?\d+")),
    ("FLOAT64", re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")),
    ("DATE", re.compile(r"\d{4}-\d\d-\d\d")),
    ("DATETIME", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?")),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why BigQuery would refuse a statement.

    `file` is relative to its project, `line` 0 when it is not known; `form` says which statement of a model
    it is when that is not its query; `shown` is the line of SQL.
    """

    file: str
    line: int
    reason: str
    form: str = ""
    shown: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        form = f" ({self.form})" if self.form else ""
        return f"{place}{form}: {self.reason}" + (f"\n    {self.shown}" if self.shown else "")


@dataclass(slots=True)
class Findings:
    """What a check found; `unchecked` are the names of what could not be judged because something before
    it is wrong.
    """

    statements: int = 0
    problems: list[Problem] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def check_project(project: CompiledProject, analyser: Analyser) -> Findings:
    """Judge models, snapshots, tests and analyses. The analyser then knows every table of the project."""
    return _Walk(project, analyser).findings()


class _Walk:
    def __init__(self, project: CompiledProject, analyser: Analyser) -> None:
        self.project = project
        self.analyser = analyser
        self.found = Findings()
        self.blocked: set[str] = set()  # nodes whose columns are not known

    def findings(self) -> Findings:
        tests = [node for node in self.project.nodes.values() if node.kind == "test"]
        for node in _by_depth(self.project.nodes):
            self._visit(node)
        whole, self.analyser = self.analyser, self._for_tests(tests)
        for test in tests:
            self._visit(test, whole)
        return self.found

    def _for_tests(self, tests: Sequence[Node]) -> Analyser:
        """An analyser that knows of each table only the columns that some test names.

        The analyser's time grows with the columns of the tables, and a test looks at one or two of many.
        """
        narrow = Analyser(self.analyser.memory)
        texts: dict[str, list[str]] = {}
        for test in tests:
            for parent in test.parents:
                texts.setdefault(parent, []).append(test.sql or "")
        for parent, sqls in texts.items():
            node = self.project.nodes.get(parent)
            columns = self.analyser.columns(node.path) if node else None
            if node and columns:
                narrow.add_table(node.path, _named_columns(columns, sqls))
        return narrow

    def _visit(self, node: Node, whole: Analyser | None = None) -> None:
        """Judge a node and make it known. A test that fails is judged again with the `whole` tables, because
        the analyser's reason may name a column that is like the wrong one.
        """
        if node.kind == "source":
            self._learn(node, source_columns(node))
        elif node.kind == "seed":
            self._learn(node, seed_columns(self.project.directory, node))
        elif not self.blocked.isdisjoint(node.parents):
            self.found.unchecked.append(node.name)
            self._learn(node, None)
        elif node.sql is None:
            self._problem(node, f"dbt does not compile it: {node.error or 'it has no SQL'}")
            self._learn(node, None)
        elif node.kind == "analysis":
            self._analyse(node, node.sql)
        elif whole is not None:
            if self.analyser.analyse(node.sql).error is None:
                self.found.statements += 1
            else:
                self._analyse(node, node.sql, by=whole)
        else:
            self._judge(node, node.sql)

    def _judge(self, node: Node, sql: str) -> None:
        analysis = self._analyse(node, sql)
        if analysis.columns is None:
            self._learn(node, None)
            return
        columns = analysis.columns
        before = len(self.found.problems)
        for name, reason in columns_without_name(analysis):
            self._problem(node, reason, near=(name,))
        if node.kind == "snapshot":
            for option, reason in snapshot_problems(node, columns):
                self._problem(node, f"{option}: {reason}", near=(option,))
            columns = columns | snapshot_columns(node)
        for name, reason in contract_problems(node, columns):
            self._broken_promise(node, name, reason)
        self._learn(node, columns)
        if node.config.get("materialized") in TABLES:
            for option, reason in layout_problems(node, columns):
                self._problem(node, f"{option}: {reason}", near=(option, "warehouse_layout"))
            if len(self.found.problems) == before:
                self._analyse(node, create_table(node.path, columns, node.config), "create table")
        if node.config.get("materialized") == "incremental":
            self._judge_later_run(node, columns)

    def _judge_later_run(self, node: Node, columns: Mapping[str, str]) -> None:
        if node.error:
            self._problem(node, f"dbt does not compile it: {node.error}", "incremental")
        if node.incremental_sql is None:
            return
        later = self._analyse(node, node.incremental_sql, "incremental")
        if later.columns is not None:
            for name, reason in differences(columns, later.columns):
                self._problem(node, reason, "incremental", near=(name, "is_incremental"))
        if node.merge_template:
            self._analyse(node, merge(node.merge_template, columns), "merge")

    def _analyse(self, node: Node, sql: str, form: str = "", by: Analyser | None = None) -> Analysis:
        self.found.statements += 1
        analysis = (by or self.analyser).analyse(sql)
        if analysis.error is not None:
            self.found.problems.append(self._placed(node, sql, analysis.error, form))
        return analysis

    def _learn(self, node: Node, columns: Mapping[str, str] | None) -> None:
        """Make a node's columns known; of a broken one those that its contract promises, else it blocks."""
        if columns is None and (node.config.get("contract") or {}).get("enforced"):
            columns = _declared(node)
        if columns is None:
            self.blocked.add(node.unique_id)
            return
        try:
            self.analyser.add_table(node.path, columns)
        except UnknownType as error:
            self._problem(node, str(error))
            self.blocked.add(node.unique_id)

    def _problem(self, node: Node, reason: str, form: str = "", near: Sequence[str] = ()) -> None:
        """A problem that has no place in the SQL; it is named where one of the words `near` stands."""
        line = word_line(self._text(node.file), *near) or 0
        self.found.problems.append(Problem(node.file, line, reason, form))

    def _broken_promise(self, node: Node, column: str, reason: str) -> None:
        file = node.properties or node.file
        line = property_line(self._text(file), node.name, column) or 0
        self.found.problems.append(Problem(file, line, f"contract of {node.name}: {reason}"))

    def _placed(self, node: Node, sql: str, error: SqlError, form: str) -> Problem:
        lines = sql.splitlines()
        shown = lines[error.line - 1].strip() if 0 < error.line <= len(lines) else ""
        text = self._text(node.file)
        if node.file.endswith((".yml", ".yaml")):
            tested = self.project.nodes.get(node.tested_node)
            name = tested.name if tested else node.name
            line = property_line(text, name, node.tested_column, node.name, node.test)
            return Problem(node.file, line or 0, f"test {node.name}: {error.message}", form, shown)
        line = source_line(text, sql, error.line) if form in ("", "incremental") else None
        return Problem(node.file, line or 0, error.message, form, shown)

    def _text(self, file: str) -> str:
        try:
            return (self.project.directory / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""


def _by_depth(nodes: Mapping[str, Node]) -> list[Node]:
    """All but tests, those without parents first: what is of one depth needs the same tables."""
    depths: dict[str, int] = {}
    for node in nodes.values():
        depths[node.unique_id] = 1 + max((depths.get(parent, 0) for parent in node.parents), default=0)
    others = [node for node in nodes.values() if node.kind != "test"]
    return sorted(others, key=lambda node: depths[node.unique_id])


def _named_columns(columns: Mapping[str, str], sqls: Sequence[str]) -> dict[str, str]:
    """The columns that a text names. A `*` may stand for fewer, unless rows of two queries must be alike."""
    if any("*" in sql and _SET_OPERATION.search(sql) for sql in sqls):
        return dict(columns)
    words = {word.lower() for sql in sqls for word in _WORD.findall(sql)}
    return {name: of for name, of in columns.items() if name.lower() in words}


def source_columns(node: Node) -> dict[str, str]:
    """A source as declared, which is how the macro raw() takes it when the warehouse is not asked."""
    return {name: of for name, of in node.columns.items() if of}


def seed_columns(directory: Path, node: Node) -> dict[str, str]:
    """Columns of a seed's table, typed as dbt-bigquery would."""
    given = {name.lower(): str(of) for name, of in (node.config.get("column_types") or {}).items()}
    with (directory / node.file).open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter=str(node.config.get("delimiter") or ","))
        rows = list(reader)
        names = list(reader.fieldnames or ())
    return {name: given.get(name.lower()) or _guess(row[name] for row in rows) for name in names}


def _guess(values: Iterable[str]) -> str:
    present = [value for value in values if value not in ("", "null")]
    fitting = (of for of, form in _GUESSES if all(form.fullmatch(value) for value in present))
    return next(fitting, "STRING") if present else "STRING"


def _declared(node: Node) -> dict[str, str] | None:
    return dict(node.columns) if node.columns and all(node.columns.values()) else None

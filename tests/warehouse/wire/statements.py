"""Every statement that the emulator was sent, judged by Google's own analyser in the order it came.

Belongs here: replaying the list of jobs against a catalogue that grows and shrinks with it. Does not belong
here: what is refused and why (`c360_platform.googlesql`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlglot import TokenType, exp, parse_one
from sqlglot.dialects import BigQuery
from sqlglot.errors import SqlglotError

from c360_platform.googlesql.analyser import Analyser

_COMMENT = re.compile(r"(?s)^\s*/\*.*?\*/")
# Scripting, which the analyser does not know: it judges single statements. Only dlt declares a variable.
_CONTROL = re.compile(r"(?i)\s*((begin|commit|rollback)(\s+transaction)?\s*$|declare\b)")
# dlt asks for tables of its own to learn whether they are there.
_DLT_LOOKS = re.compile(r"Table not found: \S+\._dlt_")
# Views that BigQuery has in every dataset and the analyser cannot know.
_OWN_VIEWS = re.compile(r"(?i)\binformation_schema\b")


def refused(jobs: Sequence[dict[str, Any]], project: str) -> dict[str, str]:
    """Statement to the analyser's reason, for each distinct one that BigQuery would refuse."""
    analyser = Analyser()
    problems: dict[str, str] = {}
    judged: set[str] = set()
    for job in jobs:
        if job["columns"]:
            _add(analyser, (project, *job["table"].split(".")), job["columns"])
        if not job["sql"] or job["dry_run"]:
            continue
        for sql, parameters in _statements(job):
            # The same statement again says nothing new, unless it makes or removes a table.
            if sql in judged and not re.match(r"(?i)\s*(create|drop|alter)\b", sql):
                continue
            judged.add(sql)
            if reason := _judge(analyser, project, sql, parameters):
                problems[sql] = reason
    return problems


def _judge(analyser: Analyser, project: str, sql: str, parameters: Sequence[str]) -> str | None:
    if _CONTROL.match(sql) or _OWN_VIEWS.search(sql):
        return None
    analysis = analyser.analyse(sql, parameters)
    if analysis.error is not None and _DLT_LOOKS.search(analysis.error.message):
        return None
    if analysis.error is not None:
        return f"{analysis.error.line}:{analysis.error.column} {analysis.error.message}"
    if analysis.created is not None and analysis.columns is not None:
        _add(analyser, _full(project, analysis.created), analysis.columns)
    if analysis.dropped is not None:
        path = _full(project, analysis.dropped)
        analyser.remove_table(path)
        analyser.remove_table(path[1:])
    _alter(analyser, project, sql)
    return None


def _alter(analyser: Analyser, project: str, sql: str) -> None:
    if not re.match(r"(?i)\s*alter\s+table\b", sql):
        return
    try:
        tree = parse_one(sql, read="bigquery")
    except SqlglotError:
        return
    added = {
        column.name: column.kind.sql("bigquery") for column in tree.find_all(exp.ColumnDef) if column.kind
    }
    table = tree.find(exp.Table)
    if table is not None and added:
        path = _full(project, tuple(part for part in (table.catalog, table.db, table.name) if part))
        _add(analyser, path, {**(analyser.columns(path) or {}), **added})


def _add(analyser: Analyser, path: tuple[str, ...], columns: dict[str, str]) -> None:
    """By both of its names: with the project and without."""
    analyser.add_table(path, columns)
    analyser.add_table(path[1:], columns)


def _full(project: str, path: tuple[str, ...]) -> tuple[str, ...]:
    return path if len(path) == 3 else (project, *path)


def _statements(job: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """A job's statements without dbt's comment, each with the types of its own parameters."""
    sql = _COMMENT.sub("", job["sql"])
    waiting = [parameter["type"] for parameter in job["parameters"]]
    start = marks = 0
    tokens = BigQuery().tokenize(sql)
    for token in tokens:
        marks += token.token_type == TokenType.PLACEHOLDER
        last = token is tokens[-1]
        if token.token_type == TokenType.SEMICOLON or last:
            end = token.start if token.token_type == TokenType.SEMICOLON else len(sql)
            text = sql[start:end].strip()
            if text:
                yield text, waiting[:marks]
            waiting, start, marks = waiting[marks:], token.end + 1, 0

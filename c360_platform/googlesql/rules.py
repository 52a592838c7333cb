"""What BigQuery refuses although Google's analyser lets it pass.

Belongs here: rules over an analysed statement, each with its source. Does not belong here: anything the
analyser finds by itself (names, types, frames of numbering functions, DELETE without WHERE).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from c360_platform.googlesql.tree import field, location, node, nodes
from c360_platform.googlesql.types import type_text

# https://cloud.google.com/bigquery/docs/clustered-tables#limitations
CLUSTERABLE = frozenset(
    {"BIGNUMERIC", "BOOL", "DATE", "DATETIME", "GEOGRAPHY", "INT64", "NUMERIC", "STRING", "TIMESTAMP"}
)
MOST_CLUSTER_COLUMNS = 4
# https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#partition_expression
_PARTITION_FORMS = (
    r"`?\w+`?",  # a DATE column
    r"date\(\s*`?\w+`?\s*\)",
    r"date_trunc\(\s*`?\w+`?\s*,\s*(month|year)\s*\)",
    r"(datetime|timestamp)_trunc\(\s*`?\w+`?\s*,\s*(hour|day|month|year)\s*\)",
    r"range_bucket\(\s*`?\w+`?\s*,\s*generate_array\(\s*-?\d+\s*,\s*-?\d+\s*(,\s*\d+\s*)?\)\s*\)",
)
_PARTITION_FORM = re.compile("|".join(f"(?:{form})" for form in _PARTITION_FORMS), re.IGNORECASE)
# https://cloud.google.com/bigquery/docs/schemas#column_names
_RESERVED_COLUMN = re.compile(
    r"_CHANGE_SEQUENCE_NUMBER|_CHANGE_TYPE|_CHANGE_TIMESTAMP|_COLIDENTIFIER.*|_FILE_.*|_PARTITION.*|_ROW_TIMESTAMP.*|"
    r"_TABLE_.*|__ROOT__.*",
    re.IGNORECASE,
)
_CALENDAR_PARTS = frozenset({1, 2, 6})  # YEAR, MONTH, QUARTER of Google's DateTimestampPart
# The rules walk the whole tree, so statements that hold none of these words are spared.
_SUSPICIOUS = re.compile(r"\b(percentile_(cont|disc)|interval|limit|create)\b", re.IGNORECASE)


def violation(statement: Any, sql: str) -> tuple[str, int] | None:
    """The first rule that a statement breaks: the reason and where in `sql` it stands, in bytes from 0."""
    if _SUSPICIOUS.search(sql) is None:
        return None
    for found in nodes(statement):
        rule = _RULES.get(found.DESCRIPTOR.name)
        if rule is not None and (reason := rule(found)) is not None:
            return reason, location(found)
    if statement.DESCRIPTOR.name.startswith("ResolvedCreateTable"):
        return next(_of_new_table(statement, sql), None)
    return None


def _percentile(call: Any) -> str | None:
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/navigation_functions#percentile_cont"""
    name = _function(call)
    return f"{name.upper()} needs an OVER clause in BigQuery" if name.startswith("percentile_") else None


def _calendar_interval(call: Any) -> str | None:
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#date_arithmetics_operators

    Found out at run time only: a TIMESTAMP has no months.
    """
    if _function(call) not in ("$add", "$subtract"):
        return None
    arguments = [node(argument) for argument in field(call, "argument_list") or ()]
    if not any(type_text(field(argument, "type")) == "TIMESTAMP" for argument in arguments):
        return None
    for argument in arguments:
        if argument.DESCRIPTOR.name == "ResolvedFunctionCallProto" and _function(argument) == "$interval":
            part = node(field(argument, "argument_list")[1])
            if part.value.value.enum_value in _CALENDAR_PARTS:
                return "a TIMESTAMP takes no interval of months, quarters or years"
    return None


def _correlated(subquery: Any) -> str | None:
    """https://cloud.google.com/bigquery/docs/reference/standard-sql/subqueries#correlated_subquery_concepts

    A correlated subquery over a table must be a join in disguise; with a LIMIT it is none.
    """
    if not subquery.parameter_list:
        return None
    kinds = {found.DESCRIPTOR.name for found in nodes(subquery.subquery)}
    reads_table = not kinds.isdisjoint({"ResolvedTableScanProto", "ResolvedWithRefScanProto"})
    if reads_table and "ResolvedLimitOffsetScanProto" in kinds:
        return "a correlated subquery over a table cannot have a LIMIT: join instead"
    return None


_RULES = {
    "ResolvedAggregateFunctionCallProto": _percentile,
    "ResolvedFunctionCallProto": _calendar_interval,
    "ResolvedSubqueryExprProto": _correlated,
}


def _of_new_table(statement: Any, sql: str) -> Iterator[tuple[str, int]]:
    for column in field(statement, "column_definition_list") or ():
        if _RESERVED_COLUMN.fullmatch(column.name):
            yield f"BigQuery keeps the column name {column.name} for itself", 0
    clustered = [node(expression) for expression in statement.cluster_by_list]
    if len(clustered) > MOST_CLUSTER_COLUMNS:
        yield f"a table is clustered by {MOST_CLUSTER_COLUMNS} columns at most, not {len(clustered)}", 0
    for expression in clustered:
        if (of := type_text(field(expression, "type"))) not in CLUSTERABLE:
            yield f"a table cannot be clustered by a column of type {of}", location(expression)
    partitioned = [node(expression) for expression in statement.partition_by_list]
    if len(partitioned) > 1:
        yield "a table is partitioned by one expression", location(partitioned[1])
    for expression in partitioned:
        yield from _of_partition(expression, sql)


def _of_partition(expression: Any, sql: str) -> Iterator[tuple[str, int]]:
    start = location(expression)
    end = field(expression, "parse_location_range").end
    text = sql.encode()[start:end].decode()
    of = type_text(field(expression, "type"))
    if not _PARTITION_FORM.fullmatch(text):
        yield f"BigQuery does not partition by {' '.join(text.split())}", start
    elif expression.DESCRIPTOR.name == "ResolvedColumnRefProto" and of != "DATE":
        yield f"a table cannot be partitioned by a bare column of type {of}, only DATE", start


def _function(call: Any) -> str:
    return str(field(call, "function").name).rpartition(":")[2].lower()

"""Statements that the emulator refuses or misreads, put into a form that it takes.

Belongs here: what is done to the GoogleSQL before the emulator translates it. Does not belong here: what
functions and casts give (`values`) and what the catalogue remembers (`tables`).
"""

from __future__ import annotations

import re

import bqemulator.api.routes.jobs as routes
import bqemulator.sql.rewriter.aggregate_variants as aggregates
from bqemulator.jobs import executor
from bqemulator.scripting.interpreter import ScriptInterpreter
from bqemulator.sql import translator
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from launcher.literals import plain

_WORTH_PARSING = re.compile(r"(?i)\b(create|div|reverse|normalize|\w+_(diff|add|sub|trunc))\b")
_STRUCT_SOURCE = re.compile(r"(?is)(\(\s*select\s+)as\s+struct\b")
_FROM_MONDAY = ("ISOWEEK", "WEEK(MONDAY)")
# The emulator translates these itself, and right.
_SUB_MILLISECOND = ("MICROSECOND", "MILLISECOND")


def install() -> None:
    _plain_literals_everywhere()
    _prepare_before_translation()
    _distinct_arrays_without_nulls()
    _struct_into_a_variable()


def _plain_literals_everywhere() -> None:
    """See `launcher.literals`."""
    execute, dry_run = executor.execute_query_job, routes._dry_run_response

    async def execute_query_job(project_id, job_id, bq_sql, *rest, **options):
        return await execute(project_id, job_id, plain(bq_sql), *rest, **options)

    async def dry_run_response(*, bq_sql, **options):
        return await dry_run(bq_sql=plain(bq_sql), **options)

    executor.execute_query_job = routes.execute_query_job = execute_query_job
    routes._dry_run_response = dry_run_response


def _prepare_before_translation() -> None:
    """The translator's first pass over the text gets the statement as `_prepared` leaves it."""
    first_pass = translator.rewrite_create_table_schema_ctas
    translator.rewrite_create_table_schema_ctas = lambda sql: first_pass(_prepared(sql))


def _prepared(sql: str) -> str:
    # Years of four digits, which %Y has from 1000 on; DuckDB knows no %E.
    sql = sql.replace("%E4Y", "%Y")
    if not _WORTH_PARSING.search(sql):
        return sql
    try:
        tree = parse_one(sql, read="bigquery")
    except SqlglotError:
        return sql  # the emulator says what is wrong with it
    changes = [
        _typed_table_from_query(tree),
        _elapsed_units(tree),
        _weeks_from_monday(tree),
        _dates_stay_dates(tree),
        _sums_in_parentheses(tree),
        _whole_operands(tree),
        _reversed_digests(tree),
        _composed_letters(tree),
    ]
    return tree.sql("bigquery") if any(changes) else sql


def _typed_table_from_query(tree: exp.Expression) -> bool:
    """`create table t (a int64) as (select …)`: the emulator knows the form without parentheses only."""
    if not (
        isinstance(tree, exp.Create)
        and isinstance(tree.this, exp.Schema)
        and isinstance(tree.expression, exp.Subquery)
    ):
        return False
    columns = [column for column in tree.this.expressions if isinstance(column, exp.ColumnDef)]
    body = exp.Subquery(
        this=tree.expression.this.copy(), alias=exp.TableAlias(this=exp.to_identifier("_body"))
    )
    casts = [
        exp.alias_(exp.cast(exp.column(column.name), column.kind.copy()), column.name) for column in columns
    ]
    tree.set("expression", exp.select(*casts).from_(body))
    tree.set("this", tree.this.this.copy())
    return True


def _elapsed_units(tree: exp.Expression) -> bool:
    """TIMESTAMP_DIFF counts whole units that have passed; the emulator counts boundaries."""
    found = False
    for node in _innermost_first(tree, exp.TimestampDiff):
        unit = node.args.get("unit")
        if unit is None or unit.name.upper() in _SUB_MILLISECOND:
            continue
        part = exp.Literal.string(unit.name.lower())
        node.replace(
            exp.Anonymous(this="datesub", expressions=[part, node.expression.copy(), node.this.copy()])
        )
        found = True
    return found


def _weeks_from_monday(tree: exp.Expression) -> bool:
    """The emulator truncates to Sunday, or to a timestamp, and counts no Mondays within seven days."""
    found = False
    for node in _innermost_first(tree, exp.DateDiff, exp.DateTrunc, exp.TimestampTrunc):
        unit = node.args.get("unit")
        if unit is None or unit.sql("bigquery").upper().strip("'") not in _FROM_MONDAY:
            continue
        if isinstance(node, exp.DateDiff):
            later, earlier = (_call("bq_monday", day) for day in (node.this, node.expression))
            days = exp.DateDiff(this=later, expression=earlier, unit=exp.var("DAY"))
            node.replace(exp.IntDiv(this=days, expression=exp.Literal.number(7)))
        elif isinstance(node, exp.DateTrunc):
            node.replace(_call("bq_monday", node.this))
        else:
            zone = node.args.get("zone") or exp.Literal.string("UTC")
            node.replace(_call("bq_monday_at", node.this, zone))
        found = True
    return found


def _dates_stay_dates(tree: exp.Expression) -> bool:
    """DATE_TRUNC of a column comes as a timestamp. The platform truncates DATEs only."""
    nodes = [
        node
        for node in _innermost_first(tree, exp.DateTrunc)
        if not node.find_ancestor(exp.PartitionedByProperty)
    ]
    for node in nodes:
        node.replace(exp.cast(node.copy(), "date"))
    return bool(nodes)


def _innermost_first(tree: exp.Expression, *kinds: type[exp.Expression]) -> list[exp.Expression]:
    """What a replaced node carries over is a copy, so that what is inside it has to be replaced before."""
    return list(tree.find_all(*kinds))[::-1]


def _call(function: str, *arguments: exp.Expression) -> exp.Anonymous:
    return exp.Anonymous(this=function, expressions=[argument.copy() for argument in arguments])


def _sums_in_parentheses(tree: exp.Expression) -> bool:
    """TIMESTAMP_ADD becomes `ts + interval`, and what is written behind it binds to the interval."""
    nodes = _innermost_first(tree, exp.TimestampAdd, exp.TimestampSub, exp.DatetimeAdd, exp.DatetimeSub)
    for node in nodes:
        node.replace(exp.Paren(this=node.copy()))
    return bool(nodes)


def _whole_operands(tree: exp.Expression) -> bool:
    """`div(a - b, c)` becomes `a - b // c` in the emulator: its operands need parentheses."""
    found = False
    for node in _innermost_first(tree, exp.IntDiv):
        for name in ("this", "expression"):
            operand = node.args[name]
            if isinstance(operand, exp.Binary):
                node.set(name, exp.Paren(this=operand.copy()))
                found = True
    return found


def _reversed_digests(tree: exp.Expression) -> bool:
    """`to_hex(reverse(md5(x)))`: REVERSE of BYTES is refused."""
    nodes = [
        node
        for node in _innermost_first(tree, exp.LowerHex, exp.Hex)
        if isinstance(node.this, exp.Reverse) and isinstance(node.this.this, exp.MD5Digest)
    ]
    for node in nodes:
        node.replace(_call("bq_reversed_md5", node.this.this.this))
    return bool(nodes)


def _composed_letters(tree: exp.Expression) -> bool:
    """NORMALIZE is unknown. Of NFD the platform keeps the letters alone, so accents may go at once."""
    nodes = _innermost_first(tree, exp.Normalize)
    for node in nodes:
        form = node.args.get("form")
        is_nfd = form is not None and form.name.upper() == "NFD"
        node.replace(_call("strip_accents" if is_nfd else "nfc_normalize", node.this))
    return bool(nodes)


def _distinct_arrays_without_nulls() -> None:
    """`array_agg(distinct x ignore nulls)`: the emulator's filter tests `distinct x is not null`."""
    target = aggregates._filter_target

    def filter_target(operand):
        operand = target(operand)
        return operand.expressions[0] if isinstance(operand, exp.Distinct) else operand

    aggregates._filter_target = filter_target


def _struct_into_a_variable() -> None:
    """`set (x) = (select as struct a)`, as dbt writes it for partitions that it replaces."""
    plain_set = ScriptInterpreter._exec_set

    async def exec_set(self, statement):
        if len(statement.targets) == 1 and _STRUCT_SOURCE.match(statement.source_expr.strip()):
            row = await self._eval_expr_row(_STRUCT_SOURCE.sub(r"\1", statement.source_expr, count=1))
            return self._frames.set(statement.targets[0], row[0])
        return await plain_set(self, statement)

    ScriptInterpreter._exec_set = exec_set

"""Functions and casts that give another value, type or scale than GoogleSQL's.

Belongs here: rules on the DuckDB tree that the emulator translates to, and the DuckDB macros they call. Does
not belong here: statements that fail altogether (`statements`).
"""

from __future__ import annotations

from bqemulator.sql import rules
from bqemulator.sql.rules._base import TranslationRule
from bqemulator.sql.rules.aggregate_types import DivDecimalRule
from bqemulator.storage.engine import DuckDBEngine
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

_NUMERIC = (38, 9)
_MACROS = (
    # Half away from zero; DuckDB rounds floats half to even.
    """create or replace macro bq_int64(x) as
       case when typeof(x) in ('DOUBLE', 'FLOAT') then cast(round(cast(x as double)) as bigint)
            else cast(x as bigint) end""",
    # Text that is no whole number is no INT64; DuckDB rounds '1.5' to 2.
    """create or replace macro bq_safe_int64(x) as
       case when typeof(x) in ('DOUBLE', 'FLOAT') then try_cast(round(try_cast(x as double)) as bigint)
            when typeof(x) = 'VARCHAR' and not regexp_full_match(cast(x as varchar), '\\s*[+-]?\\d+\\s*')
            then null
            else try_cast(x as bigint) end""",
    # 1.0 is written '1', NUMERIC without trailing zeros.
    """create or replace macro bq_string(x) as
       case when typeof(x) in ('DOUBLE', 'FLOAT') then regexp_replace(cast(x as varchar), '\\.0$', '')
            when typeof(x) like 'DECIMAL%,%'
            then regexp_replace(regexp_replace(cast(x as varchar), '(\\.\\d*?)0+$', '\\1'), '\\.$', '')
            else cast(x as varchar) end""",
    # An array of nulls gives an empty text; DuckDB gives null.
    """create or replace macro bq_array_to_string(parts, separator) as
       case when parts is not null then coalesce(array_to_string(parts, separator), '') end""",
    """create or replace macro bq_reversed_md5(x) as
       array_to_string(list_transform(generate_series(31, 1, -2), lambda i: substr(md5(x), i, 2)), '')""",
    # Monday of the week: a DATE stays one.
    "create or replace macro bq_monday(d) as cast(date_trunc('week', d) as date)",
    """create or replace macro bq_monday_at(ts, zone) as
       timezone(zone, date_trunc('week', timezone(zone, ts)))""",
)


def install() -> None:
    # NUMERIC without precision is DuckDB's DECIMAL(18, 3) otherwise.
    generator = DuckDB.Generator
    generator.TYPE_PARAM_SETTINGS = {
        **generator.TYPE_PARAM_SETTINGS,
        exp.DType.DECIMAL: (_NUMERIC, (38, 38)),
    }
    rules._REGISTRY[:0] = [IntegerCast, TextCast, JoinedArray]
    _quotients_of_floats()
    _define_macros()


def _quotients_of_floats() -> None:
    """FLOAT64 by NUMERIC, and the other way round, is FLOAT64; the emulator makes it NUMERIC."""
    applies_to = DivDecimalRule.applies_to

    def without_floats(self, node):
        return applies_to(self, node) and not any(
            side.type is not None and side.type.is_type(exp.DType.DOUBLE, exp.DType.FLOAT)
            for side in (node.this, node.expression)
        )

    DivDecimalRule.applies_to = without_floats


def _define_macros() -> None:
    register = DuckDBEngine._register_builtin_udfs

    def register_with_macros(self):
        register(self)
        for macro in _MACROS:
            self.connection.execute(macro)

    DuckDBEngine._register_builtin_udfs = register_with_macros


class IntegerCast(TranslationRule):
    """CAST and SAFE_CAST to INT64 round half away from zero and take no fractions in text."""

    name = "INT64_CAST"

    def applies_to(self, node: exp.Expression) -> bool:
        return isinstance(node, (exp.Cast, exp.TryCast)) and node.to.is_type(exp.DType.BIGINT)

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        macro = "bq_safe_int64" if isinstance(node, exp.TryCast) else "bq_int64"
        return exp.Anonymous(this=macro, expressions=[node.this.copy()])


class TextCast(TranslationRule):
    """CAST to STRING of numbers."""

    name = "STRING_CAST"

    def applies_to(self, node: exp.Expression) -> bool:
        return (
            type(node) in (exp.Cast, exp.TryCast)
            and node.to.is_type(exp.DType.TEXT, exp.DType.VARCHAR)
            and not (isinstance(node.this, (exp.Null, exp.DPipe)) or node.this.is_string)
        )

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        return exp.Anonymous(this="bq_string", expressions=[node.this.copy()])


class JoinedArray(TranslationRule):
    """ARRAY_TO_STRING leaves nulls out, even when nothing else is there."""

    name = "ARRAY_TO_STRING"

    def applies_to(self, node: exp.Expression) -> bool:
        return isinstance(node, exp.ArrayToString) and node.args.get("null") is None

    def rewrite(self, node: exp.Expression) -> exp.Expression:
        return exp.Anonymous(
            this="bq_array_to_string", expressions=[node.this.copy(), node.expression.copy()]
        )

"""The emulator parses every statement some twenty times; here it parses it once.

Belongs here: remembering what is a pure function of the statement, and not keeping what nobody asks for. Does
not belong here: any change of a result.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

import sqlglot
from bqemulator.sql import translator
from bqemulator.versioning.snapshots import SnapshotManager

# Modules that only look at a statement's tree, so that all of them may look at the same one.
_READERS = (
    "bqemulator.catalog.ddl_sync",
    "bqemulator.jobs.ddl_result",
    "bqemulator.jobs.executor",
    "bqemulator.jobs.routine_ddl",
    "bqemulator.sql.catalog_schema",
    "bqemulator.sql.inner_query",
    "bqemulator.versioning.ddl",
)
_STATEMENTS = 256


def install() -> None:
    parse = sqlglot.parse_one

    @functools.lru_cache(_STATEMENTS)
    def parsed(sql: str, dialect: str) -> sqlglot.exp.Expression:
        return parse(sql, read=dialect)

    def copied(sql: str, read: Any = None, **options: Any) -> sqlglot.exp.Expression:
        """A tree of the caller's own."""
        return parsed(sql, read).copy() if read and not options else parse(sql, read=read, **options)

    def shared(sql: str, read: Any = None, **options: Any) -> sqlglot.exp.Expression:
        return parsed(sql, read) if read and not options else parse(sql, read=read, **options)

    sqlglot.parse_one = copied
    # Some modules import sqlglot inside their functions and so get the copies, which are safe for everybody.
    for name in _READERS:
        module = importlib.import_module(name)
        if hasattr(module, "sqlglot"):
            module.sqlglot = _Sqlglot(shared)
    _remember_translations()
    _keep_no_history()


class _Sqlglot:
    """The module with another `parse_one`."""

    def __init__(self, parse_one: Any) -> None:
        self.parse_one = parse_one

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlglot, name)


def _remember_translations() -> None:
    """dbt asks the same test again after every build."""
    translate = translator.SQLTranslator.translate
    known: dict[tuple[str, str, str], Any] = {}

    def remembered(self, bq_sql, *, schema=None, caller=None, **options):
        key = (bq_sql, repr(schema), repr(caller))
        if key not in known:
            known[key] = translate(self, bq_sql, schema=schema, caller=caller, **options)
        return known[key]

    translator.SQLTranslator.translate = remembered


def _keep_no_history() -> None:
    """Every change copies the whole table for `for system_time as of`; nothing here reads the past."""
    SnapshotManager.capture = lambda self, *args, **options: None

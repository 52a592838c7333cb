"""What models and macros name and dbt provides, so that sqlfluff can render them without dbt and a warehouse.

Belongs here: every name without a leading underscore, which becomes one of the templates' (.sqlfluff,
library_path). Does not belong here: rules. The project's own macros are rendered as they are; the engine is
that of C360_DBT_TARGET, and what dbt finds out while it runs (columns of raw tables, rows that are there) is
not asked, as while dbt parses.
"""

import datetime as _datetime
import os as _os
import re as _re
from collections.abc import Callable as _Callable
from pathlib import Path as _Path
from types import SimpleNamespace as _Names
from typing import Any as _Any

import pytz as _pytz
import yaml as _yaml
from jinja2 import pass_context as _pass_context
from jinja2.runtime import Context as _Context

_ENGINE = _os.environ.get("C360_DBT_TARGET", "duckdb")
_PROJECT = _Path(__file__).resolve().parents[4] / "dbt_project" / "dbt_project.yml"
_VARIABLES: dict[str, _Any] = {
    **_yaml.safe_load(_PROJECT.read_text(encoding="utf-8"))["vars"],
    "as_of": "2026-06-30",
    "offline_compile": "full",
}


class _Adapter:
    @_pass_context
    def dispatch(self, context: _Context, name: str) -> _Callable[..., _Any]:
        """The engine's form of a macro, or the default one."""
        for prefix in (_ENGINE, "default"):
            macro = context.resolve_or_missing(f"{prefix}__{name}")
            if callable(macro):
                return macro
        raise LookupError(f"there is no macro {_ENGINE}__{name} or default__{name}")


def ref(name: str) -> str:
    """A model, in a schema of its own so that it is none of the CTEs that bear its name."""
    return f"models.{name}"


def source(name: str, table: str) -> str:
    """A raw table, in a form that both engines read whatever its name."""
    return f"raw_{name}.raw_{table}"


def config(**options: object) -> str:
    """Options leave no text."""
    del options
    return ""


def var(name: str, default: object = None) -> object:
    """A variable as dbt_project.yml has it."""
    return _VARIABLES.get(name, default)


adapter = _Adapter()
execute = False
this = "models.this"
_safe_cast = "safe_cast" if _ENGINE == "bigquery" else "try_cast"
dbt = _Names(safe_cast=lambda expression, kind: f"{_safe_cast}({expression} as {kind})")
modules = _Names(datetime=_datetime, pytz=_pytz, re=_re)

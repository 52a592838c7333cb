"""Parameters of multi-statement scripts, which the emulator forgets: they become literals.

Belongs here: positional parameters in a script. A single statement gets its parameters from the emulator
itself, and BigQuery counts them through the whole script.
"""

from __future__ import annotations

import re
from typing import Any

from bqemulator.jobs import executor

# Strings (triple-quoted first), names in backticks and comments hold no parameter.
_MARKER = re.compile(
    r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|--[^\n]*|/\*[\s\S]*?\*/|\?'
)
_BARE = {"INT64", "INTEGER", "FLOAT64", "FLOAT", "BOOL", "BOOLEAN"}


def install() -> None:
    run = executor._run_query_body

    async def run_query_body(*, bq_sql, query_params, is_scripted, **options):
        if is_scripted and query_params:
            bq_sql, query_params = with_values(bq_sql, query_params), None
        return await run(bq_sql=bq_sql, query_params=query_params, is_scripted=is_scripted, **options)

    executor._run_query_body = run_query_body


def with_values(sql: str, parameters: list[dict[str, Any]]) -> str:
    """The script with each `?` replaced by its parameter."""
    waiting = iter(parameters)
    return _MARKER.sub(lambda found: _literal(next(waiting)) if found[0] == "?" else found[0], sql)


def _literal(parameter: dict[str, Any]) -> str:
    kind = parameter["parameterType"]["type"]
    value = parameter.get("parameterValue", {}).get("value")
    if value is None:
        return f"cast(null as {kind})"
    if kind in _BARE:
        return str(value)
    # As bytes: the emulator cuts scripts at semicolons in strings and trips over escaped quotes.
    text = f"safe_convert_bytes_to_string(from_hex('{value.encode().hex()}'))"
    return text if kind == "STRING" else f"cast({text} as {kind})"

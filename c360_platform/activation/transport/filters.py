"""Conditions in the language of Klaviyo's `filter` parameter.

Belongs here: the few operators that the engine uses, and quoting. Source: Klaviyo's API overview, Filtering.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime


def equals(field: str, value: str) -> str:
    return f"equals({field},{_quoted(value)})"


def any_of(field: str, values: Iterable[str]) -> str:
    return f"any({field},[{','.join(_quoted(value) for value in values)}])"


def _quoted(value: str) -> str:
    # The SDK's own filter builder strips every space, also inside values.
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def moment(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

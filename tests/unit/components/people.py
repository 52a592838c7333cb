"""Small inputs for the Customer 360 component, and one way to run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from c360_platform.components.plan import Plan, Source
from c360_platform.components.profiles import Report, build_profiles
from c360_platform.components.workspace import workspace

AS_OF = date(2026, 6, 30)
Row = dict[str, Any]


def arrow(rows: Sequence[Row]) -> pa.Table:
    """Rows as Arrow; a column that a row lacks is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: [row.get(name) for row in rows] for name in names})


def profiles(
    sources: Mapping[Source, object], *, as_of: date = AS_OF, allow_empty: bool = False, **choices: Any
) -> tuple[list[Row], Report]:
    """Customers in the order of their ids, and the report; an empty list of rows is a missing source."""
    plan = Plan(as_of=as_of, **choices)
    wired = [
        (source, lambda value=value: arrow(value) if isinstance(value, list) and value else value or None)
        if isinstance(value, list)
        else (source, lambda value=value: value)
        for source, value in sources.items()
    ]
    with workspace(memory_mb=256) as space:
        report = build_profiles(space, plan, wired, allow_empty=allow_empty)
        rows = space.batches("select * from profiles order by customer_id").read_all().to_pylist()
    return rows, report

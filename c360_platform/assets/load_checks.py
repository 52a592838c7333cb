"""What a load saw of an API, judged per table: fields that drifted, rows that could not be read.

Belongs here: the checks that a load of `ingest` yields itself, from its journal and without a query. Does
not belong here: noticing (dlt_pipelines), tables that other pipelines load (checks.py). They warn and never
block: a load that met something new has lost nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import dagster as dg

from c360_platform.assets.raw import RawTable
from dlt_pipelines.journal import Journal

NO_DRIFT = "no_drift"
NO_REJECTED_ROWS = "no_rejected_rows"
REJECTED_ROWS = "rejected_rows"
_TOLD_REASONS = 5


def load_check_specs(tables: Sequence[RawTable]) -> list[dg.AssetCheckSpec]:
    """Two checks for every table that holds rows of the API."""
    return [
        dg.AssetCheckSpec(name, asset=table.key, description=description)
        for table in tables
        if table.name != REJECTED_ROWS
        for name, description in (
            (NO_DRIFT, "The API sends the fields that the table has, each with its type."),
            (NO_REJECTED_ROWS, "Every row that this load read fits the table."),
        )
    ]


def judge(
    table: RawTable, journal: Journal, wanted: Collection[dg.AssetCheckKey]
) -> Iterator[dg.AssetCheckResult]:
    """The verdicts on a table that are among the `wanted` ones."""
    verdicts = {NO_DRIFT: drift(table, journal), NO_REJECTED_ROWS: rejections(table, journal)}
    for name, (problem, metadata) in verdicts.items():
        if dg.AssetCheckKey(table.key, name) in wanted:
            yield dg.AssetCheckResult(
                asset_key=table.key,
                check_name=name,
                passed=not problem,
                severity=dg.AssetCheckSeverity.WARN,
                description=problem or "as expected",
                metadata=metadata,
            )


def drift(table: RawTable, journal: Journal) -> tuple[str, dict[str, list[str]]]:
    """What came otherwise than expected, in one line that is empty when nothing did; and the fields."""
    entry = journal.table(table.name)
    fields = {
        "new_fields": sorted(entry.unknown),
        "changed_fields": sorted(entry.misfits),
        "vanished_fields": sorted(entry.vanished),
    }
    line = f"{_where(table)}: {'; '.join(found)}" if (found := entry.drift()) else ""
    return line, {name: names for name, names in fields.items() if names}


def rejections(table: RawTable, journal: Journal) -> tuple[str, dict[str, int]]:
    """How many rows of this load could not be read, why and where they are; empty when all could."""
    reasons = journal.table(table.name).rejected
    count = reasons.total()
    if not count:
        return "", {REJECTED_ROWS: 0}
    told = [f"{reason} ({times})" for reason, times in reasons.most_common(_TOLD_REASONS)]
    if len(reasons) > _TOLD_REASONS:
        told.append(f"{len(reasons) - _TOLD_REASONS} other reasons")
    line = (
        f"{_where(table)}: {count} {'row' if count == 1 else 'rows'} could not be read: {', '.join(told)}; "
        f"kept in {table.schemas[0]}.{REJECTED_ROWS}, where table_name = '{table.name}'"
    )
    return line, {REJECTED_ROWS: count}


def _where(table: RawTable) -> str:
    return f"{table.schemas[0]}.{table.identifiers[0]}"

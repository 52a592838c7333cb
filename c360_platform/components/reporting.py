"""What Dagster shows of a run: numbers, checks, and the schema of the table.

Belongs here: reports as metadata and check results. Does not belong here: counting (profiles.py). No value of
a row comes here, so none can be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from c360_platform.components.contract import PROFILE, OutputColumn
from c360_platform.components.plan import Plan
from c360_platform.components.profiles import Report, SourceReport

UNIQUE_CHECK, MATCH_CHECK = "unique_customer_id", "match_rate"


def table_schema(columns: Sequence[OutputColumn] = PROFILE) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.lower(),
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in columns
        ]
    )


def frame_type(name: str, columns: Sequence[OutputColumn]) -> dg.DagsterType:
    """The DataFrame that assets downstream get, known to Dagster by its columns."""
    names = [column.name for column in columns]
    return dg.DagsterType(
        name=name,
        type_check_fn=lambda _, value: list(getattr(value, "columns", ())) == names,
        description=f"pandas DataFrame with the columns {', '.join(names)}.",
    )


def run_metadata(plan: Plan, report: Report, table: str | None) -> dict[str, Any]:
    """What a materialization says."""
    missing = [one.name for one in report.sources if one.missing]
    absent = {
        one.name: list(one.absent_columns) for one in report.sources if not one.missing and one.absent_columns
    }
    return {
        "dagster/row_count": report.customers,
        **({"dagster/table_name": table} if table is not None else {}),
        "as_of": plan.as_of.isoformat(),
        "active_customers": report.active,
        "duplicates_merged": report.merged_identities,
        "rows_in": sum(one.rows for one in report.sources),
        "rows_without_key": sum(one.without_key for one in report.sources),
        "ambiguous_matches": sum(report.ambiguous.values()),
        "shared_key_values_ignored": sum(report.shared_values.values()),
        "missing_sources": ", ".join(missing) or "none",
        "absent_columns": dg.MetadataValue.json(absent),
        "sources": _sources(plan, report.sources),
    }


def check_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            UNIQUE_CHECK, asset=key, description="Every customer stands in one row, with an id."
        ),
        dg.AssetCheckSpec(
            MATCH_CHECK, asset=key, description="Every source shares enough customers with the others."
        ),
    ]


def unique_result(rows: int, ids: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=UNIQUE_CHECK, passed=rows == ids, metadata={"rows": rows, "customer_ids": ids}
    )


def match_result(report: Report, least: float | None) -> dg.AssetCheckResult:
    """Without a rate to reach it only warns, of a source that shares nobody at all: its keys are no keys."""
    rates = {one.name: one.match_rate or 0.0 for one in report.sources if not one.missing}
    low = {
        name: rate
        for name, rate in rates.items()
        if len(rates) > 1 and (rate == 0.0 if least is None else rate < least)
    }
    return dg.AssetCheckResult(
        check_name=MATCH_CHECK,
        passed=not low,
        severity=dg.AssetCheckSeverity.WARN if least is None else dg.AssetCheckSeverity.ERROR,
        metadata={f"match_rate_{name}": round(rate, 4) for name, rate in rates.items()},
        description=f"too few rows match in {', '.join(low)}: check the mapping of keys" if low else None,
    )


def _sources(plan: Plan, sources: Sequence[SourceReport]) -> dg.TableMetadataValue:
    """One line per source; rates are shares of the rows that count."""
    lines = []
    for one in sources:
        line: dict[str, Any] = {
            "source": one.name,
            "kind": one.kind,
            "state": "missing" if one.missing else "read",
            "rows": one.rows,
            "customers": one.customers,
            "without_key": one.without_key,
            "unmatched": one.counted - sum(one.matched.values()),
            "match_rate": round(one.match_rate or 0.0, 4),
        }
        for key in plan.keys:
            line[f"matched_by_{key}"] = (
                round(one.matched.get(key, 0) / one.counted, 4) if one.counted else 0.0
            )
        line |= {
            "after_as_of": one.late_rows,
            "repeated_payments": one.repeated_payments,
            "unpaid": one.unpaid_rows,
            "other_currency": one.foreign_rows,
            "unreadable_times": one.unreadable_times,
        }
        lines.append(dg.TableRecord(line))
    return dg.MetadataValue.table(lines) if lines else dg.MetadataValue.table([], schema=dg.TableSchema([]))

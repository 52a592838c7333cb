"""Asset checks that no dbt test can make: what the shop's own loaders brought.

Belongs here: judging raw tables before anything is built on them, and recording what was seen. Does not
belong here: tests of models (dbt has them), the verdict of a push (assets/activate.py, where the push is).
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg

from c360_platform.assets.raw import RawTable, tables_already_there
from c360_platform.failures import one_line_failures
from c360_platform.resources import WarehouseAccess
from c360_platform.warehouse import Warehouse

RAW_CHECK = "readable"
RECEIVED_AT = "received_at"
DATA_VERSION_TAG = "dagster/data_version"


@dataclass(frozen=True)
class Sight:
    """What one look at a raw table found. `rows` is None when the table is not there."""

    table: RawTable
    relation: str | None = None
    rows: int | None = None
    newest: str | None = None
    missing_columns: tuple[str, ...] = ()

    @property
    def data_version(self) -> str:
        """Changes when rows arrive or go; cheap to compute, the same on both engines."""
        return "absent" if self.rows is None else f"{self.rows}@{self.newest or 'undated'}"

    @property
    def metadata(self) -> dict[str, Any]:
        """Row count and time of the newest row, where there are any."""
        found = {"dagster/row_count": self.rows, "newest_row_at": self.newest}
        return {name: value for name, value in found.items() if value is not None}


def look_at(tables: Sequence[RawTable], warehouse: Warehouse) -> list[Sight]:
    """Count the rows of every table and find its newest, under any name that the contract allows."""
    sights: list[Sight] = []
    selects: list[str] = []
    find = Finder(warehouse)
    for number, table in enumerate(tables):
        found = find(table)
        if found is None:
            sights.append(Sight(table))
            continue
        relation, columns = found
        present = {column.lower(): column for column in columns}
        missing = [
            name for name, names in table.required_columns().items() if present.keys().isdisjoint(names)
        ]
        dated_by = next((present[n] for n in _dated_by(table) if n in present), None)
        newest = (
            f"cast(max({_quoted(dated_by, warehouse)}) as string)" if dated_by else "cast(null as string)"
        )
        selects.append(
            f"select {number} as number, count(*) as row_count, {newest} as newest from {relation}"
        )
        sights.append(Sight(table, relation, missing_columns=tuple(missing)))
    counts = warehouse.table(" union all ".join(selects)).to_pylist() if selects else []
    by_number = {row["number"]: row for row in counts}
    return [
        sight
        if sight.relation is None
        else Sight(
            sight.table,
            sight.relation,
            by_number[number]["row_count"],
            by_number[number]["newest"],
            sight.missing_columns,
        )
        for number, sight in enumerate(sights)
    ]


def raw_checks(tables: Sequence[RawTable]) -> dg.AssetChecksDefinition:
    """One check per table that is already there; blocking, so that nothing is built or pushed on a hole.

    A source that a shop does not have passes. Each look is recorded as an observation, whose data version
    tells the shipment sensor that something arrived.
    """
    expected = {table.key: table for table in tables_already_there(tables)}

    @dg.multi_asset_check(
        name="raw_tables",
        specs=[
            dg.AssetCheckSpec(
                RAW_CHECK,
                asset=key,
                blocking=True,
                description="The table is there with every column that its contract requires.",
            )
            for key in expected
        ],
        can_subset=True,
        pool="warehouse",
    )
    def raw_tables(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[WarehouseAccess]
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = {check.asset_key for check in context.selected_asset_check_keys}
        sources = {expected[key].source for key in wanted}
        # All tables of a source: whether a missing one matters depends on the others.
        looked_for = [table for table in expected.values() if table.source in sources]
        with one_line_failures("raw tables"):
            opened = warehouse.open(asset="raw_tables", run=context.run.run_id)
            with opened.session():
                sights = look_at(looked_for, opened)
        for sight in sights:
            if sight.table.key in wanted:
                context.op_execution_context.log_event(_observation(sight))
                yield _verdict(sight, connected=_connected(sights, sight.table.source))

    return raw_tables


def _verdict(sight: Sight, *, connected: bool) -> dg.AssetCheckResult:
    table = sight.table
    where = f"{table.schemas[0]}.{table.identifiers[0]}"
    problem: str | None = None
    if sight.rows is None and table.required and connected:
        problem = f"{where} is missing: load it, or name another schema in the dbt variable raw_schemas"
    elif sight.missing_columns:
        columns = ", ".join(sight.missing_columns)
        problem = f"{where} has no column {columns}: add or rename it where the table is loaded"
    state = (
        "readable"
        if sight.rows is not None
        else "missing, not required"
        if connected
        else "source not connected"
    )
    return dg.AssetCheckResult(
        asset_key=table.key,
        check_name=RAW_CHECK,
        passed=problem is None,
        severity=dg.AssetCheckSeverity.ERROR,
        description=problem or state,
        metadata=sight.metadata,
    )


def _observation(sight: Sight) -> dg.AssetObservation:
    return dg.AssetObservation(
        sight.table.key, metadata=sight.metadata, tags={DATA_VERSION_TAG: sight.data_version}
    )


def _connected(sights: Sequence[Sight], source: str) -> bool:
    return any(sight.rows is not None for sight in sights if sight.table.source == source)


class Finder:
    """Finds raw tables under any of their names; asks once per schema what is in it, not once per name."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._listed = cache(warehouse.tables)

    def __call__(self, table: RawTable) -> tuple[str, Mapping[str, str]] | None:
        """The table's relation and columns."""
        for schema in table.schemas:
            for identifier in table.identifiers:
                if identifier in self._listed(schema):
                    relation = self.warehouse.relation(schema, identifier)
                    return relation, self.warehouse.columns(schema, identifier)
        return None


def _dated_by(table: RawTable) -> list[str]:
    """Names of the column that says when a row arrived or last changed."""
    names = table.names()
    return [*names.get(RECEIVED_AT, ()), *names.get(table.updated_at or "", ())]


def _quoted(column: str, warehouse: Warehouse) -> str:
    quote = "`" if warehouse.engine == "bigquery" else '"'
    return f"{quote}{column}{quote}"

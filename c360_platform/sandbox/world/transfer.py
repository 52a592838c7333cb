"""The synthetic shop's raw tables in another warehouse than the DuckDB file in which they were made.

Belongs here: copying them as any loader would bring them, and never into datasets of somebody else. Does not
belong here: making the world (`generator`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from c360_platform.sandbox.world.generator import RAW_SCHEMAS, TRUTH_SCHEMA, WorldError
from c360_platform.warehouse.duckdb import DuckDBWarehouse

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.warehouse import Warehouse

# What is read from the sandbox; another world has another one.
_LOADED_SCHEMAS: Final = ("klaviyo", "klaviyo_staging", "zendesk", "zendesk_staging")

Progress = Callable[[str], None]
Table = tuple[str, str]


def transfer_world(
    warehouse_path: Path, target: Warehouse, *, replace: bool = False, progress: Progress | None = None
) -> None:
    """Copy the raw tables of the world in the DuckDB file to `target`, and drop what followed an earlier one.

    The table `world.parameters` claims the target before anything is copied and gets its row last: it says
    which world is there, complete. Raises `WorldError` when the target holds raw tables that came another
    way, or (without `replace`) another world.
    """
    source = DuckDBWarehouse(warehouse_path)
    tables = list(_tables(source))
    if not target.exists(_marker(target)):
        _refuse_foreign_tables(target)
    elif not replace and _parameters(target) not in ([], _parameters(source)):
        raise WorldError(
            "the warehouse holds another world: give the same customers and seed, or allow it to be replaced"
        )
    target.create_schema(TRUTH_SCHEMA)
    parameters = source.table(f"select * from {_marker(source)}")
    _replace(target, _marker(target), parameters.slice(length=0))
    for schema in _following(target):
        target.execute(f"drop schema if exists {schema} cascade")
    for number, (schema, table) in enumerate(tables, start=1):
        if progress is not None:
            progress(f"table {number} of {len(tables)}: {schema}.{table}")
        target.create_schema(schema)
        _copy(source, target, schema, table)
    target.append(_marker(target), parameters)


def is_transferred(warehouse_path: Path, target: Warehouse) -> bool:
    """Whether the target holds, complete, the world that is in the DuckDB file."""
    here = _parameters(DuckDBWarehouse(warehouse_path))
    return target.exists(_marker(target)) and _parameters(target) == here


def _marker(warehouse: Warehouse) -> str:
    return warehouse.relation(TRUTH_SCHEMA, "parameters")


def _parameters(warehouse: Warehouse) -> list[dict[str, object]]:
    return warehouse.table(f"select * from {_marker(warehouse)}").to_pylist()


def _tables(source: DuckDBWarehouse) -> Iterator[Table]:
    schemas = ", ".join("?" * len(RAW_SCHEMAS))
    rows = source.table(
        "select table_schema, table_name from information_schema.tables "
        f"where table_catalog = current_database() and table_schema in ({schemas}) order by all",
        RAW_SCHEMAS,
    )
    for row in rows.to_pylist():
        yield row["table_schema"], row["table_name"]


def _following(target: Warehouse) -> tuple[str, ...]:
    """Schemas that hold what was read from the former sandbox, or remember what was sent to it."""
    return tuple(target.own_schema(name) for name in (*_LOADED_SCHEMAS, "c360_sync"))


def _refuse_foreign_tables(target: Warehouse) -> None:
    schemas = (*RAW_SCHEMAS, *_following(target))
    foreign = [f"{schema}.{table}" for schema in schemas for table in target.tables(schema)]
    if foreign:
        raise WorldError(
            f"the warehouse holds tables that were not made by `c360 world`: {', '.join(foreign)}; "
            "use a project of its own for the synthetic shop"
        )


def _copy(source: DuckDBWarehouse, target: Warehouse, schema: str, table: str) -> None:
    """Replace one table; batch by batch, so that a large one is never whole in memory."""
    import pyarrow as pa

    rows = source.query(f"select * from {source.relation(schema, table)}")
    relation = target.relation(schema, table)
    _replace(target, relation, pa.Table.from_batches([next(rows)]))
    for batch in rows:
        target.append(relation, pa.Table.from_batches([batch]))


def _replace(target: Warehouse, relation: str, rows: pa.Table) -> None:
    target.execute(f"drop table if exists {relation}")
    target.append(relation, rows)

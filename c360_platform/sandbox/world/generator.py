"""Makes a world: runs the SQL files in order, in one transaction, and records what was made.

Belongs here: order, atomicity, refusing to overwrite somebody's data, the summary. Does not belong here: what
is in the world (`sql/`) and how the sandbox's tables are filled (`sandbox_tables`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from c360_platform.sandbox.store import Store
from c360_platform.sandbox.world.sandbox_tables import fill_sandbox
from c360_platform.warehouse.duckdb import DuckDBWarehouse

if TYPE_CHECKING:
    import duckdb

# Changes whenever the same (customers, seed, as_of) would give another world.
WORLD_VERSION: Final = 4
RAW_SCHEMAS: Final = ("shopify", "amazon", "webshop", "stripe", "shipments", "ga4", "crm")
TRUTH_SCHEMA: Final = "world"
# What was read from the former sandbox, or remembers what was sent to it, is wrong about a new one.
_FOLLOWING_SCHEMAS: Final = ("klaviyo", "klaviyo_staging", "zendesk", "zendesk_staging", "c360_sync")
_ALL_SCHEMAS: Final = (*RAW_SCHEMAS, TRUTH_SCHEMA, *_FOLLOWING_SCHEMAS)
LARGEST_WORLD: Final = 5_000_000

_AREAS: Final = (
    "randomness",
    "catalog",
    "people",
    "spelling",
    "carts",
    "parcels",
    "truth_tables",
    "shopify_customers",
    "shopify_payments",
    "shopify_orders",
    "amazon",
    "webshop_customers",
    "webshop_orders",
    "stripe",
    "shipments",
    "ga4",
    "crm",
    "zendesk_users",
    "zendesk_tickets",
    "zendesk_answers",
    "klaviyo_profiles",
    "klaviyo_events",
    "truth",
)
# A table that a loader replaces loses its comment, so the mark tells ours from theirs.
_MARK: Final = "made by c360 world"
_SANDBOX_MARK: Final = "world"
_WORKING_MEMORY: Final = "4GB"

Progress = Callable[[str], None]


class WorldError(RuntimeError):
    """The world cannot be made here; nothing was changed, and the message says what to do."""


@dataclass(frozen=True, slots=True)
class WorldSummary:
    """What was made. `rows` counts by 'schema.table', the sandbox's tables as 'sandbox.<table>'."""

    customers: int
    seed: int
    as_of: date
    rows: dict[str, int] = field(default_factory=dict)


def make_world(
    warehouse_path: Path | str,
    sandbox_path: Path | str,
    *,
    customers: int,
    seed: int,
    as_of: date,
    replace: bool = False,
    progress: Progress | None = None,
) -> WorldSummary:
    """Make the world of (`customers`, `seed`, `as_of`); the same three always give the same rows.

    Fills the raw schemas of `RAW_SCHEMAS` and the schema `world` (the truth) of the DuckDB file, Klaviyo's
    and Zendesk's tables of the sandbox's SQLite file, and writes `world.json` beside the warehouse.
    Everything ends before `as_of` 00:00 UTC, e-mail events three hours earlier. `progress` hears the name of
    each step.

    A world that nothing was done with yet is replaced. `WorldError` when raw schemas or the sandbox hold
    something else - loaded tables, loads from the sandbox, pushes to it - and `replace` is false; with
    `replace` all of that goes. `WarehouseError` when the file is locked or cannot be written, `StoreError`
    for the sandbox's file. In each case nothing is half written.
    """
    if not 1 <= customers <= LARGEST_WORLD:
        raise WorldError(f"a world of {customers} customers cannot be made: give 1 to {LARGEST_WORLD:,}")
    warehouse = DuckDBWarehouse(Path(warehouse_path))
    warehouse.path.parent.mkdir(parents=True, exist_ok=True)
    with warehouse.connection() as connection, _working_settings(connection):
        if not replace:
            _refuse_foreign_tables(connection, warehouse.path)
        with closing(Store(Path(sandbox_path))) as store:
            if not replace:
                _refuse_foreign_sandbox(store)
            summary = _make(connection, store, WorldSummary(customers, seed, as_of), progress or _silence)
    _write_parameters(warehouse.path.parent / "world.json", summary)
    return summary


def _make(
    connection: duckdb.DuckDBPyConnection, store: Store, summary: WorldSummary, progress: Progress
) -> WorldSummary:
    """Both files in one transaction each; the warehouse commits last, because its mark says "complete"."""
    connection.execute("set variable customers = ?", [summary.customers])
    connection.execute("set variable seed = ?", [str(summary.seed)])
    connection.execute("set variable as_of = ?", [f"{summary.as_of} 00:00:00+00"])
    with _transaction(connection):
        for schema in _ALL_SCHEMAS:
            connection.execute(f"drop schema if exists {schema} cascade")
        for area in _AREAS:
            progress(area.replace("_", " "))
            connection.execute(_sql(area))
        connection.execute(
            "insert into world.parameters values (?, ?, ?, ?)",
            [summary.customers, summary.seed, summary.as_of, WORLD_VERSION],
        )
        rows = {}
        for schema, table in _tables(connection):
            connection.execute(f"comment on table {schema}.\"{table}\" is '{_MARK}'")
            counted = connection.execute(f'select count(*) from {schema}."{table}"').fetchone()
            rows[f"{schema}.{table}"] = counted[0] if counted else 0
        progress("sandbox")
        with store.transaction() as sandbox:
            rows |= fill_sandbox(connection, sandbox)
            sandbox.execute(
                "insert or replace into setting (key, value) values (?, ?)",
                [_SANDBOX_MARK, json.dumps(_parameters(summary))],
            )
    return WorldSummary(summary.customers, summary.seed, summary.as_of, rows)


def _sql(area: str) -> str:
    return resources.files(__package__).joinpath("sql", f"{area}.sql").read_text(encoding="utf-8")


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = current_database() and schema_name in (select unnest(?)) order by all",
        [[*RAW_SCHEMAS, TRUTH_SCHEMA]],
    ).fetchall()


def _refuse_foreign_tables(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    relations = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() "
        "where database_name = current_database() and schema_name in (select unnest($schemas)) "
        "and comment is distinct from $mark "
        "union all "
        "select schema_name || '.' || view_name from duckdb_views() "
        "where database_name = current_database() and schema_name in (select unnest($schemas)) order by all",
        {"schemas": _ALL_SCHEMAS, "mark": _MARK},
    ).fetchall()
    if relations:
        names = ", ".join(name for (name,) in relations)
        raise WorldError(
            f"{path} holds tables that were not made by `c360 world`: {names}; "
            "make the world in another home, or allow them to be replaced"
        )


def _refuse_foreign_sandbox(store: Store) -> None:
    if store.setting(_SANDBOX_MARK) is None and not store.is_empty():
        raise WorldError(
            f"{store.path} holds profiles or tickets that were not made by `c360 world`; "
            "make the world in another home, or allow them to be replaced"
        )


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def _working_settings(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Bounded memory while building. They belong to the open file, so that others get theirs back."""
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"set memory_limit = '{_WORKING_MEMORY}'")
    connection.execute("set preserve_insertion_order = false")
    try:
        yield
    finally:
        connection.execute("reset memory_limit")
        connection.execute("reset preserve_insertion_order")


def _parameters(summary: WorldSummary) -> dict[str, object]:
    return {
        "customers": summary.customers,
        "seed": summary.seed,
        "as_of": summary.as_of.isoformat(),
        "version": WORLD_VERSION,
    }


def _write_parameters(path: Path, summary: WorldSummary) -> None:
    unfinished = path.with_suffix(".json.part")
    unfinished.write_text(json.dumps(_parameters(summary), indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _silence(_: str) -> None:
    """For callers who do not listen."""

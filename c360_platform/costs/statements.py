"""Every statement of a run that BigQuery bills: of dbt and of dlt. The sync engine's are in `pushes`.

Belongs here: what dbt and dlt make of a model, a test, a table to merge. Does not belong here: what the
statements read. Free are: load jobs (seeds, dlt's loads, what the engine appends), making views, and the
question for a contract's column types (its condition is never true).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from c360_platform.googlesql.compiled import CompiledProject, Node

# Days that a load of an API brings again beside what is new.
LOADED_DAYS = 2


@dataclass(frozen=True, slots=True)
class Statement:
    """One job. `group` is ingest, models, tests or pushes; `node` is dbt's id, `sync` the sync's name.

    `times` is how often a run sends it. `changed_days`: the rows that it changes are of these last days at
    most, which BigQuery sees in the rows and this estimate would not.
    """

    name: str
    group: str
    sql: str
    parameters: tuple[str, ...] = ()
    node: str = ""
    sync: str = ""
    times: int = 1
    changed_days: int | None = None


def dbt_statements(
    project: CompiledProject, columns: Mapping[str, list[str]], *, incremental: bool, as_of: date
) -> Iterator[Statement]:
    """Models and data tests; `columns` by node id. `incremental` False gives a full refresh."""
    for node in project.nodes.values():
        if node.sql is None:
            continue
        if node.kind == "test":
            counted = f"select count(*) as failures from (\n{node.sql}\n) as dbt_internal_test"
            yield Statement(
                _test_name(project, node), "tests", counted, node=node.tested_node or node.unique_id
            )
        elif node.config.get("materialized") == "incremental" and incremental and node.incremental_sql:
            yield from _later_run(node, columns[node.unique_id], as_of)
        elif node.kind == "snapshot":
            yield from _snapshot(node)
        elif node.config.get("materialized") != "view":
            yield Statement(node.name, "models", node.sql, node=node.unique_id)


def temporary_path(node: Node) -> tuple[str, str, str]:
    """Where dbt keeps the new rows of an incremental model until it merges them."""
    database, schema, name = node.path
    return database, schema, f"{name}__dbt_tmp"


def window_days(node: Node) -> int | None:
    """How many days of an incremental model a later run replaces; None when it says none."""
    window = _window(node)
    return int(window["lookback_days"]) if window else None


def _later_run(node: Node, columns: list[str], as_of: date) -> Iterator[Statement]:
    """The look for the newest row, the new rows into a table of their own, and the MERGE of that table."""
    target, source = _quoted(node.path), _quoted(temporary_path(node))
    keys = node.config.get("unique_key") or []
    on = [
        f"DBT_INTERNAL_SOURCE.`{key}` = DBT_INTERNAL_DEST.`{key}`"
        for key in ([keys] if isinstance(keys, str) else keys)
    ]
    window, by_source = _window(node), ""
    if window:
        column, days = window["column"], int(window["lookback_days"])
        last_year = _from(window, as_of - timedelta(days=366), "")
        yield Statement(
            f"{node.name} (newest row)",
            "models",
            f"select cast(max({column}) as date) from {target} where {last_year}",
            node=node.unique_id,
            times=2,  # once for the query, once for the MERGE
        )
        limit = _from(window, as_of - timedelta(days=days), "DBT_INTERNAL_DEST.")
        on.append(limit)
        by_source = f"when not matched by source and {limit} then delete"
    on += [str(text) for text in node.config.get("incremental_predicates") or []]
    yield Statement(node.name, "models", node.incremental_sql or "", node=node.unique_id)
    updates = ", ".join(f"`{name}` = DBT_INTERNAL_SOURCE.`{name}`" for name in columns)
    names = ", ".join(f"`{name}`" for name in columns)
    yield Statement(
        f"{node.name} (merge)",
        "models",
        f"merge into {target} as DBT_INTERNAL_DEST using {source} as DBT_INTERNAL_SOURCE "
        f"on {' and '.join(on)} when matched then update set {updates} "
        f"when not matched then insert ({names}) values ({names}) {by_source}",
        node=node.unique_id,
    )


def _snapshot(node: Node) -> Iterator[Statement]:
    """The rows now, beside those of the last time; and closing what changed, which may lie anywhere."""
    target = _quoted(node.path)
    yield Statement(node.name, "models", node.sql or "", node=node.unique_id)
    yield Statement(f"{node.name} (compare)", "models", f"select * from {target}", node=node.unique_id)
    close = f"update {target} set dbt_valid_to = dbt_updated_at where dbt_scd_id is not null"
    yield Statement(f"{node.name} (merge)", "models", close, node=node.unique_id)


def ingest_statements(node: Node, columns: list[str], key: tuple[str, ...]) -> list[Statement]:
    """How dlt puts loaded rows in the place of those with the same key."""
    target, source = _quoted(node.path), _quoted(loaded_path(node))
    same = " and ".join(f"d.`{name}` = s.`{name}`" for name in key)
    names = ", ".join(f"`{name}`" for name in columns)
    delete = f"delete from {target} as d where exists (select 1 from {source} as s where {same})"
    name = f"{node.path[1]}.{node.path[2]}"
    return [
        Statement(f"{name} (delete)", "ingest", delete, node=node.unique_id, changed_days=LOADED_DAYS),
        Statement(
            f"{name} (insert)",
            "ingest",
            f"insert into {target} ({names}) select {names} from {source}",
            node=node.unique_id,
        ),
    ]


def loaded_path(node: Node) -> tuple[str, str, str]:
    """Where dlt keeps the rows of a load until it merges them."""
    database, schema, name = node.path
    return database, f"{schema}_staging", name


def _window(node: Node) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (node.config.get("meta") or {}).get("window")
    return found


def _from(window: Mapping[str, Any], day: date, of: str) -> str:
    literal = f"date '{day}'" if window["data_type"] == "date" else f"timestamp '{day} 00:00:00+00:00'"
    return f"{of}{window['column']} >= {literal}"


def _test_name(project: CompiledProject, node: Node) -> str:
    tested = project.nodes.get(node.tested_node)
    return (
        f"{tested.name}: {node.name.removesuffix(f'_{node.tested_column}')[:60]} {node.tested_column}".strip()
        if tested
        else node.name
    )


def _quoted(path: tuple[str, str, str]) -> str:
    return ".".join(f"`{part}`" for part in path)

"""What dbt adds to its own SQL: a build of the project in units of the same statements run by DuckDB alone.

Belongs here: turning what dbt just ran into bare statements. Does not belong here: how processes are
measured.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from c360_platform.bench.processes import Command, Ratio, Say, compare, measure
from c360_platform.bench.workplace import Workplace, fill_warehouse, make_workplace


def build_ratio(directory: Path, *, customers: int, rounds: int, say: Say) -> Ratio:
    """`dbt build` as the platform runs it ÷ its seeds, models and data tests as plain SQL.

    Every run begins with the same raw tables; dbt has parsed the project before, as it has after a first run.
    """
    workplace = make_workplace(directory)
    fill_warehouse(workplace.settings, customers=customers, say=say)
    raw = directory / "raw.duckdb"
    shutil.move(workplace.settings.warehouse_path, raw)

    dbt = dbt_build(workplace, raw)
    say("  building once, to learn the statements …")
    dbt.prepare()
    measure(dbt)
    statements = directory / "statements.json"
    plain = list(plain_statements(workplace))
    statements.write_text(json.dumps(plain))
    return compare(
        "dbt build ÷ plain SQL",
        ours=dbt,
        floor=bare(workplace, raw, statements),
        rounds=rounds,
        detail=f"{customers:,} customers, {len(plain)} statements",
        say=say,
    )


def dbt_build(workplace: Workplace, raw: Path, *, with_tests: bool = True) -> Command:
    """The build as the platform runs it, on a copy of the raw tables; its results stay in the home."""
    from c360_platform.assets.transform import build_arguments

    settings = workplace.settings
    skipped = [] if with_tests else ["--exclude-resource-type", "test"]
    return dbt_command(
        workplace,
        [*build_arguments(settings), *skipped],
        prepare=lambda: _start_from(raw, settings.warehouse_path),
    )


def dbt_parse(workplace: Workplace) -> Command:
    """What every build but the first one of a home finds done."""
    from c360_platform.dbt_manifest import dbt_arguments

    return dbt_command(workplace, ["parse", *dbt_arguments(workplace.settings)])


def dbt_command(
    workplace: Workplace, arguments: list[str], *, prepare: Callable[[], object] = lambda: None
) -> Command:
    """Any dbt command on the workplace's project and warehouse."""
    from c360_platform.dbt_manifest import dbt_executable, dbt_variables

    settings, target = workplace.settings, str(_target(workplace))
    places = {"project-dir": settings.dbt_project_dir, "profiles-dir": settings.dbt_project_dir}
    options = [
        f"--{name}={path}" for name, path in {**places, "target-path": target, "log-path": target}.items()
    ]
    return Command(
        [dbt_executable(), "--quiet", *arguments, *options],
        {**workplace.environment, **dbt_variables(settings)},
        settings.dbt_project_dir,
        prepare=prepare,
    )


def bare(workplace: Workplace, raw: Path, statements: Path) -> Command:
    """The statements alone, on a copy of the raw tables."""
    warehouse = workplace.settings.home / "bare" / workplace.settings.warehouse_path.name
    return Command(
        [sys.executable, "-m", "c360_platform.bench.bare_sql", str(statements), str(warehouse)],
        workplace.environment,
        workplace.settings.home,
        prepare=lambda: _start_from(raw, warehouse),
    )


def _start_from(raw: Path, warehouse: Path) -> None:
    warehouse.parent.mkdir(exist_ok=True)
    for leftover in warehouse.parent.glob(f"{warehouse.name}*"):
        leftover.unlink()
    shutil.copyfile(raw, warehouse)


def _target(workplace: Workplace) -> Path:
    return workplace.settings.home / "target"


def plain_statements(workplace: Workplace) -> Iterator[str]:
    """What the last build did, in its order: settings, schemas, seeds, models, snapshots, data tests.

    A first build's snapshot holds its rows as they are, without the columns that dbt adds for later ones.
    """
    project, target = workplace.settings.dbt_project_dir, _target(workplace)
    profile = yaml.safe_load((project / "profiles.yml").read_text())["c360"]["outputs"]["duckdb"]
    for name, value in profile["settings"].items():
        yield f"set {name} = '{value}'"
    nodes: dict[str, Any] = json.loads((target / "manifest.json").read_text())["nodes"]
    results = json.loads((target / "run_results.json").read_text())["results"]
    ran = [
        nodes[result["unique_id"]] for result in sorted(results, key=_started) if result["unique_id"] in nodes
    ]
    for schema in sorted({node["schema"] for node in ran if node["resource_type"] != "test"}):
        yield f'create schema if not exists "{schema}"'
    types = _column_types(workplace, [n for n in ran if n["resource_type"] in ("seed", "snapshot")])
    for node in ran:
        if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral":
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            yield f"create or replace {kind} {node['relation_name']} as (\n{node['compiled_code']}\n)"
        elif node["resource_type"] == "test":
            yield f"select count(*) from (\n{node['compiled_code']}\n)"
        elif node["resource_type"] == "seed":
            csv = f"'{project / node['original_file_path']}', columns = {types[node['relation_name']]}"
            yield f"create or replace table {node['relation_name']} as from read_csv({csv})"
        elif node["resource_type"] == "snapshot":
            added = [
                f"cast(null as {data_type}) as {name}"
                for name, data_type in types[node["relation_name"]].items()
                if name.startswith("dbt_")
            ]
            rows = f"select {', '.join(['*', *added])} from (\n{node['compiled_code']}\n)"
            yield f"create or replace table {node['relation_name']} as {rows}"


def _started(result: Mapping[str, Any]) -> str:
    timing = {step["name"]: step["started_at"] for step in result["timing"]}
    return str(timing.get("execute", ""))


def _column_types(workplace: Workplace, tables: list[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Columns and types of tables that dbt made, by relation."""
    import duckdb

    with duckdb.connect(str(workplace.settings.warehouse_path)) as connection:
        return {
            table["relation_name"]: {
                name: data_type
                for name, data_type, *_ in connection.execute(f"describe {table['relation_name']}").fetchall()
            }
            for table in tables
        }

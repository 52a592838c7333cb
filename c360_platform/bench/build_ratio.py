"""What dbt adds to its own SQL: a build of the project in units of the same statements run by DuckDB alone.

Belongs here: turning what dbt just ran into bare statements. Does not belong here: how processes are
measured.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
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

    dbt = _dbt(workplace, raw)
    say("  building once, to learn the statements …")
    dbt.prepare()
    measure(dbt)
    statements = directory / "statements.json"
    plain = list(_plain_statements(workplace))
    statements.write_text(json.dumps(plain))
    return compare(
        "dbt build ÷ plain SQL",
        ours=dbt,
        floor=_bare(workplace, raw, statements),
        rounds=rounds,
        detail=f"{customers:,} customers, {len(plain)} statements",
        say=say,
    )


def _dbt(workplace: Workplace, raw: Path) -> Command:
    from c360_platform.assets.transform import build_arguments
    from c360_platform.dbt_manifest import dbt_executable, dbt_variables

    settings, target = workplace.settings, str(_target(workplace))
    places = {"project-dir": settings.dbt_project_dir, "profiles-dir": settings.dbt_project_dir}
    options = [
        f"--{name}={path}" for name, path in {**places, "target-path": target, "log-path": target}.items()
    ]
    return Command(
        [dbt_executable(), "--quiet", *build_arguments(settings), *options],
        {**workplace.environment, **dbt_variables(settings)},
        settings.dbt_project_dir,
        prepare=lambda: _start_from(raw, settings.warehouse_path),
    )


def _bare(workplace: Workplace, raw: Path, statements: Path) -> Command:
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


def _plain_statements(workplace: Workplace) -> Iterator[str]:
    """What the last build did, in its order: settings of the profile, schemas, seeds, models, data tests."""
    project, target = workplace.settings.dbt_project_dir, _target(workplace)
    profile = yaml.safe_load((project / "profiles.yml").read_text())["c360"]["outputs"]["duckdb"]
    for name, value in profile["settings"].items():
        yield f"set {name} = '{value}'"
    nodes: dict[str, Any] = json.loads((target / "manifest.json").read_text())["nodes"]
    results = json.loads((target / "run_results.json").read_text())["results"]
    ran = [
        nodes[result["unique_id"]] for result in sorted(results, key=_started) if result["unique_id"] in nodes
    ]
    for schema in sorted({node["schema"] for node in ran if node["resource_type"] in ("model", "seed")}):
        yield f'create schema if not exists "{schema}"'
    seed_types = _column_types(workplace, [node for node in ran if node["resource_type"] == "seed"])
    for node in ran:
        if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral":
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            yield f"create or replace {kind} {node['relation_name']} as (\n{node['compiled_code']}\n)"
        elif node["resource_type"] == "test":
            yield f"select count(*) from (\n{node['compiled_code']}\n)"
        elif node["resource_type"] == "seed":
            csv = f"'{project / node['original_file_path']}', columns = {seed_types[node['relation_name']]}"
            yield f"create or replace table {node['relation_name']} as from read_csv({csv})"


def _started(result: Mapping[str, Any]) -> str:
    timing = {step["name"]: step["started_at"] for step in result["timing"]}
    return str(timing.get("execute", ""))


def _column_types(workplace: Workplace, seeds: list[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Columns and types of the seed tables that dbt made, by relation."""
    import duckdb

    with duckdb.connect(str(workplace.settings.warehouse_path)) as connection:
        return {
            seed["relation_name"]: {
                name: data_type
                for name, data_type, *_ in connection.execute(f"describe {seed['relation_name']}").fetchall()
            }
            for seed in seeds
        }

"""The dbt project as the SQL that BigQuery would get, made without BigQuery.

Belongs here: compiling (in a process of its own, once per state of the project) and the nodes as plain
values. Does not belong here: what dbt does in that process (offline_dbt.py), and judging SQL (project.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from c360_platform.dbt_manifest import DBT_OUTPUTS, ManifestError
from c360_platform.googlesql.engine import cache_directory

COMPILE_TIMEOUT_SECONDS = 600
# Nobody reads the data, so the day is any day; a fixed one keeps the SQL the same from day to day.
AS_OF = "2026-06-30"
# A profile that cannot reach Google: a literal token and an address where nobody listens.
_PROFILE = {
    "type": "bigquery",
    "method": "oauth-secrets",
    "token": "none",
    "dataset": "c360",
    "location": "EU",
    "api_endpoint": "http://127.0.0.1:9",
    "threads": 1,
    "job_retries": 0,
}
KINDS = frozenset({"source", "seed", "model", "snapshot", "test", "analysis"})
_PACKAGES = ("dbt-core", "dbt-bigquery", "dbt-adapters")


@dataclass(frozen=True, slots=True)
class Node:
    """A dbt node. `path` is project, dataset, name; `columns` are declared ones, with an empty type for none.

    `sql` is the compiled query and `incremental_sql` that of a run over a table that is there already, whose
    rows `merge_template` brings in.
    """

    unique_id: str
    kind: str  # model | test | snapshot | seed | source | analysis
    name: str
    file: str
    path: tuple[str, str, str]
    properties: str = ""  # the file that describes it, when there is one
    config: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    test: str = ""  # name of a generic test, and what it tests
    tested_node: str = ""
    tested_column: str = ""
    sql: str | None = None
    incremental_sql: str | None = None
    merge_template: str = ""  # see dbt_statements.merge
    error: str = ""  # dbt's reason why there is no SQL


@dataclass(frozen=True, slots=True)
class CompiledProject:
    """Nodes in an order in which parents come first; `manifest` is dbt's own, without compiled code."""

    directory: Path
    nodes: Mapping[str, Node]
    manifest: Mapping[str, Any]


def compile_project(
    directory: Path,
    *,
    project: str,
    dataset_prefix: str = "",
    variables: Mapping[str, Any] | None = None,
) -> CompiledProject:
    """Compile a dbt project for BigQuery: 10 to 20 s, or at once when nothing changed since.

    `project` and `dataset_prefix` are what the SQL will say; `variables` are dbt's. No server is asked and no
    credentials are read. Raises `ManifestError` with dbt's reason when it cannot even be parsed; a node that
    does not compile keeps its `error`.
    """
    from filelock import FileLock

    if not (directory / "dbt_project.yml").is_file():
        raise ManifestError(
            f"there is no dbt_project.yml in {directory}: set C360_DBT_PROJECT_DIR to the dbt project"
        )
    given: dict[str, Any] = {"as_of": AS_OF, **(variables or {})}
    state = _state(directory, project, dataset_prefix, given)
    place = compiled_directory(directory, project=project, dataset_prefix=dataset_prefix, variables=given)
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / ".lock"):
        made_of = place / "state"
        if not made_of.exists() or made_of.read_text() != state:
            made_of.unlink(missing_ok=True)
            _compile(directory, place, project, dataset_prefix, given)
            made_of.write_text(state)
        answer = json.loads((place / "compiled.json").read_text(encoding="utf-8"))
        if "refused" in answer:
            raise ManifestError(f"the dbt project in {directory} does not compile: {answer['refused']}")
        manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    return CompiledProject(directory, _nodes(manifest, answer["forms"], answer["errors"]), manifest)


def project_state(
    directory: Path,
    *,
    project: str,
    dataset_prefix: str = "",
    variables: Mapping[str, Any] | None = None,
) -> str:
    """A digest of everything that the compiled SQL depends on; arguments as of `compile_project`."""
    return _state(directory, project, dataset_prefix, {"as_of": AS_OF, **(variables or {})})


def compiled_directory(
    directory: Path,
    *,
    project: str,
    dataset_prefix: str = "",
    variables: Mapping[str, Any] | None = None,
) -> Path:
    """Where a compiled project is kept, one per project and arguments, which are those of `compile_project`.

    dbt parses only what changed since the last time in the same place.
    """
    given = {"as_of": AS_OF, **(variables or {})}
    name = json.dumps([str(directory.resolve()), project, dataset_prefix, given], sort_keys=True)
    return cache_directory() / "compiled" / hashlib.sha256(name.encode()).hexdigest()[:16]


def _state(directory: Path, project: str, prefix: str, variables: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([project, prefix, variables], sort_keys=True).encode())
    digest.update(" ".join(version(package) for package in _PACKAGES).encode())
    digest.update(Path(__file__).with_name("offline_dbt.py").read_bytes())
    for file in sorted(_project_files(directory)):
        digest.update(f"{file.relative_to(directory)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _project_files(directory: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(directory):
        if Path(folder) == directory:
            names[:] = [name for name in names if name not in DBT_OUTPUTS - {"dbt_packages"}]
        yield from (Path(folder, name) for name in files if not name.startswith("."))


def _compile(directory: Path, place: Path, project: str, prefix: str, variables: Mapping[str, Any]) -> None:
    import yaml

    settings = yaml.safe_load((directory / "dbt_project.yml").read_text(encoding="utf-8"))
    output = {**_PROFILE, "project": project}
    profile = {settings["profile"]: {"target": "bigquery", "outputs": {"bigquery": output}}}
    (place / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    answer = place / "compiled.json"
    answer.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "c360_platform.googlesql.offline_dbt",
        str(directory.resolve()), str(place), json.dumps(variables),
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603  (our own module and paths)
            command,
            check=False,
            env=os.environ | {"C360_BIGQUERY_DATASET_PREFIX": prefix, "C360_BIGQUERY_PROJECT": project},
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=COMPILE_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ManifestError(f"dbt did not finish compiling: {error}") from None
    if not answer.exists():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ManifestError(f"dbt stopped while compiling {directory}: {said[-1] if said else 'no reason'}")


def _nodes(
    manifest: Mapping[str, Any], forms: Mapping[str, Mapping[str, str]], errors: Mapping[str, str]
) -> dict[str, Node]:
    described = {**manifest["sources"], **manifest["nodes"]}
    full, incremental = forms.get("full", {}), forms.get("incremental", {})
    failed = {name.split(" ", 1)[1]: reason for name, reason in errors.items()}
    ordered: dict[str, Node] = {}

    def visit(unique_id: str) -> None:
        node = described.get(unique_id)
        if node is None or unique_id in ordered or node["resource_type"] not in KINDS:
            return
        parents = tuple(node.get("depends_on", {}).get("nodes", ()))
        for parent in parents:
            visit(parent)
        ordered[unique_id] = Node(
            unique_id=unique_id,
            kind=node["resource_type"],
            name=node["name"],
            file=node["original_file_path"],
            path=(node["database"], node["schema"], node.get("identifier") or node["alias"]),
            properties=(node.get("patch_path") or "").rpartition("://")[2],
            config=node["config"],
            columns={column["name"]: column.get("data_type") or "" for column in node["columns"].values()},
            parents=parents,
            test=(node.get("test_metadata") or {}).get("name", ""),
            tested_node=node.get("attached_node") or "",
            tested_column=node.get("column_name") or "",
            sql=full.get(unique_id),
            incremental_sql=incremental.get(unique_id),
            merge_template=forms.get("merge", {}).get(unique_id, ""),
            error=failed.get(unique_id, ""),
        )

    for unique_id in described:
        visit(unique_id)
    return ordered

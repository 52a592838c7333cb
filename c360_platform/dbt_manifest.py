"""The dbt project as data: a manifest that is never older than the project it describes.

Belongs here: parsing when a project file changed, reading the result, the variables dbt needs to find the
warehouse. Does not belong here: building models (assets/transform.py) and what the manifest means to others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from c360_platform.settings import Settings

# What dbt writes itself; everything else in the project directory can change the manifest.
DBT_OUTPUTS = {"target", "logs", "dbt_packages"}
PARSE_TIMEOUT_SECONDS = 300
LOG_PREFIX = re.compile(r"^\d\d:\d\d:\d\d\s+(Encountered an error:)?", re.MULTILINE)


class ManifestError(RuntimeError):
    """The dbt project cannot be parsed; the message holds dbt's own reason, with the file."""


def manifest_path(settings: Settings) -> Path:
    """Where the manifest lives; one per engine, and on BigQuery per project and prefix: names differ."""
    names: list[str] = [settings.engine]
    if settings.engine == "bigquery":
        names += [settings.bigquery_project or "", settings.bigquery_dataset_prefix]
    directory = "-".join(filter(None, names)).replace(":", "_")
    return settings.dbt_project_dir / "target" / directory / "manifest.json"


def read_manifest(settings: Settings) -> dict[str, Any]:
    """The parsed project as dbt's manifest.json, parsed anew first when a project file is newer.

    Needs no network and no warehouse. Raises `ManifestError` with dbt's reason.
    """
    import orjson

    path = prepare_manifest(settings)
    try:
        manifest: dict[str, Any] = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ManifestError(f"{path} cannot be read ({error}): delete it, it is made anew") from None
    return manifest


def prepare_manifest(settings: Settings) -> Path:
    """Run `dbt parse` when the manifest is missing or stale; many processes may call this at once."""
    path = manifest_path(settings)
    if not (settings.dbt_project_dir / "dbt_project.yml").is_file():
        raise ManifestError(
            f"there is no dbt_project.yml in {settings.dbt_project_dir}: "
            "set C360_DBT_PROJECT_DIR to the dbt project"
        )
    if _is_current(path, settings.dbt_project_dir):
        return path

    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / ".parse.lock"):
        if not _is_current(path, settings.dbt_project_dir):
            _parse(settings, path)
    return path


def project_variable(settings: Settings, name: str) -> str:
    """The default of a dbt variable, as dbt_project.yml gives it."""
    import yaml

    project = yaml.safe_load((settings.dbt_project_dir / "dbt_project.yml").read_text(encoding="utf-8"))
    return str(project["vars"][name])


def dbt_executable() -> str:
    """The `dbt` beside this interpreter: the virtual environment need not be activated."""
    return shutil.which("dbt", path=str(Path(sys.executable).parent)) or "dbt"


def dbt_variables(settings: Settings) -> dict[str, str]:
    """Environment variables by which profiles.yml and macros find this installation's warehouse."""
    return {
        "C360_DBT_TARGET": settings.engine,
        "C360_WAREHOUSE_PATH": str(settings.warehouse_path),
        "C360_BIGQUERY_PROJECT": settings.bigquery_project or "unset",
        "C360_BIGQUERY_LOCATION": settings.bigquery_location,
        # A prefix keeps installations of one project apart; a DuckDB file is one installation.
        "C360_BIGQUERY_DATASET_PREFIX": (
            settings.bigquery_dataset_prefix if settings.engine == "bigquery" else ""
        ),
        "C360_BIGQUERY_MAX_BYTES_BILLED": str(settings.bigquery_max_bytes_billed),
        "C360_BIGQUERY_JOB_TIMEOUT_SECONDS": str(settings.bigquery_job_timeout_seconds),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # dbt words every debug event before it drops it: a tenth of a build. Errors are in Dagster's log,
        # statements and results are in the target directory.
        "DBT_LOG_LEVEL_FILE": "none",
    }


def dbt_arguments(settings: Settings) -> list[str]:
    """Arguments that every dbt command gets: dbt parses anew when they differ from the last command's."""
    arguments = ["--target", settings.engine]
    if settings.as_of is not None:
        arguments += ["--vars", json.dumps({"as_of": settings.as_of.isoformat()})]
    return arguments


def _is_current(manifest: Path, project: Path) -> bool:
    try:
        made = manifest.stat().st_mtime_ns
    except FileNotFoundError:
        return False
    return all(changed <= made for changed in _modification_times(project))


def _modification_times(project: Path) -> Iterator[int]:
    """Of every project file, and of every directory, because a deletion shows only there."""
    for directory, names, files in os.walk(project):
        if Path(directory) == project:
            # dbt's own output changes the root directory's time, so its files have to speak for it.
            names[:] = [name for name in names if name not in DBT_OUTPUTS]
        else:
            yield Path(directory).stat().st_mtime_ns
        for name in files:
            if not name.startswith("."):
                yield Path(directory, name).stat().st_mtime_ns


def _parse(settings: Settings, path: Path) -> None:
    """Parse into the manifest's directory and date the manifest back to the start of the parse.

    A file that changes while dbt reads the project is then newer than the manifest, as it should be.
    """
    project = str(settings.dbt_project_dir)
    target = str(path.parent)
    command = [
        dbt_executable(), "--no-use-colors", "--quiet", "--log-level-file", "none", "parse",
        "--project-dir", project, "--profiles-dir", project, "--target-path", target, "--log-path", target,
        *dbt_arguments(settings),
    ]  # fmt: skip
    stamp = path.parent / ".parse.started"
    stamp.touch()
    started = stamp.stat().st_mtime_ns
    try:
        finished = subprocess.run(  # noqa: S603  (our own executable and paths)
            command,
            check=False,
            env=os.environ | dbt_variables(settings),
            cwd=project,
            capture_output=True,
            text=True,
            timeout=PARSE_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ManifestError(f"dbt parse did not finish: {error}") from None
    if finished.returncode != 0 or not path.exists():
        said = " ".join(LOG_PREFIX.sub("", finished.stdout + finished.stderr).split())
        raise ManifestError(f"the dbt project in {project} does not parse: {said or 'dbt gave no reason'}")
    os.utime(path, ns=(started, started))

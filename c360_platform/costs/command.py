"""`c360 bytes`: the estimate for a home, from its warehouse or, without one, from a small shop made for it.

Belongs here: finding or making what is measured, and running the parts in order. Does not belong here: the
parts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from c360_platform.activation.spec import load_specs
from c360_platform.costs import CostsError
from c360_platform.costs.estimate import Estimate
from c360_platform.costs.measure import Measured, measure
from c360_platform.costs.project import estimate_project
from c360_platform.costs.report import lines
from c360_platform.costs.schedules import monthly
from c360_platform.costs.tables import Size
from c360_platform.googlesql.compiled import AS_OF, compile_project
from c360_platform.settings import Settings

SHOP_CUSTOMERS = 400
Say = Callable[[str], None]


def show_bytes(settings: Settings, *, customers: int, months: int, per_tib: float, say: Say) -> Estimate:
    """Print what runs would scan. Raises `ManifestError`, `CostsError`."""
    from c360_platform.automation import SCHEDULES

    as_of = date.fromisoformat(AS_OF)
    measured = _measured(settings, say)
    project = compile_project(settings.dbt_project_dir, project="project")
    estimate = estimate_project(project, measured, as_of=as_of)
    size = Size(customers, months, as_of)
    scheduled = monthly(estimate.costs(size), project, load_specs(project.manifest), SCHEDULES)
    for line in lines(estimate, measured, size, scheduled, per_tib):
        say(line)
    return estimate


def _measured(settings: Settings, say: Say) -> Measured:
    if settings.warehouse_path.exists():
        return measure(settings.warehouse_path)
    say(f"{settings.warehouse_path} is not there: making a shop of {SHOP_CUSTOMERS} customers to measure …")
    with TemporaryDirectory(prefix="c360-bytes-") as directory:
        return _small_shop(Path(directory), settings.dbt_project_dir, say)


def _small_shop(directory: Path, dbt_project: Path, say: Say) -> Measured:
    import os
    import subprocess
    from dataclasses import replace

    from c360_platform.bench.workplace import fill_warehouse, make_workplace
    from c360_platform.dbt_manifest import dbt_executable

    workplace = make_workplace(directory)
    settings = replace(workplace.settings, dbt_project_dir=dbt_project)
    fill_warehouse(settings, customers=SHOP_CUSTOMERS, say=say)
    command = [
        dbt_executable(), "--quiet", "build", "--exclude-resource-types", "test", "unit_test",
        "--project-dir", str(dbt_project), "--profiles-dir", str(dbt_project),
        "--target-path", str(directory / "target"), "--log-path", str(directory / "target"),
        "--vars", f"{{as_of: {AS_OF}}}",
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603  (our own executable and paths)
        command, check=False, env=os.environ | dict(workplace.environment), capture_output=True, text=True
    )
    if done.returncode != 0:
        raise CostsError(f"the shop cannot be built: {' '.join(done.stdout.split())[-500:]}")
    return measure(settings.warehouse_path)

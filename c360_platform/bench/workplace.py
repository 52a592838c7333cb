"""A place to measure in: a home of its own and a copy of the dbt project, away from everybody's files.

Belongs here: what a measurement needs before it starts. Does not belong here: measuring.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import SecretStr

from c360_platform.settings import PROJECT_ROOT, Settings, load_settings

SEED = 1
AS_OF = date(2026, 6, 30)


@dataclass(frozen=True, slots=True)
class Workplace:
    """`environment` makes any child process use the same home and dbt project as `settings`."""

    settings: Settings
    environment: Mapping[str, str]


def make_workplace(directory: Path) -> Workplace:
    """An empty home and the dbt project without its outputs, in the new `directory`."""
    project = directory / "dbt_project"
    shutil.copytree(
        PROJECT_ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs", ".*")
    )
    environment = {
        "C360_ENV": "local",
        "C360_HOME": str(directory / "home"),
        "C360_DBT_PROJECT_DIR": str(project),
        "C360_WAREHOUSE_PATH": str(directory / "home" / "warehouse.duckdb"),
        "C360_AS_OF": AS_OF.isoformat(),
        "DAGSTER_HOME": str(directory / "home"),
    }
    settings = load_settings(environment)
    settings.home.mkdir()
    return Workplace(settings, environment)


def fill_warehouse(settings: Settings, *, customers: int, say: Callable[[str], None]) -> None:
    """The synthetic shop with all its sources, Zendesk and Klaviyo ingested as in a run."""
    from c360_platform.sandbox.server import running_sandbox
    from c360_platform.sandbox.world import make_world
    from dlt_pipelines import klaviyo, zendesk

    say(f"  making a shop of {customers:,} customers …")
    make_world(settings.warehouse_path, settings.sandbox_path, customers=customers, seed=SEED, as_of=AS_OF)
    with running_sandbox(settings.sandbox_path, limits=False) as sandbox:
        reachable = settings.pointed_at(sandbox.url)
        say("  ingesting Zendesk and Klaviyo …")
        zendesk.load(
            settings.warehouse_path,
            base_url=sandbox.url,
            email=_clear(reachable.zendesk_email),
            api_token=_clear(reachable.zendesk_api_token),
            pipelines_dir=settings.dlt_home,
        )
        klaviyo.load(
            settings.warehouse_path,
            base_url=sandbox.url,
            api_key=_clear(reachable.klaviyo_key()),
            pipelines_dir=settings.dlt_home,
        )


def _clear(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None

"""Homes to test in: an empty one, and a small shop that has lived through one loop.

Belongs here: fixtures that several areas share. Does not belong here: what only one area needs; that area has
a conftest of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings as hypothesis_settings

from c360_platform.googlesql.compiled import AS_OF
from c360_platform.sandbox.server import Sandbox, running_sandbox
from c360_platform.settings import Settings, load_settings

# On the day that BigQuery's SQL is compiled for in other tests: what is compiled once serves all.
SMALL_WORLD = ("--customers", "150", "--seed", "7", "--as-of", AS_OF)
DEMO_OUTPUT = "demo.txt"
LIVED_IN = "lived_in"
UNLIMITED = 1_000_000  # exports a minute, where the sandbox refuses nothing
# Files that take more than ten seconds: they begin first, so that no worker ends long after the others. The
# second and the third need none of the small home, which the first one makes for the rest.
LONGEST_FIRST = (
    "platform/test_demo.py",
    "warehouse/googlesql_check/test_project.py",
    "warehouse/test_incremental_models.py",
    "warehouse/googlesql/test_dag.py",
    "warehouse/test_marts_loop.py",
    "platform/test_automation.py",
    "platform/test_dagster_loop.py",
    "platform/test_ingest_assets.py",
    "warehouse/test_snapshots.py",
    "pipelines/test_resuming.py",
    "platform/test_definitions.py",
    "platform/test_world_transfer.py",
    "platform/test_shipments_sensor.py",
    "platform/sync/test_sync_recovery.py",
    "unit/test_bench.py",
    "platform/test_new_channel.py",
    "unit/test_costs_project.py",
    "platform/test_world.py",
    "warehouse/test_dbt_unit_tests.py",
    "pipelines/test_klaviyo.py",
    "warehouse/test_raw_shapes.py",
    "warehouse/googlesql/test_macros.py",
)

# What is tested is the change, not today's luck; `--hypothesis-profile=search` looks for new examples.
hypothesis_settings.register_profile("suite", derandomize=True)
hypothesis_settings.register_profile("search", derandomize=False)
hypothesis_settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest files first; `--no-loadscope-reorder` lets xdist keep the order."""
    here = Path(__file__).parent
    gone = [name for name in LONGEST_FIRST if not (here / name).exists()]
    assert not gone, f"tests/conftest.py orders files that are gone: {gone}"
    ranks = {here / name: rank for rank, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(autouse=True, scope="session")
def _no_developer_environment() -> Iterator[None]:
    """What the developer's shell or a surrounding Dagster sets must not reach a test."""
    names = [name for name in os.environ if name.startswith(("C360_", "KLAVIYO_", "ZENDESK_", "DAGSTER_"))]
    kept = {name: os.environ.pop(name) for name in names if name != "C360_REFERENCE_DATA"}
    yield
    os.environ.update(kept)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Settings of an installation that is all defaults, in an empty directory of its own."""
    directory = tmp_path / "home"
    directory.mkdir()
    return load_settings({}, home=directory)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """An empty sandbox that counts calls and enforces no rate limit."""
    with running_sandbox(tmp_path / "sandbox.sqlite", limits=False) as running:
        yield running


@dataclass(frozen=True)
class LivedInHome:
    """A home after its first loop. `settings` point at the sandbox."""

    settings: Settings
    sandbox: Sandbox

    def writes(self) -> dict[str, int]:
        """Requests to Klaviyo, since the sandbox started, that were not reads."""
        return {call: n for call, n in self.sandbox.calls().items() if not call.startswith("GET ")}


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the session that all workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def small_home(shared_directory: Path) -> Settings:
    """A small shop after `c360 demo`, made once for all workers. Only to read: see `lived_in_home`."""
    directory = shared_directory / "small_home"
    with FileLock(shared_directory / "small_home.lock"):
        if not directory.exists():
            made = shared_directory / LIVED_IN
            _run_demo(made)
            shutil.copytree(made, shared_directory / "copying")
            (shared_directory / "copying").rename(directory)
    as_of = json.loads((directory / "world.json").read_text())["as_of"]
    return replace(load_settings({}, home=directory), as_of=date.fromisoformat(as_of))


def _run_demo(directory: Path) -> None:
    """As people run it: the command, in a process of its own."""
    c360 = Path(sys.executable).with_name("c360")
    done = subprocess.run(
        [c360, "demo", "--home", directory, *SMALL_WORLD], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (directory / DEMO_OUTPUT).write_text(done.stdout)


@pytest.fixture
def lived_in_home(small_home: Settings, shared_directory: Path) -> Iterator[LivedInHome]:
    """A copy of the small home that a test may change, with its sandbox running.

    All are where the small home was made, one after the other: dbt parses the project anew, in ten seconds,
    when the path of the warehouse changes.
    """
    directory = shared_directory / LIVED_IN
    with FileLock(shared_directory / "lived_in.lock"):
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(small_home.home, directory)
        settings = replace(
            load_settings({}, home=directory), as_of=small_home.as_of, zendesk_exports_per_minute=UNLIMITED
        )
        with running_sandbox(settings.sandbox_path, limits=False) as running:
            yield LivedInHome(settings.pointed_at(running.url), running)

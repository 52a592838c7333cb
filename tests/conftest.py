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

from c360_platform.sandbox.server import Sandbox, running_sandbox
from c360_platform.settings import Settings, load_settings

SMALL_WORLD = ("--customers", "150", "--seed", "7")
DEMO_OUTPUT = "demo.txt"
UNLIMITED = 1_000_000  # exports a minute, where the sandbox refuses nothing


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
def small_home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small shop after `c360 demo`, made once for all workers. Only to copy: see `lived_in_home`."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    directory = shared / "small_home"
    with FileLock(shared / "small_home.lock"):
        if not (directory / DEMO_OUTPUT).exists():
            _run_demo(directory)
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
def lived_in_home(small_home: Settings, tmp_path: Path) -> Iterator[LivedInHome]:
    """A copy of the small home that a test may change, with its sandbox running."""
    directory = shutil.copytree(small_home.home, tmp_path / "lived_in")
    settings = replace(
        load_settings({}, home=directory), as_of=small_home.as_of, zendesk_exports_per_minute=UNLIMITED
    )
    with running_sandbox(settings.sandbox_path, limits=False) as running:
        yield LivedInHome(settings.pointed_at(running.url), running)

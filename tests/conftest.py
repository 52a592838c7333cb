"""Homes to test in: an empty one, and a small shop that has lived through one loop.

Belongs here: fixtures that several areas share. Does not belong here: what only one area needs; that area has
a conftest of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from c360_platform.sandbox.server import Sandbox, running_sandbox
from c360_platform.settings import Settings, load_settings

SMALL_WORLD = {"customers": 150, "seed": 7}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the small home go to one worker, so that it is made once."""
    for item in items:
        if "small_home" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("small_home"))


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
    """A small world, ingested, built and pushed once. Only to copy: see `lived_in_home`."""
    from c360_platform.loop import run_job
    from c360_platform.sandbox.world import make_world

    settings = replace(
        load_settings({}, home=tmp_path_factory.mktemp("small_home")), as_of=datetime.now(UTC).date()
    )
    assert settings.as_of is not None
    make_world(settings.warehouse_path, settings.sandbox_path, as_of=settings.as_of, **SMALL_WORLD)
    with running_sandbox(settings.sandbox_path, limits=False) as sandbox:
        outcome = run_job(settings.pointed_at(sandbox.url), "loop")
    assert outcome.success, outcome.failures
    return settings


@pytest.fixture
def lived_in_home(small_home: Settings, tmp_path: Path) -> Iterator[LivedInHome]:
    """A copy of the small home that a test may change, with its sandbox running."""
    directory = shutil.copytree(small_home.home, tmp_path / "lived_in")
    settings = replace(load_settings({}, home=directory), as_of=small_home.as_of)
    with running_sandbox(settings.sandbox_path, limits=False) as running:
        yield LivedInHome(settings.pointed_at(running.url), running)

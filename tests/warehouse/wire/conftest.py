"""An emulator for the wire tests, in this process's environment as in that of every child.

Belongs here: what makes a test run over the wire. Only `make test-bigquery` runs these tests (it sets
`WIRE_TESTS`); elsewhere they are skipped, because they take minutes and an environment of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from c360_platform.settings import Settings, load_settings
from tests.warehouse.emulator.process import VENV, Emulator, running_emulator
from tests.warehouse.marts_home import AS_OF


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An empty one per module: the datasets of raw tables have one name only."""
    if not os.environ.get("WIRE_TESTS"):
        pytest.skip("needs the BigQuery emulator: `make test-bigquery` runs it")
    if not (VENV / ".ready").exists():
        pytest.fail("the emulator's environment .venv-emulator is missing: run `make test-bigquery`")
    with (
        running_emulator(tmp_path_factory.mktemp("emulator")) as running,
        pytest.MonkeyPatch.context() as env,
    ):
        for name, value in running.environment.items():
            if not name.startswith("C360_"):  # tests say themselves which settings they use
                env.setenv(name, value)
        yield running


@pytest.fixture
def staging(emulator: Emulator, tmp_path: Path) -> Settings:
    """Settings of a staging home whose datasets nobody else uses."""
    return staging_settings(emulator, tmp_path / "home", prefix=f"{tmp_path.name}_".replace("-", "_"))


def staging_settings(
    emulator: Emulator, home: Path, *, prefix: str = "", as_of: date | None = AS_OF
) -> Settings:
    """A staging home in `home`, on the emulator."""
    home.mkdir(parents=True, exist_ok=True)
    variables = {
        **{name: value for name, value in emulator.environment.items() if name.startswith("C360_")},
        "C360_ENV": "staging",
        "C360_BIGQUERY_DATASET_PREFIX": prefix,
    }
    return replace(load_settings(variables, home=home), as_of=as_of)

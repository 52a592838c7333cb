"""Fixtures for tests of the dbt models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from c360_platform.dbt_manifest import prepare_manifest
from c360_platform.settings import load_settings
from tests.warehouse.dbt_home import DbtHome
from tests.warehouse.dbt_process import PARTIAL_PARSE, DbtProcess


@pytest.fixture(scope="session")
def dbt_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtProcess]:
    """dbt with the project, for many short builds; a test begins with a warehouse of its own.

    The project was parsed for the platform's manifest, once for all workers.
    """
    directory = tmp_path_factory.mktemp("dbt_process")
    parsed = prepare_manifest(load_settings({}, home=directory)).with_name(PARTIAL_PARSE)
    with DbtProcess(directory / "warehouse.duckdb", directory, parsed=parsed) as process:
        yield process


@pytest.fixture(scope="module")
def empty_home(dbt_process: DbtProcess) -> DbtHome:
    """The process's warehouse for one module, to be filled, built by the process and read."""
    dbt_process.warehouse.unlink(missing_ok=True)
    return DbtHome(dbt_process.warehouse, dbt_process.target)

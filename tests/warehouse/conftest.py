"""Fixtures for tests of the dbt models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.warehouse.dbt_home import DbtHome
from tests.warehouse.dbt_process import DbtProcess


@pytest.fixture(scope="session")
def dbt_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's homes are: at one path, because dbt parses anew for another one."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="module")
def new_home(dbt_directory: Path) -> Callable[[], DbtHome]:
    """Makes a home with an empty warehouse; it replaces the one made before."""

    def make() -> DbtHome:
        home = DbtHome(dbt_directory / "warehouse.duckdb", dbt_directory / "target")
        home.warehouse.unlink(missing_ok=True)
        return home

    return make


@pytest.fixture(scope="session")
def dbt_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtProcess]:
    """dbt with the project parsed, for many short builds; a test begins with a warehouse of its own."""
    directory = tmp_path_factory.mktemp("dbt_process")
    with DbtProcess(directory / "warehouse.duckdb", directory) as process:
        yield process

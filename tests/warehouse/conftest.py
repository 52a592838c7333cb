"""Fixtures for tests of the dbt models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.warehouse.dbt_home import DbtHome


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

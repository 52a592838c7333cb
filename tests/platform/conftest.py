"""The tiny shop: every kind of asset, in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from c360_platform import shipments_sensor
from c360_platform.sandbox.server import Sandbox
from c360_platform.settings import Settings
from tests.platform.tiny_shop import TinyShop, write_project


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny shop's dbt project; tests that change it write their own."""
    return write_project(tmp_path_factory.mktemp("tiny_project"))


@pytest.fixture
def tiny_shop(
    home: Settings, sandbox: Sandbox, tiny_project: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TinyShop]:
    """The tiny shop with its raw tables filled, and a sensor that does not wait for files to come to rest.

    All have the same warehouse path, one after the other: dbt parses the project anew when the path changes.
    """
    monkeypatch.setattr(shipments_sensor, "REST_SECONDS", 0.0)
    warehouse_path = tiny_project.parent / "tiny.duckdb"
    for left_over in tiny_project.parent.glob("tiny.duckdb*"):
        left_over.unlink()
    settings = replace(home, dbt_project_dir=tiny_project, warehouse_path=warehouse_path)
    with dg.DagsterInstance.ephemeral() as instance:
        shop = TinyShop(settings.pointed_at(sandbox.url), sandbox, instance)
        shop.fill()
        yield shop

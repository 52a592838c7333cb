"""A sandbox without limits, and the accounts and the warehouse of the loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from c360_platform.sandbox.server import Sandbox, running_sandbox
from tests.pipelines.accounts import KlaviyoAccount, Warehouse, ZendeskAccount


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path / "sandbox.sqlite", limits=False) as running:
        yield running


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    opened = Warehouse(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def zendesk(sandbox: Sandbox, warehouse: Warehouse) -> ZendeskAccount:
    return ZendeskAccount(sandbox, warehouse)


@pytest.fixture
def klaviyo(sandbox: Sandbox, warehouse: Warehouse) -> KlaviyoAccount:
    return KlaviyoAccount(sandbox, warehouse)

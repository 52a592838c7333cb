"""A fresh shop and a fresh sandbox for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.server import running_sandbox
from tests.platform.sync.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop, and a Klaviyo that finishes imports at once, so that a run seldom waits."""
    with running_sandbox(tmp_path / "sandbox.sqlite") as sandbox:
        KlaviyoSettings(sandbox.store).import_delay_seconds = 0
        opened = Shop.open(tmp_path, sandbox)
        yield opened
        opened.close()
